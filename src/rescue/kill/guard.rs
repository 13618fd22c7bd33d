//! Decides whether a caller may end a process. The decision is a pure function of facts about both, which are
//! passed in as values. The result is a refusal with its reason, or none.

use crate::claude::process::{Process, Processes};
use crate::claude::role::{Role, role_of};
use crate::env::Environment;
use crate::error::{Code, Error};

#[derive(Debug, Clone, Default)]
pub struct KillCaller {
    pub pid: u32,
    /// User id of the caller.
    pub owner: Option<u32>,
    /// Ancestors of this process, the client that started it, and the ancestors of that client.
    pub above: Vec<u32>,
    pub terminal: Option<String>,
    /// Session in which the caller runs.
    pub session: Option<String>,
}

impl KillCaller {
    /// Describes the current process as the caller.
    #[must_use]
    pub fn of(env: &Environment, table: &[Process], pid: u32, owner: Option<u32>) -> Self {
        let mut above = parents(table, pid);
        // A background process has lost its ancestors, but the client's environment variables
        // still name the client.
        if let Some(client) = env.claude_pid() {
            above.push(client);
            above.extend(parents(table, client));
        }
        Self {
            pid,
            owner,
            above,
            terminal: table.iter().find(|process| process.pid == pid).and_then(|own| own.tty.clone()),
            session: env.text("CLAUDE_CODE_SESSION_ID").map(str::to_owned),
        }
    }
}

/// Returns the ancestors of a process, nearest first. The table may contain a cycle if it was read while
/// processes started and ended.
fn parents(table: &[Process], pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut below = pid;
    while let Some(process) = table.iter().find(|process| process.pid == below) {
        if process.parent == 0 || process.parent == pid || found.contains(&process.parent) {
            break;
        }
        found.push(process.parent);
        below = process.parent;
    }
    found
}

/// Process that is a candidate for being ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillCandidate {
    pub pid: u32,
    /// Start token of the intended process.
    pub meant: String,
    /// Start token of the process that has the id now; `None` if no process has it.
    pub token: Option<String>,
    /// User id of the process.
    pub owner: Option<u32>,
    pub role: Role,
    pub terminal: Option<String>,
    /// Session that the process has open.
    pub session: Option<String>,
    /// Whether the process is a background session, according to its record. Its daemon ends it, and it gets
    /// no signal.
    pub background: bool,
}

impl KillCandidate {
    /// Reads the current state of a process.
    #[must_use]
    pub fn inspect_process(
        pid: u32,
        meant: &str,
        session: Option<&str>,
        table: &[Process],
        processes: &dyn Processes,
    ) -> Self {
        let unseen = Process { pid, ..Process::default() };
        let own = table.iter().find(|process| process.pid == pid).unwrap_or(&unseen);
        let (owner, role) = (processes.owner(pid), role_of(own, processes));
        Self {
            pid,
            meant: meant.to_owned(),
            owner,
            role,
            terminal: own.tty.clone(),
            session: session.map(str::to_owned),
            background: false,
            // Read last: if the token still matches, the facts above describe this process.
            token: processes.start_token(pid),
        }
    }

    /// Returns whether the intended process has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.token.as_deref() != Some(&self.meant)
    }
}

