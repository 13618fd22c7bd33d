//! Resolves `--project`: a directory, or part of the name of a directory in which sessions ran.

use super::inventory::{Inventory, ReportContext};
use super::words::{NameRow, name_rows};
use crate::error::{Code, Error, Result};
use crate::fs::{canonical, not_a_directory};
use crate::store::StateDir;
use crate::trust::enabled::{all_enabled, enclosing};
use crate::world::World;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Returns the real path of the named directory.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`], [`Code::SessionAmbiguous`] when several directories match,
/// [`Code::StateDirUnknown`].
pub fn project_named(world: World<'_>, named: &Path) -> Result<PathBuf> {
    let path = world.env.cwd().join(named);
    if let Some(dir) = canonical(&path).ok().filter(|dir| dir.is_dir()) {
        return Ok(dir);
    }
    let not_found = |hint: &str| not_a_directory(&path).at(named).hint(hint);
    // The command line has already resolved the argument against the working directory.
    let name = path.strip_prefix(world.env.cwd()).ok().and_then(Path::to_str);
    let Some(name) = name.filter(|name| !name.is_empty() && !name.contains(std::path::is_separator)) else {
        return Err(not_found("name the directory of a project, or use --all"));
    };
    if std::fs::symlink_metadata(&path).is_ok() {
        return Err(not_found("name the directory of a project, or use --all"));
    }
    let state = StateDir::new(world.env.state_dir()?);
    let ground = ReportContext::read(world, None)?;
    let inventory = Inventory::take(&ground, None)?;
    let mut known: BTreeMap<PathBuf, usize> =
        all_enabled(&state).into_iter().filter_map(|one| Some((one.project?, 0))).collect();
    for cwd in inventory.rows.iter().filter_map(|row| row.summary.cwd.as_deref()) {
        let dir = enclosing(&state, world.env, Path::new(cwd)).unwrap_or_else(|| PathBuf::from(cwd));
        *known.entry(dir).or_default() += 1;
    }
    known.retain(|dir, _| dir.is_dir());
    let dirs: Vec<&Path> = known.keys().map(PathBuf::as_path).collect();
    match projects_called(name, &dirs).as_slice() {
        [] => {
            Err(not_found("no project has such a name either; `cc-session-recover list` shows the projects"))
        }
        [dir] => Ok(dir.to_path_buf()),
        several => {
            let rows: Vec<NameRow> = several
                .iter()
                .map(|dir| NameRow {
                    id: dir.display().to_string(),
                    age: String::new(),
                    project: String::new(),
                    name: super::words::count_words(known[*dir], "session"),
                })
                .collect();
            let message = format!("{name:?} matches {} projects:\n{}", several.len(), name_rows(&rows));
            Err(Error::new(Code::SessionAmbiguous, message).hint("give more of the name, or the directory"))
        }
    }
}

/// Returns the directories that match a name. The first rule with any match decides: equal, prefix,
/// substring, letters in the same order.
fn projects_called<'d>(name: &str, dirs: &[&'d Path]) -> Vec<&'d Path> {
    let wanted = name.to_lowercase();
    let own = |dir: &Path| dir.file_name().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    let rules: [fn(&str, &str) -> bool; 4] = [
        |own, wanted| own == wanted,
        |own, wanted| own.starts_with(wanted),
        |own, wanted| own.contains(wanted),
        |own, wanted| {
            let mut letters = own.chars();
            wanted.chars().all(|letter| letters.any(|one| one == letter))
        },
    ];
    rules
        .iter()
        .map(|rule| dirs.iter().copied().filter(|dir| rule(&own(dir), &wanted)).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_by_its_name_then_by_part_of_it() {
        let dirs = ["/w/api", "/w/api-docs", "/w/old/api", "/w/Parser", "/w/notes"].map(Path::new);
        for (name, expected) in [
            ("api-docs", &["/w/api-docs"][..]),
            ("api", &["/w/api", "/w/old/api"]),
            ("API-D", &["/w/api-docs"]),
            ("docs", &["/w/api-docs"]),
            ("pars", &["/w/Parser"]),
            ("prsr", &["/w/Parser"]),
            ("nts", &["/w/notes"]),
            ("x", &[]),
        ] {
            let found: Vec<&str> =
                projects_called(name, &dirs).iter().map(|dir| dir.to_str().unwrap()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
