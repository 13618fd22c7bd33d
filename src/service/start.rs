//! Determines the program, arguments and variables with which the service starts. Paths are absolute and
//! permanent, so that nothing in a temporary cache or in a project is started at login.

use super::Manager;
use crate::claude::program::locate;
use crate::env::Environment;
use crate::error::{Code, Error, Result};
use crate::store::StateDir;
use crate::trust::enabled::enclosing;
use std::path::{Component, Path, PathBuf};

/// Variables with locations. The service must use the same locations as the user who installed it.
const PLACES: [&str; 6] = [
    "CC_RECOVER_STATE_DIR",
    "CC_RECOVER_CONFIG",
    "CC_RECOVER_CLAUDE",
    "CLAUDE_CONFIG_DIR",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
];
/// Variables that runs may need, but that may be secret or may change: warnings list them, and their values
/// are never written to a file.
const LEFT_OUT: [&str; 10] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "HTTPS_PROXY",
    "https_proxy",
    "NODE_EXTRA_CA_CERTS",
    "AWS_PROFILE",
];

/// Environment variable set for processes that a service starts. Their output is not read, so the native
/// program can supervise without Node.js.
pub const SERVICE: &str = "CC_RECOVER_SERVICE";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub node: String,
    /// Arguments of Node.js, starting with the absolute path of the command.
    pub arguments: Vec<String>,
    pub variables: Vec<(String, String)>,
    pub warnings: Vec<String>,
}

impl Start {
    /// Computes what the service of this user runs: `node` with the command of the package at `package_root`.
    ///
    /// # Errors
    /// [`Code::PathRefused`] for a package in a temporary or project directory, and for paths that the
    /// service's file cannot contain; [`Code::Io`] when the command is not in the package.
    pub fn of(
        env: &Environment,
        state: &StateDir,
        manager: Manager,
        node: &Path,
        package_root: &Path,
    ) -> Result<Self> {
        let script = package_root.join("bin").join("cc-session-recover.js");
        stays(env, state, package_root)?;
        for program in [node, &script] {
            if !program.is_absolute() || !program.is_file() {
                return Err(Error::new(Code::Io, "is not an absolute path to a program").at(program));
            }
        }
        if manager == Manager::Systemd
            && node.to_str().is_some_and(|node| node.contains('=') && node.contains(['"', '\'', '\\']))
        {
            return Err(Error::new(Code::PathRefused, "has both an equals sign and a quotation mark in it")
                .at(node)
                .hint("install Node.js under another path"));
        }
        let path = search_path(env, node);
        let mut variables = vec![("PATH".to_owned(), path.clone())];
        for name in PLACES {
            if let Some(value) = env.absolute(name) {
                variables.push((name.to_owned(), writable(&value, manager)?));
            }
        }
        variables.push((SERVICE.to_owned(), "1".to_owned()));
        Ok(Self {
            node: writable(node, manager)?,
            arguments: vec![writable(&script, manager)?, "watch".into(), "--all".into()],
            variables,
            warnings: warnings(env, manager, &path),
        })
    }
}

/// Returns an error for a package that a later login may not find, or whose contents a project controls.
fn stays(env: &Environment, state: &StateDir, root: &Path) -> Result<()> {
    let temporary = root.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name == "_npx" || name == "dlx" || name.starts_with("dlx-") || name.starts_with("bunx-")
    });
    let refused = |why: String| {
        Err(Error::new(Code::PathRefused, why)
            .at(root)
            .hint("install it with `npm install --global cc-session-recover`, then run `cc-session-recover watch --install`"))
    };
    if temporary {
        return refused("is a temporary copy of the package, which can vanish at any time".into());
    }
    match enclosing(state, env, root) {
        Some(project) if root.starts_with(project.join("node_modules")) => refused(format!(
            "belongs to the project {}, which must not decide what runs at a login",
            project.display()
        )),
        _ => Ok(()),
    }
}

/// Returns the path as text that the manager's file can contain.
fn writable(path: &Path, manager: Manager) -> Result<String> {
    let refused = |why: &str| {
        Err(Error::new(Code::PathRefused, why).at(path).hint("install it, or Node.js, under another path"))
    };
    let Some(text) = path.to_str() else { return refused("is not UTF-8 text") };
    if text.chars().any(char::is_control) {
        return refused("has a control character in it");
    }
    // The task scheduler expands these, and offers no way to escape them.
    if manager == Manager::Schtasks && (text.contains(['%', '"']) || text.contains("$(")) {
        return refused("contains a character that a scheduled task cannot store");
    }
    Ok(text.to_owned())
}

