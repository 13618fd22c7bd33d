//! The origin: the directory in which a session was started, which is where a client finds it by its id.

use crate::claude::home::encode_project_path;
use crate::claude::transcript::Transcript;
use std::ffi::OsStr;
use std::path::Path;

/// Bytes at the beginning in which it is looked for: first in few, where it nearly always is, then in more.
const HEADS: [u64; 2] = [16 * 1024, 256 * 1024];

/// The directory whose name the transcript's directory bears, else that of the newest message (`newest`); and whether it is
/// the former. `others` are asked when the transcript's own records do not tell.
#[must_use]
pub fn origin(
    transcript: &Path,
    newest: Option<&str>,
    others: impl IntoIterator<Item = String>,
) -> (Option<String>, bool) {
    let name = transcript.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    let bears = |cwd: &str| name == Some(&encode_project_path(cwd));
    // Nothing relative: `cd -` leads elsewhere.
    let newest = newest.filter(|cwd| Path::new(cwd).is_absolute());
    if let Some(cwd) = newest.filter(|cwd| bears(cwd)) {
        return (Some(cwd.to_owned()), true);
    }
    let opened = Transcript::open(transcript).ok();
    let recorded = opened.iter().flat_map(|transcript| {
        let more = HEADS.into_iter().enumerate();
        let more = more.filter(|(index, _)| *index == 0 || transcript.bytes() > HEADS[0]);
        more.flat_map(|(_, budget)| transcript.head(budget)).filter_map(|record| record.head.cwd)
    });
    match recorded.chain(others).find(|cwd| bears(cwd)) {
        Some(cwd) => (Some(cwd), true),
        None => (newest.map(str::to_owned), false),
    }
}
