//! Plans how the user resumes a session: the exact command, its directory and its variables, or why the
//! session cannot be resumed.
//!
//! A client resumes in the directory in which it is started and with the environment it is given
//! (measured with 2.1.329: `--resume` from elsewhere works, and the session then runs in that other
//! directory). The directory is therefore part of the plan, and the variables with which a client marks
//! its children are removed.

use super::find::{SessionOptions, find};
use super::handoff::{HandoffOptions, handoff};
use super::inventory::{Inventory, InventoryRow, ReportContext};
use super::session::Session;
use super::show::whole;
use crate::claude::program::{launcher, locate};
use crate::error::{Code, Error, Result};
use crate::fs::lossy_or_null;
use crate::note::compose::NoteForm;
use crate::problem::Problem;
use crate::recovery::launch::{ATTEMPT, OF_A_CHILD};
use crate::recovery::plan::Action;
use crate::session::StopKind;
use crate::session::origin::origin_of;
use crate::session::owners::ClientMode;
use crate::session::state::State;
use crate::session::stop::time;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/resume@1";
const CONFIG_DIR: &str = "CLAUDE_CONFIG_DIR";

/// Sessions for which `planResume` plans.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ResumeOptions {
    /// Session id, an unambiguous prefix of it, or its name or title.
    pub session: Option<String>,
    /// Whether to select the resumable session that was active last.
    pub latest: bool,
    /// Only sessions of this project.
    pub project: Option<PathBuf>,
    /// Whether to select every session that was open when its client or the machine crashed.
    pub all_crashed: bool,
    /// A program to start instead of `claude`, with its first arguments, such as `ccs work`.
    pub with: Option<String>,
    /// Whether to start a new session that begins with the note of this one, instead of resuming it.
    pub fresh: bool,
}

/// How the user continues a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ResumeAction {
    Resume,
    /// Attach to the session, which runs in the background.
    Attach,
    /// The session cannot be resumed now.
    Refused,
}

/// How the user resumes one session.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ResumePlan {
    /// The session to resume.
    pub session: Session,
    /// `resume`: start `argv`. `attach`: the session runs in the background, and `argv` opens
    /// it. `refused`: see `why`.
    pub action: ResumeAction,
    /// Command as the user types it; `null` if refused.
    pub argv: Option<Vec<String>>,
    /// Absolute path of the program to start, never within the project; `null` if none was found.
    #[serde(serialize_with = "lossy_or_null")]
    pub program: Option<PathBuf>,
    /// Directory in which to run the command.
    pub cwd: Option<String>,
    /// Environment variables to set first.
    pub env: BTreeMap<String, String>,
    /// Environment variables to remove, because a client started with them would treat itself as a child of
    /// another client.
    pub unset: Vec<&'static str>,
    /// The reason, in words.
    pub why: String,
    /// What to do instead.
    pub hint: Option<String>,
}

/// Result of `planResume`, schema `cc-session-recover/resume@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ResumeReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/resume@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// One entry for each session.
    pub plans: Vec<ResumePlan>,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Plans how to resume. Starts nothing.
///
/// # Errors
///
/// Returns the errors of [`find`], and [`Code::ProjectNotFound`].
pub fn plan(world: World<'_>, options: &ResumeOptions) -> Result<ResumeReport> {
    let project = options
        .project
        .as_deref()
        .map(|dir| crate::report::find_project::project_named(world, dir))
        .transpose()?;
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let with = options.with.as_deref();
    let plans = if options.all_crashed {
        if options.fresh {
            return Err(Error::new(Code::Usage, "--fresh and --all-crashed cannot be used together")
                .hint("use one of them"));
        }
        if options.session.is_some() || options.latest {
            return Err(Error::new(Code::Usage, "a session and --all-crashed cannot be used together")
                .hint("use one of them"));
        }
        let mut rows: Vec<&InventoryRow> =
            inventory.rows.iter().filter(|row| inventory.open_at_crash(row).is_some()).collect();
        rows.sort_by_cached_key(|row| Reverse(inventory.active_at(row)));
        rows.into_iter().map(|row| plan_one(world, &inventory, row, inventory.report(row), with)).collect()
    } else {
        let SessionOptions { session, latest, project } =
            SessionOptions { session: options.session.clone(), latest: options.latest, project: None };
        let latest_that_can = (latest && session.is_none()).then(|| latest_to_resume(world, &inventory));
        let row = match latest_that_can.flatten() {
            Some(row) => row,
            None => find(&inventory, &SessionOptions { session, latest, project })?,
        };
        let mut plan = plan_one(world, &inventory, row, whole(&inventory, row)?, with);
        if options.fresh && plan.action == ResumeAction::Resume {
            begin_with_note(world, &mut plan)?;
        }
        vec![plan]
    };
    // An invalid `CC_RECOVER_CLAUDE` is reported here. A missing client is reported only when one
    // has to be started.
    let named = world.env.var("CC_RECOVER_CLAUDE").and_then(|_| locate(world.env, None).err());
    Ok(ResumeReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        plans,
        problems: named.into_iter().chain(inventory.problems).map(Problem::from).collect(),
    })
}

