//! Schedules: the whole supervisor in a world with simulated clocks, boots and limits, and with a client that
//! is a real process. Nights are generated: the wall clock jumps, the machine is suspended, restarts or loses
//! its supervisor, limits recur, the service is overloaded, runs do nothing. Invariants in each night:
//! nothing starts before its time on either clock, nothing is late, nothing starts twice, and the night ends.
//!
//! `CC_RECOVER_TEST_SCHEDULES` sets the number of nights; `TZ` moves them across a change of summer time.

use crate::claude::process::{Processes, SystemProcesses};
use crate::clock::{Clock, local_time, parse_rfc3339, rfc3339};
use crate::config::Config;
use crate::env::Environment;
use crate::fs::scripts::write_script;
use crate::recovery::incident::{AttemptOutcome, Incident, Phase, StopReport};
use crate::recovery::plan::Action;
use crate::recovery::supervise::{Supervisor, SupervisorContext, WatchOptions};
use crate::session::{Stop, StopKind};
use crate::store::StateDir;
use crate::store::stored::{Stored, peek, save};
use crate::trust::enabled::{Enabled, record_path};
use crate::trust::fingerprint::Fingerprint;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SESSION: &str = "00000001-0000-4000-8000-000000000001";
/// Maximum number of passes per night; a supervisor that needs more never finishes.
const MOST_PASSES: usize = 3000;

/// Deterministic number generator: the same seed gives the same numbers.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn seconds(&mut self, from: i64, to: i64) -> TimeDelta {
        TimeDelta::seconds(from + self.below(u64::try_from(to - from).unwrap()).cast_signed())
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// Readings of the machine's clocks.
#[derive(Debug, Clone)]
struct Time {
    wall: DateTime<Utc>,
    boot: Duration,
    boots: u32,
}

/// A simulated clock, shared by all threads of a night.
#[derive(Clone)]
struct Virtual {
    time: Arc<Mutex<Time>>,
    /// Control case: the wall clock also serves as the boot clock.
    one_clock: bool,
}

impl Virtual {
    fn read(&self) -> Time {
        self.time.lock().unwrap().clone()
    }

    /// Advances both clocks, as when time passes awake or suspended.
    fn pass(&self, time: TimeDelta) {
        let mut now = self.time.lock().unwrap();
        now.wall += time;
        now.boot += time.to_std().unwrap();
    }

    fn jump(&self, by: TimeDelta) {
        self.time.lock().unwrap().wall += by;
    }

    fn reboot(&self, after: TimeDelta) {
        let mut now = self.time.lock().unwrap();
        now.wall += after;
        now.boot = Duration::from_secs(20);
        now.boots += 1;
    }
}

