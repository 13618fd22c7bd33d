//! Tests random faults: processes that keep and pack files are killed at random moments or run out of space,
//! while Claude Code deletes and replaces the transcript, and descriptions are truncated. After each fault
//! every acknowledged turn must be present, byte for byte.
//!
//! The default is 60 faults; `CC_RECOVER_TEST_FAULTS=1000` tries more,
//! `CC_RECOVER_TEST_SEED` repeats a failure.

use super::{KeepSource, KeptAs, keep, kept_of, pack};
use crate::claude::home::ClaudeHome;
use crate::clock::SystemClock;
use crate::store::StateDir;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SESSION: &str = "00000001-0000-4000-8000-00000000000a";
const TASK: &str = "KEEP_FAULT_TASK";
const HOME: &str = "KEEP_FAULT_HOME";
const STATE: &str = "KEEP_FAULT_STATE";

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn transcript_in(home: &Path) -> PathBuf {
    home.join("projects").join("-w").join(format!("{SESSION}.jsonl"))
}

/// Body of the child process, which the parent kills.
#[test]
#[ignore = "is started by the test of faults"]
fn child() {
    let Some(task) = std::env::var_os(TASK) else { return };
    let home = PathBuf::from(std::env::var_os(HOME).unwrap());
    let state = StateDir::new(PathBuf::from(std::env::var_os(STATE).unwrap()));
    if task == "full" {
        let limit = rustix::process::Rlimit { current: Some(600), maximum: Some(600) };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    }
    if task == "pack" {
        assert!(pack(&state, &SystemClock, u64::MAX, &crate::abort::NEVER).failures.is_empty());
        return;
    }
    let home = ClaudeHome::new(home);
    let transcript = transcript_in(home.dir());
    let source = KeepSource { session: SESSION, transcript: &transcript, home: &home, cwd: Some("/w") };
    let outcome = keep(&state, &SystemClock, &source).unwrap();
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
}

fn start(task: &str, home: &Path, state: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "keep::faults::child", "--ignored", "--test-threads=1"])
        .env(TASK, task)
        .env(HOME, home)
        .env(STATE, state)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

struct World {
    home: PathBuf,
    state: PathBuf,
    /// Parent of the next record.
    parent: Option<String>,
    turns: u64,
    /// Turns whose hook succeeded.
    acknowledged: Vec<String>,
    /// Turns written since the last successful hook.
    pending: Vec<String>,
}

impl World {
    fn turn(&mut self, random: &mut Random) {
        self.turns += 1;
        let parent = self.parent.as_ref().map_or("null".to_owned(), |parent| format!("\"{parent}\""));
        let text = "x".repeat(usize::try_from(random.below(3000)).unwrap());
        let uuid = format!("turn-{}", self.turns);
        let line = format!(
            "{{\"parentUuid\":{parent},\"type\":\"user\",\"uuid\":\"{uuid}\",\"text\":\"{text}\"}}\n"
        );
        let path = transcript_in(&self.home);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        self.parent = Some(uuid);
        self.pending.push(line);
    }

    /// Runs a task to its end, or kills it earlier.
    fn run(&mut self, task: &str, kill_after: Option<u64>) -> bool {
        let mut child = start(task, &self.home, &self.state);
        if let Some(micros) = kill_after {
            std::thread::sleep(Duration::from_micros(micros));
            let _ = child.kill();
        }
        let well = child.wait().unwrap().success();
        if well && matches!(task, "keep" | "full") {
            self.acknowledged.append(&mut self.pending);
        }
        well
    }

    /// Returns the bytes of all generations of the transcript.
    fn kept(&self) -> Vec<u8> {
        let state = StateDir::new(&self.state);
        let mut bytes = Vec::new();
        let Some(kept) = kept_of(&state, SESSION).unwrap() else { return bytes };
        for file in kept.transcripts() {
            file.open(&state, SESSION).unwrap().read_to_end(&mut bytes).unwrap();
        }
        bytes
    }