/// Returns the most recently active session that can be resumed: not open, and with an existing directory.
fn latest_to_resume<'r>(world: World<'_>, inventory: &'r Inventory<'_>) -> Option<&'r InventoryRow> {
    let own = world.env.text("CLAUDE_CODE_SESSION_ID");
    let mut rows: Vec<&InventoryRow> = inventory
        .rows
        .iter()
        .filter(|row| row.summary.continued_in.is_none())
        .filter(|row| row.summary.stop.kind != StopKind::Empty && own != Some(row.found.id()))
        .filter(|row| inventory.owner(&row.found).is_none())
        .filter(|row| inventory.owners_of(&row.found).elsewhere.is_empty())
        .collect();
    rows.sort_by_cached_key(|row| Reverse(inventory.recency(row)));
    rows.into_iter().find(|row| inventory.is_there(row))
}

fn plan_one(
    world: World<'_>,
    inventory: &Inventory<'_>,
    row: &InventoryRow,
    session: Session,
    with: Option<&str>,
) -> ResumePlan {
    let (directory, of_start) = start_directory(world, inventory, row);
    let env = session.commands.env.clone();
    let mut unset: Vec<&'static str> =
        OF_A_CHILD.into_iter().chain([ATTEMPT]).filter(|name| world.env.var(name).is_some()).collect();
    // A client of the default configuration directory must run without this variable.
    if !env.contains_key(CONFIG_DIR) && !inventory.is_in_force(row) {
        unset.push(CONFIG_DIR);
    }
    let program = locate(world.env, directory.as_deref().map(Path::new)).ok();
    let refused = |session: Session, why: String, hint: Option<String>| ResumePlan {
        session,
        action: ResumeAction::Refused,
        argv: None,
        program: None,
        cwd: directory.clone(),
        env: env.clone(),
        unset: Vec::new(),
        why,
        hint,
    };
    if session.state == State::Current {
        return refused(session, "it is the session you are in".to_owned(), None);
    }
    if let Some(live) = &session.live {
        let attach = session.commands.resume.clone().filter(|_| live.kind == ClientMode::Background);
        if attach.is_some() {
            let why = format!("it runs in the background, in process {}", live.pid);
            return ResumePlan {
                session,
                action: ResumeAction::Attach,
                argv: attach,
                program,
                cwd: directory.clone(),
                env: env.clone(),
                unset,
                why,
                hint: None,
            };
        }
        let place = live.tty.as_ref().map_or_else(String::new, |tty| format!(", in terminal {tty}"));
        let hint = match (&live.tty, live.kind) {
            (Some(tty), _) => format!("continue in terminal {tty}, or close that client first"),
            (None, ClientMode::Print) => "it is an unattended run; wait until it ends".to_owned(),
            (None, _) => "continue in its window, or close that client first".to_owned(),
        };
        let why = format!(
            "process {} has it open{place}; two clients of one session would fork its conversation",
            live.pid
        );
        return refused(session, why, Some(hint));
    }
    if !inventory.owners_of(&row.found).elsewhere.is_empty() {
        let why = "a client in another process-id namespace (a container) may have it open, which cannot be checked from here";
        return refused(session, why.to_owned(), Some("end that client, or resume it there".to_owned()));
    }
    if let Some((why, hint)) = row.summary.continued_in.as_deref().map(continued_in) {
        return refused(session, why, Some(hint));
    }
    if session.stop.kind == StopKind::Empty {
        let why = "its transcript contains no conversation, so a client refuses to open it".to_owned();
        let hint = format!("cc-session-recover show {} lists what is left of it", session.id);
        return refused(session, why, Some(hint));
    }
    let exists = directory.as_deref().is_some_and(|dir| Path::new(dir).is_dir());
    if !exists {
        let why = match &directory {
            Some(dir) => format!("its directory {dir} does not exist"),
            None => "no directory is recorded in it".to_owned(),
        };
        let hint = format!(
            "copy it to the directory where the work is now: cc-session-recover relocate {} --to <directory>",
            session.id
        );
        return refused(session, why, Some(hint));
    }
    // A client finds a session by its id only in the directory in which the session was started. In any other
    // directory, only the path is reliable.
    let (named, mut why) = if of_start {
        (session.id.clone(), "in the directory in which it was started".to_owned())
    } else {
        let path = row.found.path.to_string_lossy().into_owned();
        (path, "in the directory of its newest message; where it was started is not recorded".to_owned())
    };
    why.push_str(&which_copy(inventory, row, &session));
    if matches!(session.next.action, Action::Wake | Action::Client) {
        why.push_str("; if left alone, it would continue by itself");
    }
    let (mut argv, program) = match command(world, with, directory.as_deref(), program) {
        Ok(command) => command,
        Err(error) => return refused(session, error.message, error.hint),
    };
    argv.push(format!("--resume={named}"));
    ResumePlan {
        argv: Some(argv),
        program,
        session,
        action: ResumeAction::Resume,
        cwd: directory,
        env,
        unset,
        why,
        hint: None,
    }
}