impl Clock for Virtual {
    fn now(&self) -> DateTime<Utc> {
        self.read().wall
    }
    fn since_boot(&self) -> Duration {
        let Time { wall, boot, .. } = self.read();
        if self.one_clock { (wall - DateTime::UNIX_EPOCH).to_std().unwrap() } else { boot }
    }
    fn boot_id(&self) -> Option<String> {
        Some(format!("boot-{}", self.read().boots))
    }
    fn sleep(&self, _duration: Duration) {
        // Runs are real processes, so waiting for them takes no simulated time.
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Real processes, but only those of this test.
struct Own;

impl Processes for Own {
    fn start_token(&self, pid: u32) -> Option<String> {
        SystemProcesses.start_token(pid)
    }
    fn domain(&self) -> Option<String> {
        None
    }
}

/// Behavior of the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// The task gets finished.
    Works,
    /// Another limit, which resets after this many seconds.
    Limit(i64),
    Overloaded,
    Nothing,
}

/// Nights around changes of summer time in Europe and in America, and a plain one.
const STARTS: [&str; 5] = [
    "2026-03-28T22:00:00Z",
    "2026-10-24T21:30:00Z",
    "2026-03-08T04:00:00Z",
    "2026-11-01T03:00:00Z",
    "2026-07-01T20:00:00Z",
];

struct Night {
    seed: u64,
    dice: Dice,
    clock: Virtual,
    env: Environment,
    state: StateDir,
    root: tempfile::TempDir,
    transcript: PathBuf,
    config: Config,
    records: u32,
    /// Time at which the last limit resets.
    reset: Option<DateTime<Utc>>,
    quiet: bool,
    notes: Vec<String>,
    /// What the last pass reported as waiting.
    waits: Option<String>,
}

impl Night {
    fn new(seed: u64, one_clock: bool) -> Self {
        let start = parse_rfc3339(STARTS[usize::try_from(seed % 5).unwrap()]).unwrap();
        let mut dice = Dice(seed);
        // In memory where possible, because thousands of nights are written durably.
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let at = |name: &str| root.path().join(name);
        let project = at("work");
        for dir in [&project, &at("home"), &at("bin")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let quiet = dice.one_in(3);
        let config = serde_json::json!({
            "notify": {"desktop": false},
            "quietHours": if quiet { serde_json::json!({"from": "01:30", "to": "05:15"}) } else { serde_json::Value::Null },
        });
        std::fs::write(at("config.json"), config.to_string()).unwrap();
        let claude = at("bin/claude");
        let transcripts = at("home/.claude/projects")
            .join(crate::claude::home::encode_project_path(project.to_str().unwrap()));
        std::fs::create_dir_all(&transcripts).unwrap();
        let transcript = transcripts.join(format!("{SESSION}.jsonl"));
        let script = format!(
            "#!/bin/sh\necho $$ >> '{0}/started'\nwhile read -r line; do printf '%s\\n' \"$line\"; done < '{0}/next' >> '{1}'\n",
            root.path().display(),
            transcript.display()
        );
        write_script(&claude, &script);
        let text = |path: PathBuf| path.into_os_string();
        let env = Environment::from_pairs(
            [
                ("HOME", text(at("home"))),
                ("PATH", text(at("bin"))),
                ("CC_RECOVER_STATE_DIR", text(at("state"))),
                ("CC_RECOVER_CONFIG", text(at("config.json"))),
                ("CC_RECOVER_CLAUDE", text(claude)),
            ],
            &project,
        );
        let state = StateDir::new(at("state"));
        let time = Time { wall: start, boot: Duration::from_secs(5000), boots: 0 };
        let enabled = Enabled {
            version: Enabled::VERSION,
            project: Some(project.clone()),
            identity: None,
            born: None,
            at: start - TimeDelta::days(9),
            settings: std::collections::BTreeMap::new(),
            excluded: None,
            share: false,
            created: Vec::new(),
            commands: std::collections::BTreeMap::new(),
            instruction: None,
            keep: None,
            unattended: Some(start - TimeDelta::days(9)),
            fingerprint: Some(Fingerprint::of(&project, None, None)),
        };
        save(&record_path(&state, &project), &enabled).unwrap();
        let mut config = Config::default();
        config.retry.give_up_hours = 24.0;
        Self {
            seed,
            dice,
            clock: Virtual { time: Arc::new(Mutex::new(time)), one_clock },
            env,
            state,
            root,
            transcript,
            config,
            records: 0,
            reset: None,
            quiet,
            notes: Vec::new(),
            waits: None,
        }
    }

    fn supervisor(&self) -> Supervisor {
        self.supervisor_of(Own)
    }

    fn supervisor_of(&self, processes: impl Processes + 'static) -> Supervisor {
        let ground = SupervisorContext {
            provenance: crate::trust::account::Provenance::User,
            env: self.env.clone(),
            clock: Box::new(self.clock.clone()),
            processes: Box::new(processes),
            pid: std::process::id(),
            tend_kept: |_, _, _, _| Vec::new(),
            abort: crate::abort::AbortFlag::new(),
        };
        Supervisor::new(ground, WatchOptions::default()).unwrap()
    }

    fn note(&mut self, what: &str) {
        let Time { wall, boot, .. } = self.clock.read();
        self.notes.push(format!("{} {:>7} s  {what}", rfc3339(wall), boot.as_secs()));
    }

    fn record(&mut self, at: DateTime<Utc>, mut fields: serde_json::Value) -> String {
        let parent = self.records;
        self.records += 1;
        let uuid = |number: u32| format!("{number:08}-0000-4000-8000-000000000000");
        fields["parentUuid"] = if parent == 0 { serde_json::Value::Null } else { uuid(parent).into() };
        fields["uuid"] = uuid(self.records).into();
        fields["timestamp"] = rfc3339(at).into();
        fields["sessionId"] = SESSION.into();
        fields["isSidechain"] = false.into();
        fields["cwd"] = self.root.path().join("work").to_str().unwrap().into();
        fields["version"] = "2.1.329".into();
        fields["entrypoint"] = "cli".into();
        fields["userType"] = "external".into();
        format!("{fields}\n")
    }

    fn prompt(&mut self, at: DateTime<Utc>) -> String {
        self.record(
            at,
            serde_json::json!({"type": "user", "message": {"role": "user", "content": "Do the task."}}),
        )
    }

    fn answer(&mut self, at: DateTime<Utc>, text: &str) -> String {
        let usage = serde_json::json!({"input_tokens": 900, "output_tokens": 20, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0});
        let message = serde_json::json!({
            "id": format!("msg_{}", self.records), "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": usage
        });
        self.record(at, serde_json::json!({"type": "assistant", "requestId": format!("req_{}", self.records), "message": message}))
    }

    fn failure(&mut self, at: DateTime<Utc>, text: &str, more: &serde_json::Value) -> String {
        let message = serde_json::json!({
            "id": format!("m{}", self.records), "type": "message", "role": "assistant", "model": "<synthetic>",
            "content": [{"type": "text", "text": text}], "stop_reason": "stop_sequence", "usage": {"input_tokens": 0, "output_tokens": 0}
        });
        let mut fields =
            serde_json::json!({"type": "assistant", "message": message, "isApiErrorMessage": true});
        for (key, value) in more.as_object().unwrap() {
            fields[key] = value.clone();
        }
        self.record(at, fields)
    }

    /// Prepares the records that the next run appends.
    fn prepare(&mut self, does: Does) -> (u32, Option<DateTime<Utc>>) {
        let at = self.clock.now() + TimeDelta::seconds(1);
        let before = self.records;
        let mut reset = None;
        let text = match does {
            Does::Nothing => String::new(),
            Does::Works => self.prompt(at) + &self.answer(at, "The task is finished."),
            Does::Limit(seconds) => {
                let end = at + TimeDelta::seconds(seconds);
                reset = Some(end);
                self.prompt(at) + &self.limit(at, end)
            }
            Does::Overloaded => {
                let fields = serde_json::json!({"error": "overloaded", "apiErrorStatus": 529, "apiErrorType": "overloaded_error"});
                self.prompt(at) + &self.failure(at, "API Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", &fields)
            }
        };
        std::fs::write(self.root.path().join("next"), text).unwrap();
        let after = self.records;
        // If no run starts, the next pass prepares its records again.
        self.records = before;
        (after, reset)
    }

    fn limit(&mut self, at: DateTime<Utc>, end: DateTime<Utc>) -> String {
        let quota = serde_json::json!({
            "error": "rate_limit", "apiError": "usage_limit_reached", "apiErrorStatus": 429,
            "quotaLimits": {"status": "rejected", "resetsAt": end.timestamp(), "rateLimitType": "five_hour", "isUsingOverage": false}
        });
        self.failure(at, "You've hit your 5-hour limit", &quota)
    }

    fn incident(&self) -> Option<Incident> {
        peek(&self.state.incident(SESSION)).unwrap()
    }

    fn starts(&self) -> usize {
        std::fs::read_to_string(self.root.path().join("started")).map_or(0, |text| text.lines().count())
    }

    fn fail(&self, why: &str) -> ! {
        panic!(
            "night {}: {why}\n{}\n{:#?}",
            self.seed,
            self.notes.join("\n"),
            self.incident().map(|one| (one.phase, one.plan, one.timing, one.stop.kind, one.attempts))
        );
    }

    /// Returns whether a time falls into the quiet hours, by local time.
    fn rests(&self, at: DateTime<Utc>) -> bool {
        let local = local_time(at);
        let minutes = local.hour() * 60 + local.minute();
        self.quiet && (90..315).contains(&minutes)
    }

    fn live(&mut self) {
        let now = self.clock.now();
        let length = self.dice.seconds(30, 5 * 3600);
        let end = DateTime::from_timestamp((now + length).timestamp(), 0).unwrap();
        self.reset = Some(end);
        let text = self.prompt(now) + &self.limit(now, end);
        std::fs::write(&self.transcript, text).unwrap();
        let mut supervisor = self.supervisor();
        let mut made = 0;
        // Readings of the clocks when a supervisor first found this stop in this boot.
        let mut first_seen: Option<Time> = None;
        let mut overdue_since: Option<DateTime<Utc>> = None;
        for pass in 0..MOST_PASSES {
            let does = match self.dice.below(10) {
                0..=3 => Does::Limit(self.dice.seconds(60, 6 * 3600).num_seconds()),
                4..=5 => Does::Overloaded,
                6 => Does::Nothing,
                _ => Does::Works,
            };
            let (records, reset) = self.prepare(does);
            let before = self.clock.read();
            let report = supervisor.run_pass().unwrap();
            while supervisor.busy() {
                std::thread::sleep(Duration::from_micros(200));
            }
            let waits = report.sessions.first().and_then(|one| one.waits.clone());
            if waits != self.waits {
                self.note(&format!("waits: {waits:?}"));
                self.waits = waits;
            }
            let Some(incident) = self.incident() else { self.fail("the stop was not found") };
            let runs: Vec<_> = incident.attempts.iter().filter(|attempt| attempt.run.is_some()).collect();
            let started = self.starts();
            if started > made {
                if started > made + 1 {
                    self.fail("two clients were started in one pass");
                }
                made = started;
                self.records = records;
                self.note(&format!("a run: {does:?}"));
                self.check_start(&before, first_seen.as_ref());
                if reset.is_some() {
                    self.reset = reset;
                }
                if does == Does::Overloaded {
                    self.reset = None;
                }
                first_seen = None;
            }
            if runs.last().is_some_and(|attempt| {
                attempt.outcome == AttemptOutcome::Pending
                    || attempt.run.as_ref().is_some_and(|run| run.result.is_none())
            }) {
                self.fail("a run has no end");
            }
            if incident.plan.action != Action::Run || !incident.phase.is_active() {
                self.note(&format!("over: {} ({})", incident.phase.as_str(), incident.plan.why));
                self.check_end(&incident);
                return;
            }
            let due = incident.plan.at.unwrap();
            let now = self.clock.read();
            let seen = first_seen.filter(|seen| seen.boots == now.boots).unwrap_or(before);
            overdue_since = self.check_late(due, &seen, &now, overdue_since);
            first_seen = Some(seen);
            self.let_time_go_by(due, &mut supervisor, pass);
        }
        self.fail("no end");
    }

    /// Checks that nothing is started before its time on either clock.
    fn check_start(&self, at: &Time, seen: Option<&Time>) {
        if let Some(reset) = self.reset {
            if at.wall < reset + TimeDelta::seconds(60) {
                self.fail("started before the reset by the wall clock");
            }
            if let Some(seen) = seen.filter(|seen| seen.boots == at.boots)
                && TimeDelta::from_std(at.boot.saturating_sub(seen.boot)).unwrap()
                    < reset + TimeDelta::seconds(60) - seen.wall
            {
                self.fail("started before the reset by the boot clock");
            }
        }
        if self.rests(at.wall) {
            self.fail("started at rest");
        }
    }

    /// Checks that a session due by both clocks is not left waiting, and returns since when it has been due.
    fn check_late(
        &self,
        due: DateTime<Utc>,
        seen: &Time,
        now: &Time,
        since: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        let by_boot = TimeDelta::from_std(now.boot.saturating_sub(seen.boot)).unwrap() >= due - seen.wall;
        if now.wall < due || !by_boot || self.rests(now.wall) {
            return None;
        }
        let since = since.unwrap_or(now.wall);
        if now.wall - since > TimeDelta::seconds(60) {
            self.fail("due by both clocks for more than a minute");
        }
        Some(since)
    }

    fn check_end(&self, incident: &Incident) {
        match incident.phase {
            Phase::Recovered | Phase::Held | Phase::GivenUp => {}
            other => self.fail(&format!("ended as {}", other.as_str())),
        }
        if incident.cycles.len() > self.config.supervisor.max_cycles_per_day as usize * 3 {
            self.fail("too many runs");
        }
        let mut parents = std::collections::BTreeSet::new();
        for line in std::fs::read_to_string(&self.transcript).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            if !parents.insert(record["parentUuid"].to_string()) {
                self.fail("the conversation forked");
            }
        }
    }

