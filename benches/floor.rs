//! The floor under a scan: what must happen at least before anything can be said about the sessions of a machine. Every transcript is
//! opened, its length is asked for, and its last 64 KB are read, by two threads.
//!
//! With `whole` all bytes of all transcripts are read, those of subagents too: the floor under a search.
//!
//! Arguments: a configuration directory, and `whole`. Each line on standard input starts a round; its time in microseconds is the answer. The
//! directories are listed once, before the first round, so that the rounds hold nothing but the reading.
//!
//! Standard library only: `rustc -O benches/floor.rs` builds it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

const TAIL: u64 = 64 * 1024;
const THREADS: usize = 2;
/// Bytes that are read at once of a whole transcript.
const BLOCK: usize = 1024 * 1024;
/// Characters of a session's file name: a UUID and `.jsonl`.
const NAME: usize = 36 + 6;

fn main() -> io::Result<()> {
    let directory = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("a directory is needed"))?;
    let whole = std::env::args_os().nth(2).is_some_and(|word| word == "whole");
    let mut transcripts = Vec::new();
    find(&Path::new(&directory).join("projects"), whole, &mut transcripts)?;
    let mut answers = io::stdout().lock();
    writeln!(answers, "{}", transcripts.len())?;
    answers.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let began = Instant::now();
        let bytes = round(&transcripts, whole)?;
        writeln!(answers, "{} {bytes}", began.elapsed().as_micros())?;
        answers.flush()?;
    }
    Ok(())
}

/// Transcripts of sessions; those of subagents, in directories below theirs, only with `whole`.
fn find(directory: &Path, whole: bool, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if entry.file_type()?.is_dir() {
            // Only a project's own directory is none of a session.
            if whole || name.first() == Some(&b'-') {
                find(&entry.path(), whole, found)?;
            }
        } else if name.ends_with(b".jsonl") && (whole || name.len() == NAME) {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Reads all of them; bytes read.
fn round(transcripts: &[PathBuf], whole: bool) -> io::Result<u64> {
    let next = AtomicUsize::new(0);
    let bytes = AtomicU64::new(0);
    let work = || -> io::Result<()> {
        let mut buffer = vec![0; if whole { BLOCK } else { usize::try_from(TAIL).unwrap_or(0) }];
        while let Some(path) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            let mut at = if whole { 0 } else { length.saturating_sub(TAIL) };
            loop {
                let count = read(&file, &mut buffer, at)? as u64;
                bytes.fetch_add(count, Ordering::Relaxed);
                at += count;
                if count == 0 || !whole {
                    break;
                }
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..THREADS).map(|_| scope.spawn(work)).collect();
        work()?;
        others
            .into_iter()
            .try_for_each(|other| other.join().map_err(|_| io::Error::other("a thread failed"))?)
    })?;
    Ok(bytes.into_inner())
}

#[cfg(unix)]
fn read(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, from)
}

#[cfg(windows)]
fn read(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, from)
}
