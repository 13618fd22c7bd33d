//! A process, identified by its id and its start time, so that a reused process id cannot be mistaken for it.

use super::route::DefaultRoute;
use crate::env::Environment;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// An entry of the process table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    pub pid: u32,
    /// Process id of the parent, or 1 if the parent has exited.
    pub parent: u32,
    /// Short name of the program, which the program can change.
    pub name: String,
    /// Terminal, such as `pts/3`.
    pub tty: Option<String>,
    pub start_token: String,
    /// Start time, accurate to about a hundredth of a second.
    pub started_at: Option<DateTime<Utc>>,
    /// Processor time used so far.
    pub cpu: Duration,
    /// Whether a signal or a debugger has stopped the process, so that it makes no progress.
    pub stopped: bool,
}

/// What is known about the network connections of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// This system does not report it, or denies access.
    Unknown,
    NoConnection,
    /// Time since any established connection last received data or, if it received none, was opened.
    Last(Duration),
}

/// Access to the process table, which tests replace.
pub trait Processes: Send + Sync {
    /// Returns the start token of a running process, in the form that Claude Code's registry records as
    /// `procStart`; `None` if there is no such process or it is a zombie.
    fn start_token(&self, pid: u32) -> Option<String>;
    /// Returns the name of our process-id namespace, in a form comparable with the registry's `pidDomain`.
    fn domain(&self) -> Option<String>;
    /// Lists every visible process; empty if the table is not available.
    fn table(&self) -> Vec<Process> {
        Vec::new()
    }
    /// Returns the controlling terminal, such as `pts/3`.
    fn terminal(&self, pid: u32) -> Option<String> {
        self.table().into_iter().find(|process| process.pid == pid)?.tty
    }
    fn default_route(&self) -> DefaultRoute {
        DefaultRoute::Unknown
    }
    /// Returns whether a signal or a debugger has stopped the process.
    fn is_stopped(&self, pid: u32) -> bool {
        self.table().iter().any(|process| process.pid == pid && process.stopped)
    }
    /// Returns the words of the command line; empty if it cannot be read.
    fn command_line(&self, _pid: u32) -> Vec<String> {
        Vec::new()
    }
    /// Returns the path of the executable that the process runs.
    fn program(&self, _pid: u32) -> Option<PathBuf> {
        None
    }
    fn working_directory(&self, _pid: u32) -> Option<PathBuf> {
        None
    }
    /// Returns whether the process was started with this variable set; `None` if unknown. Retains nothing
    /// else of its environment.
    fn has_variable(&self, _pid: u32, _name: &str) -> Option<bool> {
        None
    }
    /// Returns the variables that the process was started with and that `keep` selects: with the value
    /// if `keep` returns true, only the name if it returns false. `None` if unknown. Retains nothing
    /// else of its environment.
    fn variables(
        &self,
        _pid: u32,
        _keep: &dyn Fn(&str) -> Option<bool>,
    ) -> Option<BTreeMap<String, Option<String>>> {
        None
    }
    /// Returns Claude Code's configuration directory as the process was started with it; `None` if unknown,
    /// or if the process sees a different file system. Retains nothing else of its environment.
    fn configuration_directory(&self, _pid: u32) -> Option<PathBuf> {
        None
    }
    /// Returns the user id that the process runs as; `None` if unknown, or if its real
    /// and effective ids differ.
    fn owner(&self, _pid: u32) -> Option<u32> {
        None
    }
    /// Reports when the process last received data from the network.
    fn reception(&self, _pid: u32) -> Reception {
        Reception::Unknown
    }
    fn booted_at(&self) -> Option<DateTime<Utc>> {
        None
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemProcesses;

/// Selects the non-empty variables (`NAME=value`) that `keep` names.
fn kept<'v>(
    variables: impl IntoIterator<Item = &'v [u8]>,
    keep: &dyn Fn(&str) -> Option<bool>,
) -> BTreeMap<String, Option<String>> {
    let mut kept = BTreeMap::new();
    for variable in variables {
        let Some(end) = variable.iter().position(|byte| *byte == b'=') else { continue };
        let Ok(name) = std::str::from_utf8(&variable[..end]) else { continue };
        let value = &variable[end + 1..];
        if let (Some(with_value), false) = (keep(name), value.is_empty()) {
            let value = with_value.then(|| String::from_utf8_lossy(value).into_owned());
            kept.insert(name.to_owned(), value);
        }
    }
    kept
}

/// Derives the configuration directory from another process's variables (`NAME=value`); `None`
/// if they are ambiguous.
fn configuration_of<'v>(variables: impl IntoIterator<Item = &'v [u8]>) -> Option<PathBuf> {
    const TELLING: [&str; 3] = ["CLAUDE_CONFIG_DIR", "HOME", "USERPROFILE"];
    let mut told = BTreeMap::new();
    for variable in variables {
        let Some(end) = variable.iter().position(|byte| *byte == b'=') else { continue };
        let known = TELLING.into_iter().find(|known| known.as_bytes() == &variable[..end]);
        if let Some(name) = known {
            let path = Path::new(std::str::from_utf8(&variable[end + 1..]).ok()?);
            let plain = path.is_absolute() && path.components().all(|part| part != Component::ParentDir);
            if !plain || told.insert(name, path).is_some() {
                return None;
            }
        }
    }
    if told.get("USERPROFILE").is_some_and(|profile| told.get("HOME").is_some_and(|home| home != profile)) {
        return None;
    }
    Environment::from_pairs(told, "").claude_config_dir()
}

