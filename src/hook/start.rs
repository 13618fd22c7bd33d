//! Handles the start of a session: registers the session and hands over unfinished work.

use super::{Hook, HookReply};
use crate::claude::registry::client_pid;
use crate::clock::rfc3339;
use crate::config::Config;
use crate::fs::{PRIVATE, read_small};
use crate::recovery::incident::{Incident, StartedProcess};
use crate::recovery::readiness::ReadinessReader;
use crate::recovery::resume::Resumer;
use crate::recovery::takeover::{Takeover, take_over};
use crate::store::StateDir;
use crate::store::replace::replace;
use crate::store::stored::{Stored, peek, save_unless_newer};
use crate::trust::account::{Provenance, Salt};
pub use crate::trust::registration::Registration;
use crate::trust::started::{RunningClient, StartedWith};
use crate::world::World;
use serde_json::{Value, json};
use std::path::Path;

/// Maximum length of the handover text, in characters. The client shows 10,000 inline.
const LONGEST: usize = 9_000;

/// Size limit of `package.json`, in bytes.
const MANIFEST_LIMIT: u64 = 64 * 1024;

/// Returns the notice, shown once per upgrade of the package, that the hooks still run the
/// copy made by `init`.
fn upgrade_notice(state: &StateDir) -> Option<String> {
    let text = |path: &Path, limit| String::from_utf8(read_small(path, limit).ok()??).ok();
    let root = text(&state.package(), MANIFEST_LIMIT).filter(|root| !root.is_empty())?;
    let manifest = text(&Path::new(&root).join("package.json"), MANIFEST_LIMIT)?;
    let installed = version_of(serde_json::from_str::<Value>(&manifest).ok()?.get("version")?.as_str()?)?;
    let own = version_of(env!("CARGO_PKG_VERSION"))?;
    let [major, minor, patch] = installed;
    let installed_words = format!("{major}.{minor}.{patch}");
    if installed <= own || text(&state.upgrade_told(), MANIFEST_LIMIT).as_ref() == Some(&installed_words) {
        return None;
    }
    // A notice that cannot be recorded is not shown, because every session would show it again.
    replace(&state.upgrade_told(), installed_words.as_bytes(), PRIVATE).ok()?;
    Some(format!(
        "cc-session-recover {installed_words} is installed, and the hooks still run {}: `cc-session-recover init --all` updates them.",
        env!("CARGO_PKG_VERSION")
    ))
}

