//! Kills on a simulated machine: processes end, and their ids are reused, between any two accesses.

use super::*;
use crate::claude::process::Processes;
use crate::clock::Clock;
use crate::env::Environment;
use crate::rescue::signal::{Signal, SignalResult};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

const ID: &str = "3f2a9c1d-0000-4000-8000-000000000001";
const OTHER: &str = "77aa0000-0000-4000-8000-000000000002";
const PID: u32 = 4711;
const NATIVE: &str = "/h/.local/share/claude/versions/2.1.329";

#[derive(Debug, Clone)]
struct Running {
    serial: u64,
    parent: u32,
    name: &'static str,
    program: &'static str,
    line: Vec<&'static str>,
    owner: Option<u32>,
    deaf: bool,
    stopped: bool,
}

impl Running {
    fn client(serial: u64) -> Self {
        Self {
            serial,
            parent: 1,
            name: "claude",
            program: NATIVE,
            line: vec!["claude"],
            owner: own_uid(),
            deaf: false,
            stopped: false,
        }
    }
}

#[derive(Default)]
struct State {
    running: BTreeMap<u32, Running>,
    /// Number of accesses to the machine so far.
    reads: usize,
    /// Access at which another process takes over [`PID`].
    reused_at: Option<(usize, Running)>,
    /// Additional action at that access.
    then: Option<Box<dyn FnOnce() + Send>>,
    /// Delivered signals, with the serial of the process that received them.
    hits: Vec<(u64, Signal)>,
    time: Duration,
}

/// Simulated machine; clones share one state.
#[derive(Clone, Default)]
struct Machine(Arc<Mutex<State>>);

impl Machine {
    /// Locks the state. Every access may find it changed.
    fn read(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        if state.reused_at.as_ref().is_some_and(|(at, _)| state.reads >= *at) {
            let (_, other) = state.reused_at.take().unwrap();
            state.running.insert(PID, other);
            if let Some(then) = state.then.take() {
                then();
            }
        }
        state
    }

    fn one<T>(&self, pid: u32, tell: impl Fn(&Running) -> T) -> Option<T> {
        self.read().running.get(&pid).map(tell)
    }

    fn signal(state: &mut State, pid: u32, signal: Signal) {
        let one = state.running[&pid].clone();
        state.hits.push((one.serial, signal));
        match signal {
            Signal::Kill => drop(state.running.remove(&pid)),
            Signal::Term if !one.deaf && !one.stopped => drop(state.running.remove(&pid)),
            Signal::Cont if !one.deaf => drop(state.running.remove(&pid)),
            Signal::Term | Signal::Cont => {}
        }
    }

    fn hits(&self) -> Vec<(u64, Signal)> {
        self.0.lock().unwrap().hits.clone()
    }

    fn put(&self, pid: u32, one: Running) {
        self.0.lock().unwrap().running.insert(pid, one);
    }
}

impl Processes for Machine {
    fn start_token(&self, pid: u32) -> Option<String> {
        self.one(pid, |one| one.serial.to_string())
    }
    fn domain(&self) -> Option<String> {
        None
    }
    fn table(&self) -> Vec<Process> {
        let state = self.read();
        let process = |(pid, one): (&u32, &Running)| Process {
            pid: *pid,
            parent: one.parent,
            name: one.name.to_owned(),
            start_token: one.serial.to_string(),
            stopped: one.stopped,
            ..Process::default()
        };
        state.running.iter().map(process).collect()
    }
    fn command_line(&self, pid: u32) -> Vec<String> {
        self.one(pid, |one| one.line.iter().map(|word| (*word).to_owned()).collect()).unwrap_or_default()
    }
    fn program(&self, pid: u32) -> Option<PathBuf> {
        self.one(pid, |one| one.program.into())
    }
    fn owner(&self, pid: u32) -> Option<u32> {
        self.one(pid, |one| one.owner).flatten()
    }
}

impl Clock for Machine {
    fn now(&self) -> DateTime<Utc> {
        let time = self.0.lock().unwrap().time;
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + time
    }
    fn since_boot(&self) -> Duration {
        self.0.lock().unwrap().time
    }
    fn sleep(&self, duration: Duration) {
        self.read().time += duration;
    }
}

