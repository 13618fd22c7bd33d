//! The floor under a scan: what must happen at least before anything can be said about the sessions of a machine. Every transcript is
//! opened, its length is asked for, and its last 64 KB are read, by two threads.
//!
//! Arguments: a configuration directory. Each line on standard input starts a round; its time in microseconds is the answer. The
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
/// Characters of a session's file name: a UUID and `.jsonl`.
const NAME: usize = 36 + 6;

fn main() -> io::Result<()> {
    let directory = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("a directory is needed"))?;
    let transcripts = transcripts(Path::new(&directory))?;
    let mut answers = io::stdout().lock();
    writeln!(answers, "{}", transcripts.len())?;
    answers.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let began = Instant::now();
        let bytes = round(&transcripts)?;
        writeln!(answers, "{} {bytes}", began.elapsed().as_micros())?;
        answers.flush()?;
    }
    Ok(())
}

/// Transcripts of sessions, without those of subagents.
fn transcripts(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for project in fs::read_dir(directory.join("projects"))? {
        for file in fs::read_dir(project?.path())? {
            let file = file?;
            let name = file.file_name();
            if name.len() == NAME && name.as_encoded_bytes().ends_with(b".jsonl") {
                found.push(file.path());
            }
        }
    }
    Ok(found)
}

/// Reads all of them; bytes read.
fn round(transcripts: &[PathBuf]) -> io::Result<u64> {
    let next = AtomicUsize::new(0);
    let bytes = AtomicU64::new(0);
    let work = || -> io::Result<()> {
        let mut buffer = vec![0; usize::try_from(TAIL).unwrap_or(0)];
        while let Some(path) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            bytes.fetch_add(read(&file, &mut buffer, length.saturating_sub(TAIL))? as u64, Ordering::Relaxed);
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