    fn let_time_go_by(&mut self, due: DateTime<Utc>, supervisor: &mut Supervisor, pass: usize) {
        let now = self.clock.now();
        let step = (due - now).clamp(TimeDelta::milliseconds(50), TimeDelta::seconds(30));
        match self.dice.below(40) {
            0 if pass < 400 => {
                let by = self.dice.seconds(-6 * 3600, 8 * 3600);
                self.clock.jump(by);
                self.note(&format!("the wall clock jumps by {} s", by.num_seconds()));
            }
            1 => {
                let slept = self.dice.seconds(60, 9 * 3600);
                self.clock.pass(slept);
                self.note(&format!("slept for {} s", slept.num_seconds()));
            }
            2 if pass < 400 => {
                let off = self.dice.seconds(20, 7 * 3600);
                self.clock.reboot(off);
                *supervisor = self.fresh(supervisor);
                self.note(&format!("off for {} s, and started again", off.num_seconds()));
            }
            3 if pass < 400 => {
                *supervisor = self.fresh(supervisor);
                self.note("another supervisor");
            }
            // Passes that find nothing to do are skipped.
            4..=20 if due - now > TimeDelta::minutes(3) => {
                let most = (due - now - TimeDelta::minutes(1)).num_seconds();
                let wait = self.dice.seconds(60, most.max(61));
                self.clock.pass(wait);
            }
            _ => self.clock.pass(step),
        }
    }