/// Process handle: refers to the process that had the id when the handle was opened.
struct Descriptor {
    machine: Machine,
    pid: u32,
    serial: u64,
}

impl ProcessHandle for Descriptor {
    fn signal(&self, signal: Signal) -> SignalResult {
        let mut state = self.machine.read();
        if state.running.get(&self.pid).is_none_or(|one| one.serial != self.serial) {
            return SignalResult::Gone;
        }
        Machine::signal(&mut state, self.pid, signal);
        SignalResult::Delivered
    }
    fn is_gone(&self) -> bool {
        self.machine.one(self.pid, |one| one.serial) != Some(self.serial)
    }
}

impl ProcessControl for Machine {
    fn hold<'a>(
        &self,
        pid: u32,
        _token: &str,
        _processes: &'a dyn Processes,
    ) -> std::result::Result<Option<Box<dyn ProcessHandle + 'a>>, String> {
        let serial = self.one(pid, |one| one.serial);
        Ok(serial.map(|serial| {
            Box::new(Descriptor { machine: self.clone(), pid, serial }) as Box<dyn ProcessHandle>
        }))
    }
}

/// Home with one session that [`PID`] has open.
struct Home {
    dir: tempfile::TempDir,
    env: Environment,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join(".claude");
        let project = home.join("projects/-work");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::create_dir_all(home.join("sessions")).unwrap();
        let line = |id: &str| {
            format!(
                "{{\"type\":\"user\",\"uuid\":\"{id}\",\"parentUuid\":null,\"isSidechain\":false,\"sessionId\":\"{id}\",\"timestamp\":\"2026-11-18T10:00:00.000Z\",\"cwd\":\"/work\",\"version\":\"2.1.329\",\"message\":{{\"role\":\"user\",\"content\":\"go\"}}}}\n"
            )
        };
        for id in [ID, OTHER] {
            std::fs::write(project.join(format!("{id}.jsonl")), line(id)).unwrap();
        }
        let state = dir.path().join("state");
        let env = Environment::from_pairs(
            [("HOME", dir.path().as_os_str()), ("CC_RECOVER_STATE_DIR", state.as_os_str())],
            dir.path(),
        );
        let home = Self { dir, env };
        home.register(PID, 1, ID, "interactive");
        home
    }

    fn transcript(&self) -> PathBuf {
        self.dir.path().join(format!(".claude/projects/-work/{ID}.jsonl"))
    }

    fn record(&self, pid: u32) -> PathBuf {
        self.dir.path().join(format!(".claude/sessions/{pid}.json"))
    }

    fn register(&self, pid: u32, serial: u64, session: &str, kind: &str) {
        std::fs::write(self.record(pid), record(pid, serial, session, kind)).unwrap();
    }

    fn kill(&self, machine: &Machine, options: &KillOptions) -> Result<KillReport> {
        let world = World { env: &self.env, clock: machine, processes: machine, abort: &crate::abort::NEVER };
        kill(world, machine, options, &Progress::default())
    }

    fn exports(&self) -> usize {
        let dir = self.dir.path().join("state/exports");
        std::fs::read_dir(dir).map_or(0, |entries| {
            entries
                .filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count()
        })
    }
}

fn record(pid: u32, serial: u64, session: &str, kind: &str) -> String {
    format!(
        "{{\"pid\":{pid},\"sessionId\":\"{session}\",\"procStart\":\"{serial}\",\"kind\":\"{kind}\",\"entrypoint\":\"cli\",\"status\":\"idle\",\"jobId\":\"a1b2c3d4\",\"startedAt\":1795000000000}}"
    )
}

fn machine(one: Running) -> Machine {
    let machine = Machine::default();
    machine.put(PID, one);
    machine
}

fn target(name: &str) -> KillOptions {
    KillOptions { target: name.to_owned(), ..KillOptions::default() }
}

/// Runs a dry run, then the kill that confirms its result, as a user would.
fn shown_and_killed(home: &Home, machine: &Machine, name: &str, force: bool) -> Result<KillReport> {
    let shown = home.kill(machine, &KillOptions { dry_run: true, ..target(name) })?;
    home.kill(machine, &KillOptions { expected: Some(shown.expected), force, ..target(name) })
}

