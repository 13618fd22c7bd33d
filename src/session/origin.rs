//! Determines a session's origin, the directory in which it was started and in which a client finds it by id.

use super::scan::Found;
use crate::claude::home::encode_project_path;
use crate::claude::transcript::Transcript;
use std::ffi::OsStr;
use std::path::Path;

/// Numbers of bytes at the beginning to search: first a few, which nearly always suffice, then more.
const HEADS: [u64; 2] = [16 * 1024, 256 * 1024];

/// Returns the directory that the name of the transcript's directory encodes or, without one, that of the
/// newest message (`newest`), and whether it is the former. `others` are tried if the transcript's own
/// records do not match.
#[must_use]
pub fn origin(
    transcript: &Path,
    newest: Option<&str>,
    others: impl IntoIterator<Item = String>,
) -> (Option<String>, bool) {
    among(&[name_of(transcript.parent())], transcript, newest, others)
}

/// Returns the origin of a found transcript, whose directory may have several names. If the directory in its
/// records no longer exists, one of `others` that matches another of these names is used: a project was
/// renamed, and its transcript directory linked.
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

/// Returns the directory in which a session was started according to its own records; `None` if none of them
/// matches the name of the transcript's directory, as in a copy.
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
    // Ignores a relative path: `cd -` would lead elsewhere.
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