/// Describes which of several transcripts of one session is opened.
fn which_copy(inventory: &Inventory<'_>, row: &InventoryRow, session: &Session) -> String {
    if session.copies.is_empty() {
        return String::new();
    }
    let others: Vec<_> = session.copies.iter().map(|path| path.to_string_lossy()).collect();
    let place = if inventory.is_here(row) { "this directory" } else { "its project" };
    format!("; the copy of {place} is opened, and not {}", others.join(", "))
}

/// Explains why a session that continued in another one is not resumed, and what to do instead.
pub(super) fn continued_in(other: &str) -> (String, String) {
    (
        format!("the conversation continued in session {other}"),
        format!("resume that one: cc-session-recover resume {other}"),
    )
}

/// Changes the plan to a new session whose first prompt is the note of this one.
fn begin_with_note(world: World<'_>, plan: &mut ResumePlan) -> Result<()> {
    let asked = HandoffOptions {
        session: Some(plan.session.id.clone()),
        form: NoteForm::Resume,
        ..HandoffOptions::default()
    };
    let text = handoff(world, &asked)?.text;
    if let Some(argv) = &mut plan.argv {
        argv.pop();
        argv.push(text);
    }
    "a new session, which starts with the note of this one".clone_into(&mut plan.why);
    Ok(())
}

/// Returns the leading words of the command line and the program that they start.
fn command(
    world: World<'_>,
    with: Option<&str>,
    directory: Option<&str>,
    client: Option<PathBuf>,
) -> Result<(Vec<String>, Option<PathBuf>)> {
    let Some(line) = with else { return Ok((vec!["claude".to_owned()], client)) };
    let words = launcher(world.env, line, directory.map(Path::new))?;
    let program = words.first().map(PathBuf::from);
    Ok((words, program))
}

/// Returns the directory in which to resume, and whether it is the start directory. The start directory is
/// the one encoded in the name of the transcript directory. The fallback is the directory of the newest
/// message.
#[must_use]
pub fn start_directory(
    world: World<'_>,
    inventory: &Inventory<'_>,
    row: &InventoryRow,
) -> (Option<String>, bool) {
    if let Some(dir) = inventory.moved_to(&row.found) {
        return (Some(dir.to_owned()), true);
    }
    // The records of a copy name the directory of the original. The caller, its new neighbors, or the
    // client have better information.
    let here = [inventory.project(), Some(world.env.cwd())];
    let here = here.into_iter().flatten().filter_map(Path::to_str).map(str::to_owned);
    // Evaluated lazily, only if its own records do not identify the directory.
    let neighbors = || std::iter::once(()).flat_map(|()| inventory.neighbors(row).iter().cloned());
    let known = std::iter::once(()).flat_map(|()| inventory.known_projects(row).iter().cloned());
    let there = neighbors().chain(known).filter(|dir| Path::new(dir).is_dir());
    origin_of(&row.found, row.summary.cwd.as_deref(), here.chain(there).chain(neighbors()))
}