#[test]
fn kill_exports_the_session_and_then_asks_the_client_to_end() {
    for name in [ID, "3f2a", "4711"] {
        let home = Home::new();
        let machine = machine(Running::client(1));
        let report = shown_and_killed(&home, &machine, name, false).unwrap();
        assert_eq!((report.outcome, report.way), (KillOutcome::Ended, KillWay::Signal), "{name}");
        assert_eq!(machine.hits(), [(1, Signal::Term)], "{name}");
        assert_eq!((report.exports.len(), home.exports()), (1, 1), "{name}");
        let journal = std::fs::read_to_string(home.dir.path().join("state/journal.jsonl")).unwrap();
        let events: Vec<&str> = ["exported", "kill-signal", "kill"]
            .into_iter()
            .filter(|event| journal.contains(&format!("\"event\":\"{event}\"")))
            .collect();
        assert_eq!(events, ["exported", "kill-signal", "kill"]);
        assert!(
            std::fs::read_to_string(report.log.unwrap())
                .unwrap()
                .contains("| kill | process 4711 ended, saved in ")
        );
    }
}

#[test]
fn kill_signals_no_other_process_in_500_rounds_of_reused_ids() {
    // Number of accesses without any incident, up to the signal and in total.
    let reads = |deaf| {
        let quiet = machine(Running { deaf, ..Running::client(1) });
        shown_and_killed(&Home::new(), &quiet, ID, true).unwrap();
        quiet.0.lock().unwrap().reads
    };
    let (before, all) = (reads(false), reads(true));
    assert!(before > 20 && all > before + 100, "{before} {all}");
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut naive = 0;
    for round in 0..500 {
        let home = Home::new();
        // Most reuses happen before the signal, where they matter; the others during the wait and afterwards.
        let at = if round % 5 == 4 { before + round % (all - before) } else { 1 + round % before };
        let (bystander, session) = match round % 4 {
            0 => (Running::client(2), Some(OTHER)),
            // The same session, opened again.
            1 => (Running::client(2), Some(ID)),
            2 => (
                Running { name: "vim", program: "/usr/bin/vim", line: vec!["vim"], ..Running::client(2) },
                None,
            ),
            _ => (Running::client(2), None),
        };
        let machine = machine(Running { deaf: round % 3 == 0, ..Running::client(1) });
        let path = home.record(PID);
        {
            let mut state = machine.0.lock().unwrap();
            state.reused_at = Some((at, bystander.clone()));
            // The new client overwrites the record of the old one.
            state.then = session.map(|session| {
                Box::new(move || std::fs::write(&path, record(PID, 2, session, "interactive")).unwrap())
                    as Box<dyn FnOnce() + Send>
            });
        }
        let outcome = match shown_and_killed(&home, &machine, ID, true) {
            // A client that has the session open from the first access on is the one that was shown.
            Ok(report) if report.expected.start_token == "2" => "shown".to_owned(),
            Ok(report) => format!("{:?}", report.outcome),
            Err(error) => error.code.as_str().to_owned(),
        };
        if outcome != "shown" {
            assert!(
                machine.hits().iter().all(|(serial, _)| *serial == 1),
                "{round} {outcome} {:?}",
                machine.hits()
            );
        }
        *outcomes.entry(outcome).or_default() += 1;

        // Negative control: a program that remembers an id and signals it hits whatever process
        // has it by then.
        let control = Machine::default();
        control.put(PID, Running::client(1));
        control.0.lock().unwrap().reused_at = Some((2 + round % 2, bystander));
        let same = control.start_token(PID).as_deref() == Some("1");
        let mut state = control.read();
        if same {
            Machine::signal(&mut state, PID, Signal::Kill);
        }
        naive += usize::from(state.hits.iter().any(|(serial, _)| *serial == 2));
    }
    assert!(naive >= 200, "the negative control hit another process in {naive} rounds only");
    // Every outcome occurred: ended, already gone, and change detected.
    for known in ["Ended", "Gone", "KILL_REFUSED", "CHANGED_MEANWHILE"] {
        assert!(outcomes.contains_key(known), "{outcomes:?}");
    }
}