    /// Replaces a supervisor that died by a new one.
    fn fresh(&self, old: &mut Supervisor) -> Supervisor {
        old.give_up_lease();
        self.supervisor()
    }
}

#[test]
fn no_generated_night_starts_a_run_early_late_twice_or_without_end() {
    let many: u64 =
        std::env::var("CC_RECOVER_TEST_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let first: u64 =
        std::env::var("CC_RECOVER_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u64;
    let runs = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let runs = &runs;
            scope.spawn(move || {
                for seed in (first..first + many).filter(|seed| seed % threads == thread) {
                    let mut night = Night::new(seed, false);
                    night.live();
                    runs.fetch_add(night.starts(), std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    let runs = runs.into_inner();
    assert!(runs as u64 > many / 2, "{runs} runs in {many} nights: too few to prove anything");
}

/// Real processes, whose nth query by a worker thread panics.
struct PanicsAt {
    left: Arc<AtomicUsize>,
    main: std::thread::ThreadId,
}

impl Processes for PanicsAt {
    fn start_token(&self, pid: u32) -> Option<String> {
        let by_worker = std::thread::current().id() != self.main;
        if by_worker && self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1) {
            std::panic::resume_unwind(Box::new("a bug in a worker"));
        }
        Own.start_token(pid)
    }
    fn domain(&self) -> Option<String> {
        None
    }
}

/// Wherever a worker panics, before or after it started the client, the same supervisor finishes the attempt in
/// a later pass, with one client.
#[test]
fn a_panic_in_a_worker_leaves_its_session_to_a_later_pass() {
    const ENOUGH: usize = 60;
    for query in 1..ENOUGH {
        let mut night = Night::new(4, false);
        let now = night.clock.now();
        let end = DateTime::from_timestamp((now + TimeDelta::hours(1)).timestamp(), 0).unwrap();
        let text = night.prompt(now) + &night.limit(now, end);
        std::fs::write(&night.transcript, text).unwrap();
        let left = Arc::new(AtomicUsize::new(query));
        let panics = PanicsAt { left: Arc::clone(&left), main: std::thread::current().id() };
        let mut supervisor = night.supervisor_of(panics);
        for _ in 0..400 {
            night.prepare(Does::Works);
            supervisor.run_pass().unwrap();
            let began = std::time::Instant::now();
            while supervisor.busy() {
                assert!(began.elapsed() < Duration::from_mins(1), "query {query}: its sessions stay busy");
                std::thread::sleep(Duration::from_micros(200));
            }
            if night.incident().is_some_and(|incident| incident.phase.is_over()) {
                break;
            }
            // A client whose start was not recorded needs a moment to begin.
            std::thread::sleep(Duration::from_millis(if night.starts() > 0 { 20 } else { 0 }));
            night.clock.pass(TimeDelta::seconds(30));
        }
        let phase = night.incident().map(|incident| incident.phase);
        assert_eq!((phase, night.starts()), (Some(Phase::Recovered), 1), "query {query}");
        if left.load(Relaxed) > 0 {
            // The worker queries its own process before it records the run, and the client after its start.
            assert!(query > 2, "only {query} queries");
            return;
        }
    }
    panic!("more than {ENOUGH} queries");
}

/// Real processes, of which one cannot be asked about without a panic.
struct PanicsAbout(u32);

impl Processes for PanicsAbout {
    fn start_token(&self, pid: u32) -> Option<String> {
        if pid == self.0 {
            std::panic::resume_unwind(Box::new("a bug that one session brings up"));
        }
        Own.start_token(pid)
    }
    fn domain(&self) -> Option<String> {
        None
    }
}

#[test]
fn a_panic_about_one_session_is_reported_and_leaves_the_others_supervised() {
    const OTHER: &str = "00000002-0000-4000-8000-000000000002";
    const PID: u32 = 13;
    let mut night = Night::new(4, false);
    let now = night.clock.now();
    let end = DateTime::from_timestamp((now + TimeDelta::hours(1)).timestamp(), 0).unwrap();
    let text = night.prompt(now) + &night.limit(now, end);
    std::fs::write(&night.transcript, text).unwrap();
    let report = StopReport {
        session: OTHER.into(),
        project: Some(night.root.path().into()),
        config_dir: None,
        transcript: night.root.path().join("other.jsonl"),
        stop: Stop::of(StopKind::Overloaded),
        cwd: None,
        entrypoint: None,
        claude_pid: Some(PID),
        claude_start: Some("1".into()),
    };
    let other = night.state.incident(OTHER);
    save(&other, &Incident { phase: Phase::Waiting, ..Incident::open(report, now) }).unwrap();
    let mut supervisor = night.supervisor_of(PanicsAbout(PID));
    for _ in 0..400 {
        night.prepare(Does::Works);
        let pass = supervisor.run_pass().unwrap();
        assert!(pass.problems.iter().any(|problem| problem.path.as_ref() == Some(&other)));
        while supervisor.busy() {
            std::thread::sleep(Duration::from_micros(200));
        }
        if night.incident().is_some_and(|incident| incident.phase.is_over()) {
            break;
        }
        night.clock.pass(TimeDelta::seconds(30));
    }
    let phase = night.incident().map(|incident| incident.phase);
    assert_eq!((phase, night.starts()), (Some(Phase::Recovered), 1));
    assert_eq!(peek::<Incident>(&other).unwrap().unwrap().phase, Phase::Waiting);
}

#[test]
fn with_only_the_wall_clock_some_nights_start_a_client_early() {
    let early = (0..60).any(|seed| {
        let lived = std::panic::catch_unwind(|| Night::new(seed, true).live());
        lived.is_err_and(|why| {
            why.downcast_ref::<String>().is_some_and(|why| why.contains("before the reset by the boot clock"))
        })
    });
    assert!(early);
}