    /// Asserts that every acknowledged turn is present, in order.
    fn check(&self, what: &str) {
        let kept = self.kept();
        let mut from = 0;
        for turn in &self.acknowledged {
            let at = memchr::memmem::find(&kept[from..], turn.as_bytes());
            assert!(
                at.is_some(),
                "{what}: a turn that was acknowledged is gone: {}",
                &turn[..60.min(turn.len())]
            );
            from += at.unwrap_or_default();
        }
    }
}

#[test]
fn every_acknowledged_turn_survives_kills_full_disks_sweeps_and_torn_descriptions() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let faults = number("CC_RECOVER_TEST_FAULTS").unwrap_or(60);
    let seed = number("CC_RECOVER_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let mut random = Random(seed);
    let mut made = 0;
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    let mut framed = 0;
    while made < faults {
        let dir = tempfile::tempdir().unwrap();
        // Uses another file system where one exists, to which hard links are impossible.
        let shared = (random.below(3) == 0).then(|| tempfile::tempdir_in("/dev/shm").ok()).flatten();
        let state = shared.as_ref().map_or(dir.path(), tempfile::TempDir::path).join("state");
        let mut world = World {
            home: dir.path().join("home"),
            state,
            parent: None,
            turns: 0,
            acknowledged: Vec::new(),
            pending: Vec::new(),
        };
        // A lost description does not record where the session was; a hook registers that at the start.
        let registered = crate::trust::registration::Registration {
            version: <crate::trust::registration::Registration as crate::store::stored::Stored>::VERSION,
            session: SESSION.to_owned(),
            transcript: transcript_in(&world.home),
            config_dir: world.home.clone(),
            project: None,
            cwd: Some("/w".to_owned()),
            source: None,
            claude_start: None,
            claude_pid: None,
            started_with: None,
            at: crate::clock::Clock::now(&SystemClock),
        };
        crate::store::stored::save(&StateDir::new(&world.state).session(SESSION), &registered).unwrap();
        for _ in 0..20.min(faults - made) {
            made += 1;
            let kill = random.below(25_000);
            let fault = match random.below(8) {
                0 | 1 => {
                    world.turn(&mut random);
                    world.run("keep", Some(kill));
                    "keep killed"
                }
                2 => {
                    world.run("pack", Some(kill));
                    "pack killed"
                }
                3 => {
                    world.turn(&mut random);
                    world.run("full", None);
                    "no room"
                }
                4 | 5 => {
                    // Turns that no hook has acknowledged are lost with the file if it was not linked.
                    world.pending.clear();
                    let _ = std::fs::remove_file(transcript_in(&world.home));
                    "swept"
                }
                6 => {
                    world.pending.clear();
                    let path = transcript_in(&world.home);
                    if path.exists() {
                        world.parent = None;
                        let other = path.with_extension("other");
                        std::fs::write(&other, "").unwrap();
                        std::fs::rename(&other, &path).unwrap();
                    }
                    "replaced"
                }
                _ => {
                    let description = StateDir::new(&world.state).kept_description(SESSION);
                    if let Ok(text) = std::fs::read(&description) {
                        let kept = usize::try_from(random.below(text.len() as u64)).unwrap();
                        std::fs::write(&description, &text[..kept]).unwrap();
                    }
                    "description torn"
                }
            };
            *counts.entry(fault).or_default() += 1;
            world.check(&format!("seed {seed}, after {made} faults, {fault}"));
            if random.below(2) == 0 {
                world.turn(&mut random);
                world.run("keep", None);
                world.check(&format!("seed {seed}, after {made} faults, a turn"));
            }
            if random.below(4) == 0 {
                world.run("pack", None);
                world.check(&format!("seed {seed}, after {made} faults, packed"));
            }
            let kept = kept_of(&StateDir::new(&world.state), SESSION).unwrap();
            framed += kept
                .map_or(0, |kept| kept.files.iter().filter(|file| file.kept_as == KeptAs::Frames).count());
        }
    }
    assert!(framed > 0, "nothing was packed or appended: {counts:?}");
    writeln!(std::io::stderr(), "{made} faults, seed {seed}: {counts:?}").unwrap();
}
