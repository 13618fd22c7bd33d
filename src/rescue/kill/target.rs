//! Finds the client that a terminal, process id or session names.

use crate::claude::home::begins;
use crate::claude::home::stores;
use crate::claude::process::{Process, Processes};
use crate::claude::registry::{Proof, read_records};
use crate::claude::role::role_of;
use crate::error::{Code, Error, Result};
use crate::report::find::{SHORTEST, SessionOptions, find};
use crate::report::inventory::Inventory;
use crate::session::owners::HeldBy;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillableClient {
    pub pid: u32,
    pub token: String,
    pub session: String,
    /// Index of the configuration directory that contains the session.
    pub home: usize,
    /// Job id of a background session.
    pub job: Option<String>,
    /// Whether the daemon runs the client.
    pub background: bool,
    /// Status from the client's own record.
    pub status: Option<String>,
}

/// Returns the live clients: those in the registries, and those found only in the process table.
#[must_use]
pub fn clients(inventory: &Inventory<'_>, processes: &dyn Processes) -> Vec<KillableClient> {
    let stores = stores(&inventory.homes);
    let mut clients: Vec<KillableClient> = Vec::new();
    for (at, home) in inventory.homes.iter().enumerate() {
        for record in read_records(home) {
            // The proof is valid for this process only if the token is the same before and after it.
            let Some(token) = processes.start_token(record.pid) else { continue };
            let daemon = record.kind.as_deref().is_some_and(|kind| kind.starts_with("daemon"));
            let live = record.proof(processes) == Proof::Live
                && processes.start_token(record.pid).as_ref() == Some(&token);
            if daemon || !live || clients.iter().any(|known| known.pid == record.pid) {
                continue;
            }
            let is_job = |job: &String| job.len() == 8 && job.bytes().all(|byte| byte.is_ascii_hexdigit());
            clients.push(KillableClient {
                pid: record.pid,
                token,
                session: record.session_id,
                home: stores[at],
                background: record.kind.as_deref() == Some("bg"),
                job: record.job_id.filter(is_job),
                status: record.status,
            });
        }
    }
    for owner in inventory.owners.live().filter(|owner| owner.proof == HeldBy::Processes) {
        let known = clients.iter().any(|known| known.pid == owner.pid);
        if let (false, Some(token)) = (known, processes.start_token(owner.pid)) {
            clients.push(KillableClient {
                pid: owner.pid,
                token,
                session: owner.session.clone(),
                home: owner.home,
                job: None,
                background: false,
                status: None,
            });
        }
    }
    clients
}

/// Returns the client that matches the name.
///
/// # Errors
///
/// Returns [`Code::SessionNotFound`], [`Code::SessionAmbiguous`], [`Code::NothingToDo`] for a session that no
/// process has open, [`Code::KillRefused`] for a process that is not a client, and the errors of [`find`].
pub fn matching_client(
    name: &str,
    inventory: &Inventory<'_>,
    clients: &[KillableClient],
    table: &[Process],
    processes: &dyn Processes,
) -> Result<KillableClient> {
    let name = name.trim();
    if let Some(terminal) = terminal(name) {
        return in_terminal(terminal, clients, table);
    }
    if let Some(pid) = number(name) {
        let process = clients.iter().find(|client| client.pid == pid);
        let session =
            name.len() >= SHORTEST && inventory.rows.iter().any(|row| row.found.id().starts_with(name));
        return match process {
            Some(client) if session && !client.session.starts_with(name) => Err(Error::new(
                Code::SessionAmbiguous,
                format!("{name} is a process id, and also the beginning of another session's id"),
            )
            .hint("give more characters of the session id")),
            Some(client) => Ok(client.clone()),
            None if session => of_session(name, inventory, clients),
            None => Err(no_client(pid, table, processes)),
        };
    }
    of_session(name, inventory, clients)
}

/// Parses a terminal name: `pts/3`, `/dev/pts/3`, `tty1`, `ttys004`.
fn terminal(name: &str) -> Option<&str> {
    let bare = name.strip_prefix("/dev/").unwrap_or(name);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let known = ["pts/", "ttys", "tty"].iter().any(|kind| bare.strip_prefix(kind).is_some_and(digits));
    (known || name.starts_with("/dev/")).then_some(bare)
}

fn number(name: &str) -> Option<u32> {
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}

fn tty_of(pid: u32, table: &[Process]) -> Option<&str> {
    table.iter().find(|process| process.pid == pid)?.tty.as_deref()
}

