//! The journal: one JSON line for everything that was decided or done, for people and for later checks.
//!
//! It is an aid, not a record that anything depends on: a line that cannot be written is dropped.

use super::StateDir;
use super::layout::ensure_dir;
use super::replace::PRIVATE;
use crate::clock::{Clock, rfc3339};
use crate::fs::read_small;
use serde_json::{Map, Value};
use std::fs::OpenOptions;
use std::io::Write;

/// The journal is turned over at this size, in bytes; one older file is kept.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Appends `{at, event, ...fields}` as one line.
pub fn append(state: &StateDir, clock: &dyn Clock, event: &str, fields: Value) {
    let mut line = Map::new();
    line.insert("at".into(), Value::String(rfc3339(clock.now())));
    line.insert("event".into(), Value::String(event.into()));
    line.insert("pid".into(), Value::from(std::process::id()));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    let mut text = Value::Object(line).to_string();
    text.push('\n');
    let _ = write(state, &text);
}

/// What was noted under these names, the oldest first. Reads the older file too. A line that is none is passed over, and a
/// file that cannot be read tells nothing: it is an aid.
#[must_use]
pub fn entries(state: &StateDir, events: &[&str]) -> Vec<Value> {
    let marks: Vec<String> = events.iter().map(|event| format!("\"event\":\"{event}\"")).collect();
    let newest = state.journal();
    let mut entries = Vec::new();
    for path in [newest.with_extension("1.jsonl"), newest] {
        // It is turned over at its limit, and one line more at most.
        let Ok(Some(bytes)) = read_small(&path, 2 * LARGEST) else { continue };
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        let wanted = lines.filter(|line| marks.iter().any(|mark| line.contains(mark.as_str())));
        let parsed = wanted.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        // Text within a line may look like a mark.
        entries.extend(parsed.filter(|entry| {
            entry.get("event").and_then(Value::as_str).is_some_and(|event| events.contains(&event))
        }));
    }
    entries
}

fn write(state: &StateDir, text: &str) -> std::io::Result<()> {
    let path = state.journal();
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE);
    let mut file = match options.open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            ensure_dir(state.root()).map_err(|_| error)?;
            options.open(&path)?
        }
        other => other?,
    };
    if file.metadata()?.len() > LARGEST {
        std::fs::rename(&path, path.with_extension("1.jsonl"))?;
        file = options.open(&path)?;
    }
    // One write call, so that lines of several processes do not mix.
    file.write_all(text.as_bytes())
}
