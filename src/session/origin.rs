//! The origin: the directory in which a session was started, which is where a client finds it by its id.

use super::scan::Found;
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
    among(&[name_of(transcript.parent())], transcript, newest, others)
}

/// The same of a transcript that was found, whose directory may have several names. Where the directory that its records tell is
/// gone, one of `others` that bears another of these names is it: a project was renamed, and its directory of transcripts linked.
#[must_use]
pub fn origin_of(
    found: &Found,
    newest: Option<&str>,
    others: impl IntoIterator<Item = String>,
) -> (Option<String>, bool) {
    let names: Vec<Option<&str>> = found.directories().map(|dir| name_of(Some(dir))).collect();
    let mut others = others.into_iter();
    if names.len() == 1 {
        return among(&names, &found.path, newest, others);
    }
    let told = start_of(found, newest);
    if told.as_deref().is_some_and(|dir| Path::new(dir).is_dir()) {
        return (told, true);
    }
    let taken = told.as_deref().map(encode_project_path);
    let bears_another = |dir: &str| {
        let encoded = encode_project_path(dir);
        taken.as_deref() != Some(&encoded) && names.contains(&Some(&encoded)) && Path::new(dir).is_dir()
    };
    match others.find(|dir| bears_another(dir)) {
        Some(dir) => (Some(dir), true),
        None if told.is_some() => (told, true),
        None => (newest.filter(|cwd| Path::new(cwd).is_absolute()).map(str::to_owned), false),
    }
}

/// The directory in which a session was started, as its own records tell; nothing where none of them bears the name of the
/// directory that the transcript is in, as in a copy.
#[must_use]
pub fn start_of(found: &Found, newest: Option<&str>) -> Option<String> {
    let names: Vec<Option<&str>> = found.directories().map(|dir| name_of(Some(dir))).collect();
    let (start, told) = among(&names, &found.path, newest, []);
    start.filter(|_| told)
}

fn name_of(dir: Option<&Path>) -> Option<&str> {
    dir.and_then(Path::file_name).and_then(OsStr::to_str)
}

fn among(
    names: &[Option<&str>],
    transcript: &Path,
    newest: Option<&str>,
    others: impl IntoIterator<Item = String>,
) -> (Option<String>, bool) {
    let bears = |cwd: &str| names.contains(&Some(&encode_project_path(cwd)));
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
