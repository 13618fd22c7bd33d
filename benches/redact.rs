//! Redaction, measured: how much of ordinary source code it takes for secrets, and how long it needs.
//!
//! `cargo bench --bench redact -- code <directory>...` reads all source files below the directories and names what would be
//! removed: `path:line`, kind, and how many in 10,000 lines; `--show` prints the lines. `cargo bench --bench redact -- speed`
//! times growing texts of several shapes, among them such as are hard for patterns.

use cc_session_recover::redact::{kinds, redact};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Endings of files that people write.
const SOURCE: [&str; 22] = [
    "rs", "js", "mjs", "cjs", "ts", "mts", "tsx", "jsx", "py", "go", "c", "h", "cpp", "hpp", "java", "rb",
    "sh", "toml", "yml", "yaml", "json", "md",
];
/// Longer lines were written by programs.
const LONGEST_LINE: usize = 1000;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.split_first() {
        Some((mode, directories)) if mode == "code" => code(directories),
        Some((mode, _)) if mode == "speed" => speed(),
        _ => Err(io::Error::other("code <directory>... or speed")),
    }
}

fn code(args: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let show = args.iter().any(|arg| arg == "--show");
    let mut files = Vec::new();
    for directory in args.iter().filter(|arg| *arg != "--show") {
        walk(Path::new(directory), &mut files)?;
    }
    files.sort();
    let (mut lines, mut hits) = (0_usize, 0_usize);
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &files {
        let Ok(text) = fs::read_to_string(file) else { continue };
        if text.lines().any(|line| line.len() > LONGEST_LINE) {
            continue;
        }
        lines += text.lines().count();
        let found = kinds(&text);
        if found.is_empty() {
            continue;
        }
        hits += found.len();
        for kind in &found {
            *by_kind.entry(kind).or_default() += 1;
        }
        if show {
            let clean = redact(&text);
            for line in clean.lines().filter(|line| line.contains("[removed: ")) {
                let short: String = line.trim().chars().take(160).collect();
                let original = text.lines().find(|one| {
                    one.starts_with(line.split("[removed").next().unwrap_or_default())
                        && *one != line
                        && !line.trim_start().starts_with("[removed")
                });
                let original: String = original.unwrap_or_default().trim().chars().take(200).collect();
                writeln!(out, "{}: {short}\n    {original}", file.display())?;
            }
        }
    }
    for (kind, count) in &by_kind {
        writeln!(out, "{count:8} {kind}")?;
    }
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    let per = number(hits) * 10_000.0 / number(lines.max(1));
    writeln!(out, "{hits} in {lines} lines of {} files: {per:.2} in 10,000 lines", files.len())
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            walk(&path, files)?;
        } else if kind.is_file()
            && path.extension().is_some_and(|ending| SOURCE.iter().any(|one| ending == *one))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn speed() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let shapes: [(&str, &str); 14] = [
        ("prose", "The quick brown fox jumps over the lazy dog, and nothing happens at all.\n"),
        ("code", "    let token = self.lexer.next_token()?; // key: value, password = prompt()\n"),
        ("secrets", "API_TOKEN=ghp_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdE and more of it\n"),
        ("names", "password="),
        ("quotes", "password=\"password='"),
        ("prefixes", "sk-"),
        ("tokens", "eyJ."),
        ("keys", "-----BEGIN PRIVATE KEY-----\nx"),
        ("key lines", "-----BEGIN PRIVATE KEY-----\naB3dE5gH7jK9mN1p\n"),
        ("addresses", "a://b:c"),
        ("commands", "curl -u mysql -p "),
        ("backslashes", "\\\\"),
        ("percents", "%25"),
        ("one word", "aB3dE5gH7jK9mN1p"),
    ];
    for (name, unit) in shapes {
        let mut times = Vec::new();
        for megabytes in [1_usize, 10] {
            let text = unit.repeat(megabytes * 1_000_000 / unit.len());
            let began = Instant::now();
            let found = redact(&text).len();
            times.push(began.elapsed().as_secs_f64());
            assert!(found > 0);
        }
        writeln!(out, "{name:12} 1 MB {:7.1} ms   10 MB {:8.1} ms", times[0] * 1e3, times[1] * 1e3)?;
    }
    Ok(())
}