fn in_terminal(terminal: &str, clients: &[KillableClient], table: &[Process]) -> Result<KillableClient> {
    let here: Vec<&KillableClient> =
        clients.iter().filter(|client| tty_of(client.pid, table) == Some(terminal)).collect();
    match here.as_slice() {
        [client] => Ok((*client).clone()),
        [] => {
            let mut others: Vec<&str> =
                clients.iter().filter_map(|client| tty_of(client.pid, table)).collect();
            others.sort_unstable();
            others.dedup();
            let hint = if others.is_empty() {
                "name a session or a process that `cc-session-recover list` shows".to_owned()
            } else {
                format!("sessions run in {}", others.join(", "))
            };
            Err(Error::new(Code::SessionNotFound, format!("no session runs in terminal {terminal}"))
                .hint(hint))
        }
        several => Err(Error::new(
            Code::SessionAmbiguous,
            format!("{} sessions run in terminal {terminal}: {}", several.len(), named(several)),
        )
        .hint("give the process id of one of them")),
    }
}

fn named(clients: &[&KillableClient]) -> String {
    let words: Vec<String> =
        clients.iter().map(|client| format!("process {} with {}", client.pid, client.session)).collect();
    words.join(", ")
}

fn of_session(name: &str, inventory: &Inventory<'_>, clients: &[KillableClient]) -> Result<KillableClient> {
    let by_id: Vec<&KillableClient> =
        clients.iter().filter(|client| name.len() >= SHORTEST && begins(&client.session, name)).collect();
    let wanted = SessionOptions { session: Some(name.to_owned()), ..SessionOptions::default() };
    let row = match find(inventory, &wanted) {
        Ok(row) => row,
        // A session without a transcript yet is known only from its client.
        Err(error) if error.code == Code::SessionNotFound && !by_id.is_empty() => {
            return one_of(&by_id);
        }
        Err(error) => return Err(error),
    };
    let id = row.found.id();
    let holding: Vec<&KillableClient> = clients
        .iter()
        .filter(|client| client.session == *id && row.found.homes().any(|home| home == client.home))
        .collect();
    if holding.is_empty() {
        if !inventory.owners_of(&row.found).elsewhere.is_empty() {
            return Err(Error::new(
                Code::KillRefused,
                format!("{id} may be open in another process-id namespace (a container)"),
            )
            .hint("end it there"));
        }
        return Err(Error::new(Code::NothingToDo, format!("no process has {id} open")).hint(format!(
            "it is closed already; open it with `cc-session-recover resume {}`",
            &id[..8.min(id.len())]
        )));
    }
    one_of(&holding)
}

fn one_of(clients: &[&KillableClient]) -> Result<KillableClient> {
    match clients {
        [client] => Ok((*client).clone()),
        several => Err(Error::new(
            Code::SessionAmbiguous,
            format!("{} clients match: {}", several.len(), named(several)),
        )
        .hint("give the process id of the one to end")),
    }
}

fn no_client(pid: u32, table: &[Process], processes: &dyn Processes) -> Error {
    let hint = "name a session, a terminal or a process that `cc-session-recover list` shows";
    match table.iter().find(|process| process.pid == pid) {
        None => Error::new(Code::SessionNotFound, format!("there is no process {pid}")).hint(hint),
        Some(process) => {
            let role = role_of(process, processes);
            let what = if role == crate::claude::role::Role::Client {
                "a client of Claude Code that is in no known registry, so its configuration directory is unknown".to_owned()
            } else {
                role.words().to_owned()
            };
            Error::new(Code::KillRefused, format!("process {pid} is {what}")).hint(hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_recognized_by_its_name() {
        for (name, expected) in [
            ("pts/3", Some("pts/3")),
            ("/dev/pts/12", Some("pts/12")),
            ("tty1", Some("tty1")),
            ("/dev/ttys004", Some("ttys004")),
            ("ttys004", Some("ttys004")),
            ("pts/", None),
            ("pts/x", None),
            ("tty", None),
            ("3f2a9c1d", None),
            ("4711", None),
        ] {
            assert_eq!(terminal(name), expected, "{name}");
        }
    }

    #[test]
    fn a_process_id_is_parsed_only_as_a_whole_number() {
        assert_eq!((number("4711"), number("-1"), number("4711a")), (Some(4711), None, None));
        assert_eq!((number("99999999999"), number("")), (None, None));
    }
}