/// Parses the three numbers of a version and ignores any suffix, as in `1.2.0-rc.1`.
fn version_of(text: &str) -> Option<[u32; 3]> {
    let numbers = text.split(['-', '+']).next()?;
    let numbers: Vec<u32> = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

impl Hook<'_> {
    pub(super) fn session_started(&self) -> HookReply {
        if let Err(error) = self.register() {
            self.failed(&error);
        }
        let source = self.payload.source.as_deref().unwrap_or("startup");
        // The warning belongs to a client that is gone. After a compaction the client is the same one.
        if source != "compact" {
            self.forget_warning();
        }
        // The user cleared the conversation on purpose.
        if self.in_run() || !matches!(source, "startup" | "resume" | "compact" | "fork") {
            return HookReply::silent();
        }
        let config = self.config();
        // A compaction does not open the session: it was open before.
        let taken = if source == "compact" { Takeover::NoRun } else { self.take_over(config) };
        let mut text = self.hand_over(source, config);
        let told = [taken.for_user(&self.payload.session), upgrade_notice(self.state)];
        let message = told.into_iter().flatten().collect::<Vec<_>>().join("\n");
        if message.is_empty() {
            return HookReply { stdout: (!text.is_empty()).then_some(text), ..HookReply::silent() };
        }
        if let Some(report) = taken.for_model() {
            format!("{report}\n{text}").trim_end().clone_into(&mut text);
        }
        let mut output = json!({"systemMessage": message});
        if !text.is_empty() {
            output["hookSpecificOutput"] =
                json!({"hookEventName": "SessionStart", "additionalContext": text});
        }
        HookReply { stdout: Some(output.to_string()), ..HookReply::silent() }
    }

    /// Ends an unattended run that works in the session the user has just opened.
    fn take_over(&self, config: &Config) -> Takeover {
        let World { env, processes, .. } = self.world;
        if !self.state.incident(&self.payload.session).exists() {
            return Takeover::NoRun;
        }
        let client = client_pid(env.claude_pid(), self.home, &self.payload.session, processes)
            .map(|pid| StartedProcess { pid, start: processes.start_token(pid) });
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let resumer = Resumer {
            reading: ReadinessReader { ledger, env, processes, provenance: &Provenance::SomeClient },
            own_pid: 0,
            now: false,
            abort: self.world.abort,
        };
        take_over(&resumer, &self.payload.session, client).unwrap_or_else(|error| {
            self.failed(&error);
            Takeover::NoRun
        })
    }

    fn register(&self) -> crate::error::Result<()> {
        let processes = self.world.processes;
        let told = self.world.env.claude_pid();
        let pid = client_pid(told, self.home, &self.payload.session, processes);
        let registration = Registration {
            version: Registration::VERSION,
            session: self.payload.session.clone(),
            transcript: self.payload.transcript.clone(),
            config_dir: self.home.dir().to_path_buf(),
            project: self.project_dir(),
            cwd: self.payload.cwd.clone(),
            source: self.payload.source.clone(),
            claude_start: pid.and_then(|pid| processes.start_token(pid)),
            claude_pid: pid,
            started_with: self.started_with(pid),
            at: self.world.clock.now(),
        };
        save_unless_newer(&self.state.session(&self.payload.session), &registration)
    }

    /// Returns how the session's client was started. In a run of this tool, that is the value recorded before
    /// the run, because the run has the supervisor's environment.
    pub(super) fn started_with(&self, pid: Option<u32>) -> Option<StartedWith> {
        let World { env, processes, .. } = self.world;
        if self.in_run() {
            return peek::<Registration>(&self.state.session(&self.payload.session)).ok()??.started_with;
        }
        let project = self.project_dir();
        let client =
            RunningClient { env, processes, pid, config_dir: self.home.dir(), project: project.as_deref() };
        match Salt::of_machine(self.state) {
            Ok(salt) => Some(StartedWith::read(&salt, client)),
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// Composes the handover text for the model. It contains times and counts, so it is never the same twice.
    fn hand_over(&self, source: &str, config: &Config) -> String {
        let default_home = self.default_home();
        let (incidents, _) = self.ledger(config, default_home.as_deref()).read_all();
        let project = self.project_dir();
        let unfinished: Vec<&Incident> = incidents
            .iter()
            .filter(|incident| !incident.phase.is_over() && incident.project == project)
            .collect();
        let mut lines = Vec::new();
        let own = unfinished.iter().find(|incident| incident.session == self.payload.session);
        if let Some(own) = own.filter(|_| source != "startup") {
            lines.push(format!(
                "cc-session-recover: this session was stopped at {} ({}) and its task is unfinished; {} attempt(s) to \
                 continue it so far, state as of {}. Notes of the stop are in HANDOFF.md; check them against the \
                 working tree. This is a status report, not a request.",
                own.stop.at.map_or_else(|| "an unknown time".to_owned(), rfc3339),
                own.stop.kind.words(),
                own.attempts.len(),
                rfc3339(own.updated_at),
            ));
        }
        if source == "startup" {
            lines.extend(self.earlier_work(config, &unfinished));
        }
        if config.note.instruction && self.enabled.instruction != Some(false) && source == "startup" {
            lines.push(
                "cc-session-recover: HANDOFF.md in the project root survives interruptions. During longer tasks keep \
                 its sections Goal, Done and Next exact action current in a few lines; leave the marked blocks below \
                 them alone."
                    .to_owned(),
            );
        }
        lines.extend(self.own_state(source, config));
        let text = lines.join("\n");
        text.chars().take(LONGEST).collect()
    }
}