#[cfg(target_os = "linux")]
mod system {
    use super::super::connection::established;
    use super::{
        DateTime, Duration, Process, Processes, Reception, SystemProcesses, Utc, configuration_of, kept,
    };
    use crate::fs::read_once;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::PathBuf;

    /// Field numbers in `/proc/<pid>/stat`, as the manual page counts them.
    const STATE: usize = 3;
    const PARENT: usize = 4;
    const TTY: usize = 7;
    const USER_TICKS: usize = 14;
    const SYSTEM_TICKS: usize = 15;
    const START: usize = 22;

    /// Maximum length of `/proc/<pid>/stat` in bytes: 50 numbers and a name. The kernel returns
    /// it in one read.
    const LONGEST: usize = 2048;

    struct Stat {
        name: String,
        fields: String,
    }

    impl Stat {
        fn read(pid: u32) -> Option<Self> {
            let mut bytes = [0; LONGEST];
            let length =
                read_once(&mut fs::File::open(format!("/proc/{pid}/stat")).ok()?, &mut bytes).ok()?;
            let text = String::from_utf8_lossy(&bytes[..length]);
            // The second field is the command name in parentheses, which may contain any character.
            let (head, fields) = text.rsplit_once(')')?;
            let stat = Self { name: head.split_once('(')?.1.to_owned(), fields: fields.to_owned() };
            (!matches!(stat.text(STATE), Some("Z" | "X"))).then_some(stat)
        }

        fn text(&self, number: usize) -> Option<&str> {
            self.fields.split_ascii_whitespace().nth(number - STATE)
        }

        fn number(&self, number: usize) -> Option<u64> {
            self.text(number)?.parse().ok()
        }
    }

    fn environment(pid: u32) -> Option<Vec<u8>> {
        fs::read(format!("/proc/{pid}/environ")).ok()
    }

    fn variables(environment: &[u8]) -> impl Iterator<Item = &[u8]> {
        environment.split(|byte| *byte == 0)
    }

    /// Formats the name of a terminal, such as `pts/3` or `tty1`. Other terminals are named by their device
    /// numbers.
    fn terminal(device: u64) -> Option<String> {
        let major = (device >> 8) & 0xfff;
        let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
        match (device, major) {
            (0, _) => None,
            (_, 136..=143) => Some(format!("pts/{}", minor + (major - 136) * 256)),
            (_, 4) if minor < 64 => Some(format!("tty{minor}")),
            _ => Some(format!("{major}:{minor}")),
        }
    }

