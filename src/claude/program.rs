//! The program: which `claude` is started when one has to be.
//!
//! It comes from the user's own environment only, is absolute, and never lies in the project that is worked on: what a
//! repository contains must not decide what runs.

use crate::env::Environment;
use crate::error::{Code, Error, Result};
use std::path::{Path, PathBuf};

/// Finds it: `CC_RECOVER_CLAUDE`, else the first `claude` on `PATH` outside of `project`.
///
/// # Errors
/// [`Code::ClientNotFound`].
pub fn locate(env: &Environment, project: Option<&Path>) -> Result<PathBuf> {
    let inside = project.and_then(|project| project.canonicalize().ok());
    let outside = |path: &Path| {
        path.canonicalize().is_ok_and(|real| inside.as_ref().is_none_or(|inside| !real.starts_with(inside)))
    };
    if let Some(named) = env.var("CC_RECOVER_CLAUDE").map(PathBuf::from) {
        let wrong = if !named.is_absolute() {
            "CC_RECOVER_CLAUDE is no absolute path"
        } else if !named.is_file() {
            "CC_RECOVER_CLAUDE names no file"
        } else if which::which_in(&named, None::<&std::ffi::OsStr>, env.cwd()).is_err() {
            "CC_RECOVER_CLAUDE names a file that is not executable"
        } else {
            return Ok(named);
        };
        return Err(Error::new(Code::ClientNotFound, wrong)
            .at(&named)
            .hint("set it to the absolute path of claude, or unset it"));
    }
    let dirs: Vec<PathBuf> = env.search_path().into_iter().filter(|dir| outside(dir)).collect();
    let path = std::env::join_paths(&dirs).ok();
    path.as_ref()
        .and_then(|path| which::which_in_all("claude", Some(path), env.cwd()).ok())
        .and_then(|mut found| found.find(|program| program.is_absolute() && outside(program)))
        .ok_or_else(|| {
            Error::new(Code::ClientNotFound, "claude was not found on PATH outside of the project")
                .hint("install Claude Code, or set CC_RECOVER_CLAUDE to its absolute path")
        })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(dir: &Path) -> PathBuf {
        std::fs::create_dir_all(dir).unwrap();
        let path = dir.join("claude");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_program_in_the_project_is_never_taken() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("project");
        program(&project.join("bin"));
        let own = program(&root.path().join("bin"));
        let path = std::env::join_paths([project.join("bin"), root.path().join("bin")]).unwrap();
        let env = Environment::from_pairs([("PATH", path)], &project);
        assert_eq!(locate(&env, Some(&project)).unwrap(), own);
        let only = Environment::from_pairs([("PATH", project.join("bin").into_os_string())], &project);
        assert_eq!(locate(&only, Some(&project)).unwrap_err().code, Code::ClientNotFound);
    }

    #[test]
    fn the_users_own_word_comes_first_and_must_be_true() {
        let root = tempfile::tempdir().unwrap();
        let named = program(&root.path().join("elsewhere"));
        let with = |path: &Path| Environment::from_pairs([("CC_RECOVER_CLAUDE", path.as_os_str())], "/");
        assert_eq!(locate(&with(&named), None).unwrap(), named);
        std::fs::set_permissions(&named, std::fs::Permissions::from_mode(0o644)).unwrap();
        for (path, wrong) in [
            (named, "names a file that is not executable"),
            (root.path().join("nothing"), "names no file"),
            (root.path().to_owned(), "names no file"),
            (PathBuf::from("claude"), "is no absolute path"),
        ] {
            let error = locate(&with(&path), None).unwrap_err();
            assert_eq!(error.message, format!("CC_RECOVER_CLAUDE {wrong}"));
            assert_eq!(error.code.exit_code(), 3);
        }
    }
}
