//! The state directory: where each kind of file lives. Directories are 0700 and files 0600 from the moment they exist.

use crate::error::{IoContext, Result};
use crate::fs::private_directory;
use crate::store::replace::TEMPORARY;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Paths under the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The state directory at this path; nothing is created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Enabled projects, one file each.
    #[must_use]
    pub fn projects(&self) -> PathBuf {
        self.root.join("projects")
    }

    /// Incidents, one file a session.
    #[must_use]
    pub fn incidents(&self) -> PathBuf {
        self.root.join("incidents")
    }

    /// The incident of a session.
    #[must_use]
    pub fn incident(&self, session: &str) -> PathBuf {
        self.incidents().join(format!("{session}.json"))
    }

    /// Hook events nobody has folded into an incident yet.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Lock files. They hold nothing and are never removed while in use.
    #[must_use]
    pub fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    /// Lock around one read-change-write of a session's incident.
    #[must_use]
    pub fn session_lock(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.lock"))
    }

    /// Held by the one process that waits for a session.
    #[must_use]
    pub fn waiter_lease(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.waiter"))
    }

    /// Lock around one read-change-write of a project's note or settings.
    #[must_use]
    pub fn project_lock(&self, key: &str) -> PathBuf {
        self.leases().join(format!("project-{key}.lock"))
    }

    /// What was registered about a session when it started.
    #[must_use]
    pub fn session(&self, session: &str) -> PathBuf {
        self.root.join("sessions").join(session).join("session.json")
    }

    /// One directory for each session something is kept of.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// What a session was given of its own saved state.
    #[must_use]
    pub fn given(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("given.json")
    }

    /// The client that loaded the plugin's module for a session.
    #[must_use]
    pub fn loaded_module(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("module.json")
    }

    /// Which limits of its context a session has passed.
    #[must_use]
    pub fn context(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("context.json")
    }

    /// What was seen of a session that its client does not save.
    #[must_use]
    pub fn saving(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("saving.json")
    }

    /// What was said in a session that its client does not save.
    #[must_use]
    pub fn shadow(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("shadow.json")
    }

    /// Held by the one hook that writes what it saw of a session at the end of a turn.
    #[must_use]
    pub fn watch_lease(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.watch"))
    }

    /// What status lines were told about accounts and models, one file a configuration directory.
    #[must_use]
    pub fn quota(&self) -> PathBuf {
        self.root.join("quota")
    }

    /// The file of the configuration directory with this key.
    #[must_use]
    pub fn quota_of(&self, key: &str) -> PathBuf {
        self.quota().join(format!("{key}.json"))
    }

    /// Lock around one read-change-write of that file.
    #[must_use]
    pub fn quota_lock(&self, key: &str) -> PathBuf {
        self.leases().join(format!("quota-{key}.lock"))
    }

    /// Held by the one run that resumes a closed session, from its preconditions to its verification.
    #[must_use]
    pub fn run_lease(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.run"))
    }

    /// Held by the supervisor of this user.
    #[must_use]
    pub fn supervisor_lease(&self) -> PathBuf {
        self.leases().join("supervisor.lock")
    }

    /// Held while one session of an account is resumed, by the account's key.
    #[must_use]
    pub fn account_lease(&self, key: &str) -> PathBuf {
        self.leases().join(format!("account-{key}.lock"))
    }

    /// Lock around putting the supervisor's service in or taking it out.
    #[must_use]
    pub fn service_lock(&self) -> PathBuf {
        self.leases().join("service.lock")
    }

    /// What the supervisor shows: who it is, and when it looks next.
    #[must_use]
    pub fn supervisor(&self) -> PathBuf {
        self.root.join("supervisor.json")
    }

    /// The salt of hashes that stand for addresses and account ids.
    #[must_use]
    pub fn salt(&self) -> PathBuf {
        self.root.join("salt.json")
    }

    /// A supervisor that the user started, and that is to take the lease over from one that a hook started.
    #[must_use]
    pub fn supervisor_wanted(&self) -> PathBuf {
        self.root.join("supervisor-wanted.json")
    }

    /// Whether, and what, a person has paused.
    #[must_use]
    pub fn paused(&self) -> PathBuf {
        self.root.join("paused.json")
    }

    /// Which notices were sent.
    #[must_use]
    pub fn notices(&self) -> PathBuf {
        self.root.join("notices.json")
    }

    /// Lock around one read-change-write of that file.
    #[must_use]
    pub fn notices_lock(&self) -> PathBuf {
        self.leases().join("notices.lock")
    }

    /// Copies of transcripts from before something that changes them, one directory a session.
    #[must_use]
    pub fn snapshots(&self, session: &str) -> PathBuf {
        self.root.join("snapshots").join(session)
    }

    /// Snapshots of all sessions.
    #[must_use]
    pub fn all_snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Kept sessions, one directory each.
    #[must_use]
    pub fn all_kept(&self) -> PathBuf {
        self.root.join("kept")
    }

    /// Files of one session that outlive Claude Code's retention sweep, a directory for each generation.
    #[must_use]
    pub fn kept(&self, session: &str) -> PathBuf {
        self.all_kept().join(session)
    }

    /// Which files are kept of a session.
    #[must_use]
    pub fn kept_description(&self, session: &str) -> PathBuf {
        self.kept(session).join("kept.json")
    }

    /// What is known of all kept sessions; a cache of their descriptions.
    #[must_use]
    pub fn kept_register(&self) -> PathBuf {
        self.all_kept().join("register.json")
    }

    /// Dictionaries of the frames of kept sessions.
    #[must_use]
    pub fn kept_dictionaries(&self) -> PathBuf {
        self.all_kept().join("dictionaries")
    }

    /// Held while files of a session are linked, packed or removed.
    #[must_use]
    pub fn kept_lock(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.kept"))
    }

    /// Exports that were given no other place.
    #[must_use]
    pub fn exports(&self) -> PathBuf {
        self.root.join("exports")
    }

    /// Pages for people that were given no other place.
    #[must_use]
    pub fn pages(&self) -> PathBuf {
        self.root.join("pages")
    }

    /// Outputs of the runs of all sessions.
    #[must_use]
    pub fn all_runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Output of runs, one directory a session.
    #[must_use]
    pub fn runs(&self, session: &str) -> PathBuf {
        self.all_runs().join(session)
    }

    /// Where sessions were relocated to.
    #[must_use]
    pub fn moves(&self) -> PathBuf {
        self.root.join("moves.json")
    }

    /// Lock around one read-change-write of that file.
    #[must_use]
    pub fn moves_lock(&self) -> PathBuf {
        self.leases().join("moves.lock")
    }

    /// Damaged files, kept for a person to look at.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Copies of the package that hooks load.
    #[must_use]
    pub fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// Which node hooks start, as lines: a path, another for when the first is gone, and the PATH in which hooks look for programs.
    #[must_use]
    pub fn start(&self) -> PathBuf {
        self.root.join("start")
    }

    /// Directory of the package that wrote the hooks last, for noticing that it was upgraded.
    #[must_use]
    pub fn package(&self) -> PathBuf {
        self.root.join("package")
    }

    /// The version of an upgraded package that a user was told of.
    #[must_use]
    pub fn upgrade_told(&self) -> PathBuf {
        self.root.join("upgrade-told")
    }

    /// The journal of everything that was done.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// The journal before it was turned over.
    #[must_use]
    pub fn older_journal(&self) -> PathBuf {
        self.root.join("journal.1.jsonl")
    }

    /// Lock around one line of the journal.
    #[must_use]
    pub fn journal_lock(&self) -> PathBuf {
        self.leases().join("journal.lock")
    }
}