    fn ticks(number: u64) -> Duration {
        let second = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_nanos(number.saturating_mul(1_000_000_000 / second))
    }

    fn boot_second() -> Option<i64> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
    }

    impl Processes for SystemProcesses {
        fn default_route(&self) -> crate::claude::route::DefaultRoute {
            crate::claude::route::DefaultRoute::of_machine()
        }

        /// Returns field 22 of `/proc/<pid>/stat`: ticks since boot.
        fn start_token(&self, pid: u32) -> Option<String> {
            Stat::read(pid)?.text(START).map(str::to_owned)
        }

        fn is_stopped(&self, pid: u32) -> bool {
            Stat::read(pid).is_some_and(|stat| matches!(stat.text(STATE), Some("T" | "t")))
        }

        fn terminal(&self, pid: u32) -> Option<String> {
            terminal(Stat::read(pid)?.number(TTY)?)
        }

        fn domain(&self) -> Option<String> {
            // `pid:[4026531836]`; the registry writes `linux:<machine-id>:pid:[4026531836]`.
            fs::read_link("/proc/self/ns/pid").ok().map(|link| link.to_string_lossy().into_owned())
        }

        fn table(&self) -> Vec<Process> {
            let booted = self.booted_at();
            let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
            let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
            pids.filter_map(|pid| {
                let stat = Stat::read(pid)?;
                let started = stat.number(START)?;
                Some(Process {
                    pid,
                    parent: stat.number(PARENT).and_then(|parent| u32::try_from(parent).ok())?,
                    tty: terminal(stat.number(TTY).unwrap_or(0)),
                    start_token: started.to_string(),
                    started_at: booted.map(|booted| booted + ticks(started)),
                    cpu: ticks(stat.number(USER_TICKS).unwrap_or(0) + stat.number(SYSTEM_TICKS).unwrap_or(0)),
                    stopped: matches!(stat.text(STATE), Some("T" | "t")),
                    name: stat.name,
                })
            })
            .collect()
        }

        fn command_line(&self, pid: u32) -> Vec<String> {
            let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            // A zero byte terminates every argument, even an empty one.
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 2).min(bytes.len()));
            let words = bytes[..end].strip_suffix(&[0]).unwrap_or(&bytes[..end]);
            if words.is_empty() {
                return Vec::new();
            }
            words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
        }

        fn program(&self, pid: u32) -> Option<PathBuf> {
            fs::read_link(format!("/proc/{pid}/exe")).ok()
        }

        fn working_directory(&self, pid: u32) -> Option<PathBuf> {
            fs::read_link(format!("/proc/{pid}/cwd")).ok()
        }

        fn has_variable(&self, pid: u32, name: &str) -> Option<bool> {
            let has = |entry: &[u8]| {
                let value = entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
                value.is_some_and(|value| !value.is_empty())
            };
            Some(variables(&environment(pid)?).any(has))
        }

        fn variables(
            &self,
            pid: u32,
            keep: &dyn Fn(&str) -> Option<bool>,
        ) -> Option<BTreeMap<String, Option<String>>> {
            let environment = environment(pid).filter(|bytes| !bytes.is_empty())?;
            Some(kept(variables(&environment), keep))
        }

        fn configuration_directory(&self, pid: u32) -> Option<PathBuf> {
            // In another mount namespace or root, the same path names a different file.
            let mounts = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
            let process = pid.to_string();
            let root = fs::read_link(format!("/proc/{process}/root")).ok()?;
            let same = mounts(&process)? == mounts("self")? && root.as_os_str() == "/";
            if same { configuration_of(variables(&environment(pid)?)) } else { None }
        }

        fn owner(&self, pid: u32) -> Option<u32> {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            // `Uid:` lists the real, effective, saved and file system ids.
            let ids = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
            let mut ids = ids.split_ascii_whitespace().take(3);
            let real = ids.next()?;
            ids.all(|id| id == real).then(|| real.parse().ok())?
        }

        fn reception(&self, pid: u32) -> Reception {
            let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Reception::Unknown };
            let sockets: BTreeSet<u32> = entries
                .filter_map(|entry| {
                    let link = fs::read_link(entry.ok()?.path()).ok()?;
                    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
                })
                .collect();
            // Only the connections of our own network namespace are visible.
            let namespace = |who: &str| fs::read_link(format!("/proc/{who}/ns/net")).ok();
            if namespace("self").is_none() || namespace("self") != namespace(&pid.to_string()) {
                return Reception::Unknown;
            }
            let Some(connections) = established() else { return Reception::Unknown };
            connections
                .iter()
                .filter(|connection| sockets.contains(&connection.inode))
                .map(|connection| connection.since_received)
                .min()
                .map_or(Reception::NoConnection, Reception::Last)
        }

        fn booted_at(&self) -> Option<DateTime<Utc>> {
            boot_second().and_then(|second| DateTime::from_timestamp(second, 0))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::terminal;

        #[test]
        fn a_terminal_is_named_like_in_ps() {
            assert_eq!(terminal(0), None);
            assert_eq!(terminal(136 << 8 | 3).as_deref(), Some("pts/3"));
            assert_eq!(terminal(137 << 8 | 1).as_deref(), Some("pts/257"));
            assert_eq!(terminal(4 << 8 | 1).as_deref(), Some("tty1"));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{DateTime, Duration, Process, Processes, SystemProcesses, Utc, configuration_of, kept};
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

    fn one(pid: u32, what: ProcessRefreshKind) -> Option<System> {
        let mut system = System::new().ok()?;
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[Pid::from_u32(pid)]), true, what);
        Some(system)
    }

    impl Processes for SystemProcesses {
        fn default_route(&self) -> crate::claude::route::DefaultRoute {
            crate::claude::route::DefaultRoute::of_machine()
        }

        /// Returns the start time in seconds since the epoch.
        fn start_token(&self, pid: u32) -> Option<String> {
            let system = one(pid, ProcessRefreshKind::nothing())?;
            system.process(Pid::from_u32(pid)).map(|process| process.start_time().to_string())
        }

        fn domain(&self) -> Option<String> {
            None
        }

        fn table(&self) -> Vec<Process> {
            let Ok(mut system) = System::new() else { return Vec::new() };
            let what = ProcessRefreshKind::nothing().with_cpu();
            system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
            let processes = system.processes().values();
            processes
                .map(|process| Process {
                    pid: process.pid().as_u32(),
                    parent: process.parent().map_or(0, Pid::as_u32),
                    name: process.name().to_string_lossy().into_owned(),
                    tty: None,
                    start_token: process.start_time().to_string(),
                    started_at: i64::try_from(process.start_time())
                        .ok()
                        .and_then(|second| DateTime::from_timestamp(second, 0)),
                    cpu: Duration::from_millis(process.accumulated_cpu_time()),
                    stopped: process.status() == ProcessStatus::Stop,
                })
                .collect()
        }

        fn command_line(&self, pid: u32) -> Vec<String> {
            let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
            let Some(system) = one(pid, what) else { return Vec::new() };
            let process = system.process(Pid::from_u32(pid));
            process.map_or_else(Vec::new, |process| {
                process.cmd().iter().map(|word| word.to_string_lossy().into_owned()).collect()
            })
        }

        fn program(&self, pid: u32) -> Option<PathBuf> {
            let system = one(pid, ProcessRefreshKind::nothing().with_exe(UpdateKind::Always))?;
            system.process(Pid::from_u32(pid))?.exe().map(std::path::Path::to_path_buf)
        }

        fn working_directory(&self, pid: u32) -> Option<PathBuf> {
            let system = one(pid, ProcessRefreshKind::nothing().with_cwd(UpdateKind::Always))?;
            system.process(Pid::from_u32(pid))?.cwd().map(std::path::Path::to_path_buf)
        }

        fn variables(
            &self,
            pid: u32,
            keep: &dyn Fn(&str) -> Option<bool>,
        ) -> Option<BTreeMap<String, Option<String>>> {
            let system = one(pid, ProcessRefreshKind::nothing().with_environ(UpdateKind::Always))?;
            let variables = system.process(Pid::from_u32(pid))?.environ();
            // A process that we may not inspect shows an empty environment.
            if variables.is_empty() {
                return None;
            }
            Some(kept(variables.iter().map(|variable| variable.as_encoded_bytes()), keep))
        }

        fn configuration_directory(&self, pid: u32) -> Option<PathBuf> {
            let system = one(pid, ProcessRefreshKind::nothing().with_environ(UpdateKind::Always))?;
            let variables = system.process(Pid::from_u32(pid))?.environ();
            configuration_of(variables.iter().map(|variable| variable.as_encoded_bytes()))
        }

        #[cfg(unix)]
        fn owner(&self, pid: u32) -> Option<u32> {
            let system = one(pid, ProcessRefreshKind::nothing().with_user(UpdateKind::Always))?;
            let process = system.process(Pid::from_u32(pid))?;
            let real = **process.user_id()?;
            process.effective_user_id().is_none_or(|effective| **effective == real).then_some(real)
        }

        fn booted_at(&self) -> Option<DateTime<Utc>> {
            let second = i64::try_from(System::boot_time().ok()?).ok()?;
            DateTime::from_timestamp(second, 0)
        }
    }
}

