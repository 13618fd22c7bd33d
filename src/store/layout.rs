//! Defines the layout of the state directory. Directories have mode 0700 and files mode 0600 from creation.

use crate::error::{IoContext, Result};
use crate::fs::{private_directory, read_small};
use crate::store::replace::TEMPORARY;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Size limit in bytes of the files [`StateDir::start`] and [`StateDir::package`].
pub const START_LIMIT: u64 = 256 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Represents the state directory at this path without creating it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Directory of enabled projects, one file each.
    #[must_use]
    pub fn projects(&self) -> PathBuf {
        self.root.join("projects")
    }

    /// Lines that hooks added to git's exclude files, one file per project.
    #[must_use]
    pub fn excluded(&self) -> PathBuf {
        self.root.join("excluded")
    }

    /// Directory of incidents, one file per session.
    #[must_use]
    pub fn incidents(&self) -> PathBuf {
        self.root.join("incidents")
    }

    #[must_use]
    pub fn incident(&self, session: &str) -> PathBuf {
        self.incidents().join(format!("{session}.json"))
    }

    /// Hook events that are not yet part of an incident.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Directory of lock files. They are empty and never removed while in use.
    #[must_use]
    pub fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    /// Lock that guards one read-modify-write of a session's incident.
    #[must_use]
    pub fn session_lock(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.lock"))
    }

    /// Lease of the one process that waits for a session.
    #[must_use]
    pub fn waiter_lease(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.waiter"))
    }

    /// Lease of the import that has unpacked its archive under this number.
    #[must_use]
    pub fn import_lease(&self, number: u32) -> PathBuf {
        self.leases().join(format!("{number}.import"))
    }

    /// Lock that guards one read-modify-write of a project's note or settings.
    #[must_use]
    pub fn project_lock(&self, key: &str) -> PathBuf {
        self.leases().join(format!("project-{key}.lock"))
    }

    /// Session data registered by the start hook.
    #[must_use]
    pub fn session(&self, session: &str) -> PathBuf {
        self.root.join("sessions").join(session).join("session.json")
    }

    /// Per-session data, one directory per session.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// Parts of its own saved state that a session has received.
    #[must_use]
    pub fn given(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("given.json")
    }

    /// Record of the client that loaded the plugin's module for a session.
    #[must_use]
    pub fn loaded_module(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("module.json")
    }

    /// Context limits that a session has passed.
    #[must_use]
    pub fn context(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("context.json")
    }

    /// Observations about a session that its client does not save.
    #[must_use]
    pub fn saving(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("saving.json")
    }

    /// Conversation of a session that its client does not save.
    #[must_use]
    pub fn shadow(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("shadow.json")
    }

    /// Blocks of notes that a user edited before a hook replaced them.
    #[must_use]
    pub fn edited_notes(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("edited-notes")
    }

    /// Saved states that a user edited before a hook replaced them.
    #[must_use]
    pub fn edited_states(&self, session: &str) -> PathBuf {
        self.sessions().join(session).join("edited-states")
    }

    /// Lease of the one hook that records a session at the end of a turn.
    #[must_use]
    pub fn watch_lease(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.watch"))
    }

    /// Account and model data received by status lines, one file per configuration directory.
    #[must_use]
    pub fn quota(&self) -> PathBuf {
        self.root.join("quota")
    }

    /// Quota file of the configuration directory with this key.
    #[must_use]
    pub fn quota_of(&self, key: &str) -> PathBuf {
        self.quota().join(format!("{key}.json"))
    }

    /// Lock that guards one read-modify-write of a quota file.
    #[must_use]
    pub fn quota_lock(&self, key: &str) -> PathBuf {
        self.leases().join(format!("quota-{key}.lock"))
    }

    /// Lease of the one run that resumes a closed session, from its preconditions to its verification.
    #[must_use]
    pub fn run_lease(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.run"))
    }

    #[must_use]
    pub fn supervisor_lease(&self) -> PathBuf {
        self.leases().join("supervisor.lock")
    }

    /// Lock that is owned while one session of an account is resumed, by account key.
    #[must_use]
    pub fn account_lease(&self, key: &str) -> PathBuf {
        self.leases().join(format!("account-{key}.lock"))
    }

    /// Lock that guards installing or removing the supervisor's service.
    #[must_use]
    pub fn service_lock(&self) -> PathBuf {
        self.leases().join("service.lock")
    }

    /// Published status of the supervisor: its identity, and the time of its next pass.
    #[must_use]
    pub fn supervisor(&self) -> PathBuf {
        self.root.join("supervisor.json")
    }

    /// Salt of the hashes that replace addresses and account ids.
    #[must_use]
    pub fn salt(&self) -> PathBuf {
        self.root.join("salt.json")
    }

    /// Request of a supervisor that the user started to take over the lease of one that a hook started.
    #[must_use]
    pub fn supervisor_wanted(&self) -> PathBuf {
        self.root.join("supervisor-wanted.json")
    }

    /// Returns whether the user has paused recovery, and for what.
    #[must_use]
    pub fn paused(&self) -> PathBuf {
        self.root.join("paused.json")
    }

    #[must_use]
    pub fn notices(&self) -> PathBuf {
        self.root.join("notices.json")
    }

    /// Lock that guards one read-modify-write of the notices.
    #[must_use]
    pub fn notices_lock(&self) -> PathBuf {
        self.leases().join("notices.lock")
    }

    /// Copies of transcripts made before a change to them, one directory per session.
    #[must_use]
    pub fn snapshots(&self, session: &str) -> PathBuf {
        self.root.join("snapshots").join(session)
    }

    #[must_use]
    pub fn all_snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    #[must_use]
    pub fn all_kept(&self) -> PathBuf {
        self.root.join("kept")
    }

    /// Files of one session that outlive Claude Code's retention sweep, one directory per generation.
    #[must_use]
    pub fn kept(&self, session: &str) -> PathBuf {
        self.all_kept().join(session)
    }

    /// Description of the kept files of a session.
    #[must_use]
    pub fn kept_description(&self, session: &str) -> PathBuf {
        self.kept(session).join("kept.json")
    }

    /// Register of all kept sessions; a cache of their descriptions.
    #[must_use]
    pub fn kept_register(&self) -> PathBuf {
        self.all_kept().join("register.json")
    }

    /// Kept sessions that the supervisor has found too old and has not removed yet.
    #[must_use]
    pub fn kept_due(&self) -> PathBuf {
        self.all_kept().join("due.json")
    }

    /// Dictionaries for the compressed frames of kept sessions.
    #[must_use]
    pub fn kept_dictionaries(&self) -> PathBuf {
        self.all_kept().join("dictionaries")
    }

    /// Lock that is owned while files of a session are linked, packed or removed.
    #[must_use]
    pub fn kept_lock(&self, session: &str) -> PathBuf {
        self.leases().join(format!("{session}.kept"))
    }

    /// Lock that is shared while a file is compressed and described, and owned alone while a dictionary is
    /// removed.
    #[must_use]
    pub fn dictionaries_lock(&self) -> PathBuf {
        self.leases().join("dictionaries.lock")
    }

    /// Default directory of exports.
    #[must_use]
    pub fn exports(&self) -> PathBuf {
        self.root.join("exports")
    }

    /// Default directory of generated pages.
    #[must_use]
    pub fn pages(&self) -> PathBuf {
        self.root.join("pages")
    }

    #[must_use]
    pub fn all_runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Output of runs, one directory per session.
    #[must_use]
    pub fn runs(&self, session: &str) -> PathBuf {
        self.all_runs().join(session)
    }

    /// Register of the directories to which sessions were relocated.
    #[must_use]
    pub fn moves(&self) -> PathBuf {
        self.root.join("moves.json")
    }

    /// Lock that guards one read-modify-write of the register of moves.
    #[must_use]
    pub fn moves_lock(&self) -> PathBuf {
        self.leases().join("moves.lock")
    }

    /// Damaged files, retained for inspection.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Copies of the package that hooks load.
    #[must_use]
    pub fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// The Node.js that hooks start, as lines: a path, a fallback if that one is gone, and the `PATH` in
    /// which hooks search for programs.
    #[must_use]
    pub fn start(&self) -> PathBuf {
        self.root.join("start")
    }

    /// Returns the paths of Node.js in [`Self::start`], in the order in which hooks try them; empty if none
    /// is recorded.
    #[must_use]
    pub fn recorded_nodes(&self) -> Vec<PathBuf> {
        let bytes = read_small(&self.start(), START_LIMIT).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().take(2).filter(|line| !line.is_empty()).map(PathBuf::from).collect()
    }

    /// Directory of the package that last wrote the hooks, to detect an upgrade.
    #[must_use]
    pub fn package(&self) -> PathBuf {
        self.root.join("package")
    }

    /// Version of the upgraded package about which the user was last notified.
    #[must_use]
    pub fn upgrade_told(&self) -> PathBuf {
        self.root.join("upgrade-told")
    }

    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// The previous journal, before it was rotated.
    #[must_use]
    pub fn older_journal(&self) -> PathBuf {
        self.root.join("journal.1.jsonl")
    }

    /// Lock that guards the writing of one journal line.
    #[must_use]
    pub fn journal_lock(&self) -> PathBuf {
        self.leases().join("journal.lock")
    }
}

