//! Locates the `claude` executable that this tool starts.
//!
//! Its path is absolute and comes only from the user's own environment. A search of `PATH` skips the current
//! project, because the contents of a repository must not decide what runs.

use crate::env::Environment;
use crate::error::{Code, Error, Result};
use std::path::{Path, PathBuf};

/// Locates the executable: `CC_RECOVER_CLAUDE` or, if that is unset, the first `claude` on `PATH` outside
/// `project`.
///
/// # Errors
///
/// Returns [`Code::ClientNotFound`].
pub fn locate(env: &Environment, project: Option<&Path>) -> Result<PathBuf> {
    let inside = crate::program::excluded_directory(env, project);
    let outside = |path: &Path| {
        path.canonicalize().is_ok_and(|real| inside.as_ref().is_none_or(|inside| !real.starts_with(inside)))
    };
    if let Some(named) = env.var("CC_RECOVER_CLAUDE").map(PathBuf::from) {
        let wrong = if !named.is_absolute() {
            "CC_RECOVER_CLAUDE is not an absolute path"
        } else if !named.is_file() {
            "CC_RECOVER_CLAUDE does not name a file"
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
            Error::new(Code::ClientNotFound, "cannot find claude on PATH outside the project")
                .hint("install Claude Code, or set CC_RECOVER_CLAUDE to its absolute path")
        })
}

/// Resolves a launcher that the user names for one start: a program and its first arguments, separated by
/// spaces, such as `ccs work`. Returns its words, with the absolute path of the program first.
///
/// # Errors
///
/// Returns [`Code::ClientNotFound`] if there is no such program outside the project, [`Code::Usage`] if the
/// line is empty.
pub fn launcher(env: &Environment, line: &str, project: Option<&Path>) -> Result<Vec<String>> {
    // The line may be one path that contains spaces.
    let whole = Path::new(line.trim());
    let words: Vec<&str> = if whole.is_absolute() && whole.is_file() {
        vec![line.trim()]
    } else {
        line.split_whitespace().collect()
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(Error::new(Code::Usage, "--with requires a program")
            .hint("give one, such as --with \"ccs work\""));
    };
    let path = Path::new(program);
    let excluded = crate::program::excluded_directory(env, project);
    let inside = |path: &Path| {
        path.canonicalize()
            .is_ok_and(|real| excluded.as_ref().is_some_and(|project| real.starts_with(project)))
    };
    let found = if path.is_absolute() {
        which::which_in(path, None::<&std::ffi::OsStr>, env.cwd()).ok().filter(|path| !inside(path))
    } else if path.components().count() > 1 {
        None
    } else {
        crate::program::find(env, program, project)
    };
    let found = found.ok_or_else(|| {
        Error::new(Code::ClientNotFound, format!("cannot find {program} on PATH outside the project"))
            .hint("name a program on PATH, or give its absolute path")
    })?;
    let arguments = arguments.iter().map(|word| (*word).to_owned());
    Ok(std::iter::once(found.to_string_lossy().into_owned()).chain(arguments).collect())
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
    fn a_program_in_the_project_is_never_used() {
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
    fn in_the_home_directory_the_users_own_installation_is_found() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let own = program(&home.join(".local/bin"));
        let variables = [("HOME", home.clone().into_os_string()), ("PATH", home.join(".local/bin").into())];
        let env = Environment::from_pairs(variables.clone(), &home);
        assert_eq!(locate(&env, Some(&home)).unwrap(), own);
        assert_eq!(locate(&env, Some(root.path())).unwrap(), own, "a directory above it");
        // A project below the home directory is still excluded.
        assert_eq!(locate(&env, Some(&home.join(".local"))).unwrap_err().code, Code::ClientNotFound);
    }

    #[test]
    fn a_launcher_is_found_on_the_path_outside_the_project_with_its_arguments() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("project");
        program(&project);
        let own = program(&root.path().join("my bin"));
        let path = std::env::join_paths([project.clone(), root.path().join("my bin")]).unwrap();
        let env = Environment::from_pairs([("PATH", path)], &project);
        let named = own.to_str().unwrap();
        let with = |line: &str| launcher(&env, line, Some(&project));
        assert_eq!(with(" claude  work ").unwrap(), [named, "work"]);
        assert_eq!(with(named).unwrap(), [named]);
        assert_eq!(with("  ").unwrap_err().code, Code::Usage);
        let planted = project.join("claude");
        for line in ["nothing", "./claude", planted.to_str().unwrap()] {
            assert_eq!(with(line).unwrap_err().code, Code::ClientNotFound, "{line}");
        }
    }

    #[test]
    fn the_program_named_by_the_user_comes_first_and_must_exist() {
        let root = tempfile::tempdir().unwrap();
        let named = program(&root.path().join("elsewhere"));
        let with = |path: &Path| Environment::from_pairs([("CC_RECOVER_CLAUDE", path.as_os_str())], "/");
        assert_eq!(locate(&with(&named), None).unwrap(), named);
        std::fs::set_permissions(&named, std::fs::Permissions::from_mode(0o644)).unwrap();
        for (path, wrong) in [
            (named, "names a file that is not executable"),
            (root.path().join("nothing"), "does not name a file"),
            (root.path().to_owned(), "does not name a file"),
            (PathBuf::from("claude"), "is not an absolute path"),
        ] {
            let error = locate(&with(&path), None).unwrap_err();
            assert_eq!(error.message, format!("CC_RECOVER_CLAUDE {wrong}"));
            assert_eq!(error.code.exit_code(), 3);
        }
    }
}