#[test]
fn kill_signals_no_client_of_another_user_in_100_attempts() {
    let mut naive = 0;
    for round in 0..100_u32 {
        let home = Home::new();
        let owner = (round % 10 != 9).then(|| own_uid().unwrap_or(0).wrapping_add(1 + round * 37));
        let machine = machine(Running { owner, ..Running::client(1) });
        let name = if round % 2 == 0 { ID } else { "4711" };
        let error =
            home.kill(&machine, &KillOptions { force: true, tree: true, ..target(name) }).unwrap_err();
        assert_eq!(error.code, Code::KillRefused);
        assert_eq!((machine.hits(), home.exports()), (vec![], 0));
        // Control: the process would have accepted the signal; only the owner check prevented it.
        machine.hold(PID, "1", &machine).unwrap().unwrap().signal(Signal::Kill);
        naive += machine.hits().len();
    }
    assert_eq!(naive, 100);
}

#[test]
fn a_process_that_only_resembles_a_client_is_never_signalled() {
    type Change<'a> = &'a dyn Fn(&mut Running);
    let alike: [(&str, Change<'_>); 8] = [
        ("daemon", &|one| one.line = vec!["claude", "daemon", "run", "--origin", "transient"]),
        ("pty host", &|one| one.line = vec!["claude", "bg-pty-host", "--bg-pty-host", "/s", "200", "50"]),
        ("spare", &|one| one.line = vec!["claude", "bg-spare", "--bg-spare", "/s"]),
        ("server", &|one| one.line = vec!["claude", "mcp", "serve"]),
        ("shell", &|one| (one.program, one.line) = ("/bin/bash", vec!["claude", "-c", "x"])),
        ("editor", &|one| (one.program, one.name) = ("/usr/bin/vim", "vim")),
        ("its own server", &|one| {
            (one.program, one.name, one.line) =
                ("/usr/bin/node", "node", vec!["node", "/w/claude/server.js"]);
        }),
        ("unknown", &|one| one.program = ""),
    ];
    for (what, change) in alike {
        let home = Home::new();
        let mut one = Running::client(1);
        change(&mut one);
        let machine = machine(one);
        for name in [ID, "4711"] {
            let error = home.kill(&machine, &KillOptions { force: true, ..target(name) }).unwrap_err();
            assert_eq!(error.code, Code::KillRefused, "{what} {name}");
        }
        // No record names the process.
        std::fs::remove_file(home.record(PID)).unwrap();
        let error = home.kill(&machine, &KillOptions { force: true, ..target("4711") }).unwrap_err();
        assert_eq!(error.code, Code::KillRefused, "{what}");
        // The daemon has its own record.
        home.register(PID, 1, OTHER, "daemon");
        let error = home.kill(&machine, &KillOptions { force: true, ..target("4711") }).unwrap_err();
        assert_eq!(error.code, Code::KillRefused, "{what}");
        assert_eq!(machine.hits(), vec![], "{what}");
    }
    // Control: the same setup with a real client.
    let home = Home::new();
    let machine = machine(Running::client(1));
    home.kill(&machine, &target("4711")).unwrap();
    assert_eq!(machine.hits(), [(1, Signal::Term)]);
}

/// Makes an export fail.
type Make<'a> = &'a dyn Fn(&Home) -> KillOptions;

#[test]
fn a_failed_export_sends_no_signal() {
    let broken: [(&str, Make<'_>); 3] = [
        ("no directory", &|home| KillOptions { to: Some(home.transcript()), ..target(ID) }),
        ("the client's own", &|home| KillOptions {
            to: Some(home.dir.path().join(".claude/projects/x")),
            ..target(ID)
        }),
        ("it is a file", &|home| {
            let dir = home.dir.path().join("state/exports");
            std::fs::create_dir_all(dir.parent().unwrap()).unwrap();
            std::fs::write(dir, "in the way").unwrap();
            target(ID)
        }),
    ];
    for (what, make) in broken {
        let home = Home::new();
        let machine = machine(Running::client(1));
        let options = KillOptions { force: true, tree: true, ..make(&home) };
        let error = home.kill(&machine, &options).unwrap_err();
        assert!(error.message.starts_with("it could not be saved, so it was not ended"), "{what}: {error}");
        assert!(error.hint.unwrap().contains("--no-export"), "{what}");
        assert_eq!(machine.hits(), vec![], "{what}");
        // Control: without the export it is ended.
        let report = home.kill(&machine, &KillOptions { export: false, ..options }).unwrap();
        assert_eq!((report.outcome, machine.hits()), (KillOutcome::Ended, vec![(1, Signal::Term)]), "{what}");
    }
    // A session that is not on disk cannot be saved, unless it is still empty.
    let home = Home::new();
    std::fs::remove_file(home.transcript()).unwrap();
    let idle = machine(Running::client(1));
    assert_eq!(home.kill(&idle, &target("4711")).unwrap().outcome, KillOutcome::Ended);
    let busy = record(PID, 1, ID, "interactive").replace("idle", "busy");
    std::fs::write(home.record(PID), busy).unwrap();
    let busy = machine(Running::client(1));
    assert_eq!(home.kill(&busy, &target("4711")).unwrap_err().code, Code::KillRefused);
    assert_eq!(busy.hits(), vec![]);
}

#[test]
fn a_session_of_a_project_other_than_the_requested_one_is_still_exported() {
    let home = Home::new();
    let machine = machine(Running::client(1));
    let elsewhere = KillOptions { project: Some(home.dir.path().to_path_buf()), ..target("4711") };
    let report = home.kill(&machine, &elsewhere).unwrap();
    assert_eq!((report.outcome, report.exports.len(), home.exports()), (KillOutcome::Ended, 1, 1));
    assert_eq!(
        home.kill(&machine, &KillOptions { target: ID.to_owned(), ..elsewhere }).unwrap_err().code,
        Code::SessionNotFound
    );
}

#[test]
fn a_client_that_ignores_sigterm_is_ended_only_by_force() {
    let home = Home::new();
    let machine = machine(Running { deaf: true, ..Running::client(1) });
    let first = shown_and_killed(&home, &machine, ID, false).unwrap();
    assert_eq!((first.outcome, machine.hits()), (KillOutcome::StillAlive, vec![(1, Signal::Term)]));
    assert_eq!(machine.since_boot().as_secs(), PATIENCE.as_secs(), "it was waited for");
    assert!(first.commands.is_none());
    // Second confirmation: the earlier export is reused only if nothing was written since.
    let again = KillOptions {
        expected: Some(first.expected.clone()),
        exported: Some(first.exports[0].path.clone()),
        asked: true,
        ..target(ID)
    };
    let mut longer = std::fs::read(home.transcript()).unwrap();
    longer.extend_from_slice(b"{\"type\":\"mode\"}\n");
    std::fs::write(home.transcript(), longer).unwrap();
    let second = home.kill(&machine, &again).unwrap();
    assert_eq!((second.outcome, machine.hits().len()), (KillOutcome::Killed, 2));
    assert_eq!((second.exports.len(), second.exported), (1, None), "it had grown");
    assert_eq!(machine.hits()[1], (1, Signal::Kill));
    machine.put(PID, Running { deaf: true, ..Running::client(1) });
    let third = KillOptions { exported: Some(second.exports[0].path.clone()), ..again };
    let third = home.kill(&machine, &third).unwrap();
    assert_eq!((third.exports.len(), third.exported.is_some(), home.exports()), (0, true, 2));
}

#[test]
fn a_suspended_client_is_continued_so_that_it_receives_the_signal() {
    let home = Home::new();
    let machine = machine(Running { stopped: true, ..Running::client(1) });
    let report = home.kill(&machine, &target(ID)).unwrap();
    assert_eq!(
        (report.outcome, machine.hits()),
        (KillOutcome::Ended, vec![(1, Signal::Term), (1, Signal::Cont)])
    );
}

#[test]
fn tools_are_listed_and_end_only_with_the_tree_option_and_other_children_stay() {
    let tool = |serial, parent, line: Vec<&'static str>| Running {
        parent,
        name: "sh",
        program: "/bin/sh",
        line,
        ..Running::client(serial)
    };
    let populated = || {
        let machine = machine(Running::client(1));
        machine.put(5000, tool(2, PID, vec!["/bin/sh", "-c", "x"]));
        machine.put(5001, Running { deaf: true, ..tool(3, 5000, vec!["make"]) });
        machine.put(5002, tool(4, PID, vec!["node", "/p/.claude/cc-session-recover/hook.js"]));
        machine.put(5003, Running { parent: PID, line: vec!["claude", "-p", "x"], ..Running::client(5) });
        machine.put(5004, tool(6, 5003, vec!["sleep"]));
        machine.put(5005, Running { owner: None, ..tool(7, PID, vec!["sudo"]) });
        machine.put(5006, tool(8, 1, vec!["sleep"]));
        machine
    };
    let fates = |report: &KillReport| {
        let mut fates: Vec<(u32, ChildFate)> =
            report.children.iter().map(|child| (child.pid, child.fate)).collect();
        fates.sort_by_key(|(pid, _)| *pid);
        fates
    };
    let home = Home::new();
    let machine = populated();
    let shown = home.kill(&machine, &KillOptions { dry_run: true, ..target(ID) }).unwrap();
    let kept = [(5003, ChildFate::Kept), (5004, ChildFate::Kept), (5005, ChildFate::Kept)];
    assert_eq!(
        fates(&shown),
        [&[(5000, ChildFate::Running), (5001, ChildFate::Running)], &kept[..]].concat()
    );
    let report = home.kill(&machine, &target(ID)).unwrap();
    assert_eq!(fates(&report), [&[(5000, ChildFate::Left), (5001, ChildFate::Left)], &kept[..]].concat());
    assert_eq!(machine.hits(), [(1, Signal::Term)]);
    let machine = populated();
    let report = home.kill(&machine, &KillOptions { tree: true, ..target(ID) }).unwrap();
    assert_eq!(fates(&report), [&[(5000, ChildFate::Ended), (5001, ChildFate::Left)], &kept[..]].concat());
    assert_eq!(machine.hits(), [(1, Signal::Term), (2, Signal::Term), (3, Signal::Term)]);
    let machine = populated();
    let report = home.kill(&machine, &KillOptions { tree: true, force: true, ..target(ID) }).unwrap();
    assert_eq!(fates(&report), [&[(5000, ChildFate::Ended), (5001, ChildFate::Killed)], &kept[..]].concat());
    assert_eq!(machine.hits().len(), 4);
}

#[test]
fn a_background_session_receives_no_signal() {
    let home = Home::new();
    home.register(PID, 1, ID, "bg");
    let machine = machine(Running::client(1));
    let shown = home.kill(&machine, &KillOptions { dry_run: true, ..target(ID) }).unwrap();
    assert_eq!(shown.way, KillWay::Stop);
    let error = home.kill(&machine, &KillOptions { force: true, ..target(ID) }).unwrap_err();
    assert_eq!((error.code, machine.hits()), (Code::ClientNotFound, vec![]), "there is no claude here");
}

#[test]
fn an_ambiguous_target_is_refused() {
    let home = Home::new();
    let machine = machine(Running::client(1));
    machine.put(4712, Running::client(2));
    home.register(4712, 2, ID, "interactive");
    let error = home.kill(&machine, &target(ID)).unwrap_err();
    assert_eq!(error.code, Code::SessionAmbiguous);
    assert!(error.message.contains("4711") && error.message.contains("4712"), "{error}");
    assert_eq!(home.kill(&machine, &target("4712")).unwrap().expected.pid, 4712);
    assert_eq!(home.kill(&machine, &target(OTHER)).unwrap_err().code, Code::NothingToDo);
    assert_eq!(home.kill(&machine, &target("pts/9")).unwrap_err().code, Code::SessionNotFound);
    assert_eq!(home.kill(&machine, &target("4799")).unwrap_err().code, Code::SessionNotFound);
    assert_eq!(home.kill(&machine, &target(" ")).unwrap_err().code, Code::Usage);
    assert_eq!(machine.hits(), [(2, Signal::Term)]);
}

#[test]
fn the_current_session_is_never_ended() {
    let home = Home::new();
    let machine = machine(Running::client(1));
    for (name, value) in [("CLAUDE_CODE_SESSION_ID", ID), ("CLAUDE_PID", "4711")] {
        let pairs = home.env.all().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let env = Environment::from_pairs(pairs.chain([(name.into(), value.into())]), home.dir.path());
        let world = World { env: &env, clock: &machine, processes: &machine, abort: &crate::abort::NEVER };
        for wanted in [ID, "4711"] {
            let options = KillOptions { force: true, export: false, ..target(wanted) };
            let error = kill(world, &machine, &options, &Progress::default()).unwrap_err();
            assert_eq!(error.code, Code::KillRefused);
        }
    }
    assert_eq!(machine.hits(), vec![]);
}