/// Name prefix of the directories into which imports unpack archives; the process id follows.
pub const UNPACKED: &str = "importing-";

/// Names directly in the state directory, including those of older versions.
const OWN_NAMES: [&str; 28] = [
    "excluded",
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

/// Returns whether an entry of the state directory belongs to this tool, by its name.
#[must_use]
pub fn is_own_name(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let log = name.starts_with("SESSION-LOG-") && Path::new(name).extension().is_some_and(|end| end == "md");
    let unpacked = name.strip_prefix(UNPACKED).is_some_and(|pid| pid.parse::<u32>().is_ok());
    OWN_NAMES.contains(&name) || log || unpacked || name.ends_with(TEMPORARY)
}

/// Creates a private directory and its missing parents.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`] if it cannot be created.
pub fn ensure_dir(dir: &Path) -> Result<()> {
    let mut builder = private_directory();
    builder.recursive(true);
    builder.create(dir).doing("create the directory", dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_layout_is_below_a_known_name() {
        let state = StateDir::new("/s");
        for path in [
            state.projects(),
            state.excluded(),
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
        assert!(is_own_name(OsStr::new("importing-4711")));
        for name in
            ["notes", "importing-", "importing-photos", "projects2", ".git", "SESSION-LOG-", "journal.txt"]
        {
            assert!(!is_own_name(OsStr::new(name)), "{name}");
        }
    }
}