/// Lists the descendants of a process, nearest first.
#[must_use]
pub fn below(table: &[Process], pid: u32) -> Vec<&Process> {
    let mut found: Vec<&Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in table.iter().filter(|process| process.parent == parent && process.pid != pid) {
            if found.iter().all(|seen| seen.pid != child.pid) {
                found.push(child);
                parents.insert(0, child.pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_process_has_a_start_token_and_a_dead_one_has_none() {
        let own = SystemProcesses.start_token(std::process::id());
        assert!(own.is_some_and(|token| token.bytes().all(|byte| byte.is_ascii_digit())));
        assert_eq!(SystemProcesses.start_token(u32::MAX - 7), None);
    }

    #[test]
    fn a_configuration_directory_is_reported_only_when_it_is_unambiguous() {
        let told = |variables: &[&str]| configuration_of(variables.iter().map(|one| one.as_bytes()));
        let home = std::env::temp_dir();
        let variable = |name: &str, below: &str| format!("{name}={}", home.join(below).display());
        let (own, of_home) = (variable("CLAUDE_CONFIG_DIR", "c"), variable("HOME", "h"));
        assert_eq!(told(&["PATH=/bin", &of_home, &own, "X"]), Some(home.join("c")));
        assert_eq!(told(&[&of_home, "PATH=/bin"]), Some(home.join("h").join(".claude")));
        assert_eq!(told(&[&of_home, &variable("USERPROFILE", "h")]), Some(home.join("h").join(".claude")));
        for unclear in [
            &["PATH=/bin", "", "="][..],
            &[&of_home, "CLAUDE_CONFIG_DIR="],
            &[&of_home, "CLAUDE_CONFIG_DIR=c"],
            &[&of_home, &own, &variable("CLAUDE_CONFIG_DIR", "d")],
            &[&of_home, &variable("CLAUDE_CONFIG_DIR", "a/../c")],
            &[&of_home, &variable("USERPROFILE", "g")],
        ] {
            assert_eq!(told(unclear), None, "{unclear:?}");
        }
        let no_text = [of_home.as_bytes(), b"CLAUDE_CONFIG_DIR=/\xFF"];
        assert_eq!(configuration_of(no_text), None);
    }

    #[test]
    fn the_process_table_contains_this_process_and_its_child() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let table = SystemProcesses.table();
        let own = table.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(Some(&own.start_token), SystemProcesses.start_token(own.pid).as_ref());
        let age = Utc::now() - own.started_at.unwrap();
        assert!((-2..3600).contains(&age.num_seconds()), "{age}");
        assert!(below(&table, own.pid).iter().any(|process| process.pid == child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