/// Names directly in the state directory, those of older versions included.
const OWN_NAMES: [&str; 27] = [
    "exports",
    "incidents",
    "journal.1.jsonl",
    "journal.jsonl",
    "kept",
    "leases",
    "moves.json",
    "notices.json",
    "package",
    "pages",
    "paused.json",
    "plugin",
    "projects",
    "quarantine",
    "quota",
    "runs",
    "runtime",
    "salt.json",
    "session.json",
    "sessions",
    "snapshots",
    "spool",
    "start",
    "states",
    "supervisor-wanted.json",
    "supervisor.json",
    "upgrade-told",
];

/// Whether something directly in the state directory is of this tool, by its name.
#[must_use]
pub fn is_own_name(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let log = name.starts_with("SESSION-LOG-") && Path::new(name).extension().is_some_and(|end| end == "md");
    OWN_NAMES.contains(&name) || log || name.ends_with(TEMPORARY)
}

/// Creates a private directory and its missing parents.
///
/// # Errors
/// [`crate::error::Code::Io`] when it cannot be created.
pub fn ensure_dir(dir: &Path) -> Result<()> {
    let mut builder = private_directory();
    builder.recursive(true);
    builder.create(dir).doing("create the directory", dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_layout_is_below_an_own_name() {
        let state = StateDir::new("/s");
        for path in [
            state.projects(),
            state.incident("x"),
            state.spool(),
            state.journal_lock(),
            state.session("x"),
            state.given("x"),
            state.context("x"),
            state.saving("x"),
            state.shadow("x"),
            state.quota_of("x"),
            state.supervisor(),
            state.salt(),
            state.supervisor_wanted(),
            state.paused(),
            state.notices(),
            state.snapshots("x"),
            state.kept("x"),
            state.kept_register(),
            state.kept_dictionaries(),
            state.exports(),
            state.pages(),
            state.runs("x"),
            state.moves(),
            state.quarantine(),
            state.runtime(),
            state.start(),
            state.journal(),
            state.older_journal(),
        ] {
            let name = path.strip_prefix("/s").unwrap().iter().next().unwrap();
            assert!(is_own_name(name), "{}", path.display());
        }
        for name in ["notes", "projects2", ".git", "SESSION-LOG-", "journal.txt"] {
            assert!(!is_own_name(OsStr::new(name)), "{name}");
        }
    }
}