/// Returns the user's own `PATH`: absolute directories, without those that `npm run` and npx prepend, and
/// with the directory of Node.js.
fn search_path(env: &Environment, node: &Path) -> String {
    let separator = if cfg!(windows) { ';' } else { ':' };
    let mut dirs: Vec<PathBuf> = Vec::new();
    let own = node.parent().map(Path::to_path_buf);
    for dir in env.search_path().into_iter().chain(own) {
        let text =
            dir.to_str().filter(|text| !text.contains(separator) && !text.chars().any(char::is_control));
        let borrowed = dir.ends_with("node_modules/.bin")
            || dir.components().any(|part| part == Component::Normal("_npx".as_ref()));
        if text.is_some() && !borrowed && !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    let texts: Vec<&str> = dirs.iter().filter_map(|dir| dir.to_str()).collect();
    texts.join(&separator.to_string())
}

fn warnings(env: &Environment, manager: Manager, path: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut pairs = vec![("PATH", path.into())];
    pairs.extend(env.var("CC_RECOVER_CLAUDE").map(|claude| ("CC_RECOVER_CLAUDE", claude.to_os_string())));
    if let Err(error) = locate(&Environment::from_pairs(pairs, "/"), None) {
        warnings.push(format!("the service will not find Claude Code: {}", error.message));
    }
    let left: Vec<&str> = LEFT_OUT.into_iter().filter(|name| env.var(name).is_some()).collect();
    if !left.is_empty() {
        let place = match manager {
            Manager::Systemd => "a file in ~/.config/environment.d",
            Manager::Launchd => "`launchctl setenv`",
            Manager::Schtasks => "your user's environment variables",
        };
        warnings.push(format!(
            "set in this shell, but not for the service: {}; if runs need them, set them in {place}",
            left.join(", ")
        ));
    }
    if manager == Manager::Schtasks {
        let here: Vec<&str> = PLACES.into_iter().filter(|name| env.var(name).is_some()).collect();
        if !here.is_empty() {
            warnings.push(format!(
                "a scheduled task has the variables of your login; set them there too: {}",
                here.join(", ")
            ));
        }
    }
    warnings
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        state: StateDir,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            Self { state: StateDir::new(dir.path().join("state")), dir }
        }

        fn package(&self, inner: &str) -> PathBuf {
            let root = self.dir.path().join(inner);
            std::fs::create_dir_all(root.join("bin")).unwrap();
            std::fs::write(root.join("bin/cc-session-recover.js"), "").unwrap();
            root
        }

        fn start(&self, root: &Path, pairs: &[(&str, &str)], manager: Manager) -> Result<Start> {
            let node = self.dir.path().join("node dir/node");
            std::fs::create_dir_all(node.parent().unwrap()).unwrap();
            std::fs::write(&node, "").unwrap();
            Start::of(&Environment::from_pairs(pairs.iter().copied(), "/"), &self.state, manager, &node, root)
        }
    }

    #[test]
    fn only_absolute_directories_of_the_user_path_are_written() {
        let place = Place::new();
        let root = place.package("lib/node_modules/cc-session-recover");
        let path = "/usr/bin:.:bin::/opt/a b:/p/node_modules/.bin:/c/_npx/1/bin:/usr/bin:/x\ny";
        let start = place
            .start(
                &root,
                &[("PATH", path), ("CC_RECOVER_CONFIG", "/c/x.json"), ("CLAUDE_CONFIG_DIR", "rel")],
                Manager::Systemd,
            )
            .unwrap();
        let own = place.dir.path().join("node dir");
        assert_eq!(
            start.variables,
            [
                ("PATH".into(), format!("/usr/bin:/opt/a b:{}", own.display())),
                ("CC_RECOVER_CONFIG".into(), "/c/x.json".into()),
                (SERVICE.into(), "1".into())
            ]
        );
        assert_eq!(start.arguments[1..], ["watch", "--all"]);
    }

    #[test]
    fn a_temporary_copy_is_refused_with_the_next_step() {
        let place = Place::new();
        for inner in [
            ".npm/_npx/9f/node_modules/cc-session-recover",
            ".cache/pnpm/dlx/x/node_modules/cc-session-recover",
            "dlx-12/node_modules/p",
            "bunx-1000-p@1/node_modules/p",
        ] {
            let error = place.start(&place.package(inner), &[], Manager::Systemd).unwrap_err();
            assert_eq!(error.code, Code::PathRefused, "{inner}");
            assert!(error.hint.unwrap().contains("npm install --global"));
        }
        assert_eq!(
            place.start(&place.dir.path().join("nothing"), &[], Manager::Systemd).unwrap_err().code,
            Code::Io
        );
    }

    #[test]
    fn secret_variables_are_named_but_never_written() {
        let place = Place::new();
        let root = place.package("package");
        let start = place
            .start(
                &root,
                &[("ANTHROPIC_API_KEY", "SECRET"), ("HTTPS_PROXY", "http://u:SECRET@p")],
                Manager::Systemd,
            )
            .unwrap();
        assert!(
            start.warnings.iter().any(|warning| warning.contains("ANTHROPIC_API_KEY, HTTPS_PROXY")),
            "{start:?}"
        );
        assert!(!format!("{start:?}").contains("SECRET"));
    }

    #[test]
    fn a_path_that_the_service_file_cannot_represent_is_refused() {
        let place = Place::new();
        assert_eq!(
            place.start(&place.package("a\nb"), &[], Manager::Launchd).unwrap_err().code,
            Code::PathRefused
        );
        let percent = place.package("100% $(x)");
        assert_eq!(place.start(&percent, &[], Manager::Schtasks).unwrap_err().code, Code::PathRefused);
        assert!(place.start(&percent, &[], Manager::Systemd).is_ok());
    }
}