/// Returns why this process may not be ended; `None` if it may be.
#[must_use]
pub fn refusal(suspect: &KillCandidate, caller: &KillCaller) -> Option<Error> {
    let pid = suspect.pid;
    let refuse = |why: String, hint: &str| {
        let error = Error::new(Code::KillRefused, why);
        Some(if hint.is_empty() { error } else { error.hint(hint) })
    };
    if suspect.is_gone() {
        return refuse(
            format!("process id {pid} now belongs to another process"),
            "list the sessions again: `cc-session-recover list`",
        );
    }
    if pid == caller.pid {
        return refuse(format!("process {pid} is this command itself"), "");
    }
    match (suspect.owner, caller.owner) {
        (Some(theirs), Some(own)) if theirs == own => {}
        (Some(_), Some(_)) => {
            return refuse(format!("process {pid} belongs to another user"), "that user can end it");
        }
        _ => {
            return refuse(format!("cannot determine which user process {pid} belongs to"), "end it by hand");
        }
    }
    // A spare that has become a worker keeps the command line of a spare (2.1.329).
    let worker = suspect.background && suspect.role == Role::Spare;
    if suspect.role != Role::Client && !worker {
        return refuse(
            format!("process {pid} is {}", suspect.role.words()),
            "name a session, a terminal or a process that `cc-session-recover list` shows",
        );
    }
    if suspect.session.is_some() && suspect.session == caller.session {
        return refuse(
            "it is the session you are in".to_owned(),
            "end it with /exit, or from another terminal",
        );
    }
    if caller.above.contains(&pid) {
        return refuse(
            format!("this command runs below process {pid}"),
            "run it from a terminal outside of that session",
        );
    }
    if suspect.terminal.is_some() && suspect.terminal == caller.terminal {
        return refuse(
            format!("process {pid} runs in this terminal"),
            "bring it to the front with `fg` and end it with /exit, or run this in another terminal",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: u32 = 100;
    const SESSION: &str = "3f2a9c1d-0000-4000-8000-000000000001";

    /// Name of the case, pairs of process and parent, the caller, and its environment variables.
    type Shape<'s> = (&'s str, &'s [(u32, u32)], u32, &'s [(&'s str, &'s str)]);

    fn table(pairs: &[(u32, u32)]) -> Vec<Process> {
        pairs.iter().map(|&(pid, parent)| Process { pid, parent, ..Process::default() }).collect()
    }

    fn suspect() -> KillCandidate {
        KillCandidate {
            pid: CLIENT,
            meant: "7".into(),
            token: Some("7".into()),
            owner: Some(1000),
            role: Role::Client,
            terminal: Some("pts/1".into()),
            session: Some(SESSION.into()),
            background: false,
        }
    }

    fn asked(pairs: &[(u32, u32)], own: u32, vars: &[(&str, &str)]) -> Option<Error> {
        let env = Environment::from_pairs(vars.iter().copied(), "/");
        refusal(&suspect(), &KillCaller::of(&env, &table(pairs), own, Some(1000)))
    }

    #[test]
    fn a_caller_below_a_client_in_any_of_twenty_shapes_is_refused() {
        let pid = [("CLAUDE_PID", "100")];
        let session = [("CLAUDE_CODE_SESSION_ID", SESSION)];
        let long: Vec<(u32, u32)> =
            (0..60).map(|step| (200 + step, if step == 0 { CLIENT } else { 199 + step })).collect();
        let shapes: [Shape<'_>; 20] = [
            ("a child", &[(100, 1), (200, 100)], 200, &[]),
            ("below a shell", &[(100, 1), (150, 100), (200, 150)], 200, &[]),
            ("below three shells", &[(100, 1), (150, 100), (151, 150), (152, 151), (200, 152)], 200, &[]),
            ("sixty below", &long, 259, &[]),
            ("a table in another order", &[(200, 150), (150, 100), (100, 1)], 200, &[]),
            ("ids that count down", &[(100, 99), (99, 1), (40, 100), (20, 40)], 20, &[]),
            ("the client's parent is unknown", &[(100, 77), (200, 100)], 200, &[]),
            ("the client is the first process", &[(100, 0), (200, 100)], 200, &[]),
            ("a circle above it", &[(100, 90), (90, 80), (80, 100), (200, 100)], 200, &[]),
            ("below a client below the client", &[(100, 1), (110, 100), (120, 110), (200, 120)], 200, &[]),
            ("that one's word", &[(100, 1), (110, 100), (200, 1)], 200, &[("CLAUDE_PID", "110")]),
            (
                "that one's word from three below",
                &[(100, 1), (105, 100), (110, 105), (200, 1)],
                200,
                &[("CLAUDE_PID", "110")],
            ),
            ("reparented, with the client's id", &[(100, 1), (200, 1)], 200, &pid),
            ("reparented, with the session", &[(100, 1), (200, 1)], 200, &session),
            ("reparented to a reaper of the user", &[(100, 1), (50, 1), (200, 50)], 200, &pid),
            ("it is not in the table itself", &[(100, 1)], 200, &pid),
            ("nothing is in the table", &[], 200, &session),
            (
                "a child without variables whose names are set and empty",
                &[(100, 1), (200, 100)],
                200,
                &[("CLAUDE_PID", "")],
            ),
            (
                "a child with another's variables",
                &[(100, 1), (200, 100)],
                200,
                &[("CLAUDE_PID", "55"), ("CLAUDE_CODE_SESSION_ID", "x")],
            ),
            ("the client itself", &[(100, 1)], 100, &[]),
        ];
        for (shape, pairs, own, vars) in shapes {
            let error = asked(pairs, own, vars).unwrap_or_else(|| panic!("{shape}"));
            assert_eq!(error.code, Code::KillRefused, "{shape}");
        }
        // Similar shapes that may be ended.
        for (shape, pairs, own) in [
            ("beside it", &[(100, 1), (200, 1)][..], 200),
            ("above it", &[(200, 1), (100, 200)], 200),
            ("below another", &[(100, 1), (101, 1), (200, 101)], 200),
            ("a circle elsewhere", &[(100, 1), (200, 90), (90, 80), (80, 90)], 200),
        ] {
            assert!(asked(pairs, own, &[]).is_none(), "{shape}");
        }
    }

    #[test]
    fn a_replaced_foreign_or_non_client_target_is_refused_with_the_reason() {
        let caller = KillCaller { pid: 200, owner: Some(1000), ..KillCaller::default() };
        let why = |change: &dyn Fn(&mut KillCandidate)| {
            let mut suspect = suspect();
            change(&mut suspect);
            refusal(&suspect, &caller).map(|error| error.message)
        };
        assert_eq!(why(&|_| {}), None);
        let said = |change: &dyn Fn(&mut KillCandidate), part: &str| {
            let why = why(change).unwrap_or_default();
            assert!(why.contains(part), "{why}");
        };
        said(&|one| one.token = Some("8".into()), "now belongs to another process");
        said(&|one| one.token = None, "now belongs to another process");
        said(&|one| one.owner = Some(1001), "another user");
        said(&|one| one.owner = Some(0), "another user");
        said(&|one| one.owner = None, "cannot determine");
        said(&|one| one.role = Role::Daemon, "daemon");
        said(&|one| one.role = Role::PtyHost, "terminal host");
        said(&|one| one.role = Role::Spare, "spare");
        said(&|one| one.role = Role::Errand, "no session");
        said(&|one| one.role = Role::Other, "not a client");
        assert_eq!(
            why(&|one| (one.role, one.background) = (Role::Spare, true)),
            None,
            "a spare that became a worker"
        );
        said(&|one| (one.role, one.background) = (Role::PtyHost, true), "terminal host");
        said(&|one| (one.role, one.background) = (Role::Daemon, true), "daemon");
        // Root is no exception to the ownership rule.
        let root = KillCaller { owner: Some(0), ..caller.clone() };
        assert!(refusal(&suspect(), &root).unwrap().message.contains("another user"));
        let unknown = KillCaller { owner: None, ..caller.clone() };
        assert!(refusal(&suspect(), &unknown).unwrap().message.contains("cannot determine"));
        let beside = KillCaller { terminal: Some("pts/1".into()), ..caller.clone() };
        assert!(refusal(&suspect(), &beside).unwrap().message.contains("in this terminal"));
        let neither = KillCandidate { terminal: None, ..suspect() };
        assert!(refusal(&neither, &caller).is_none(), "without a terminal is no terminal in common");
    }
}
