//! Hashes the contents of a file, or of everything below a directory.

use crate::fs::read_small;
use crate::store::stored::sha256_hex;
use std::fmt::Write;
use std::path::Path;

/// Maximum number of files below a directory.
const MOST_FILES: usize = 500;
/// Maximum number of bytes read in total, because a hook has little time.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
const DEEPEST: usize = 8;

/// Hashes a path; `None` if something could not be read or a limit is exceeded.
#[must_use]
pub fn contents_hash(path: &Path) -> Option<String> {
    let real = path.canonicalize().ok()?;
    let mut walk = TreeWalk { text: String::new(), files: 0, left: MOST_BYTES };
    walk.add(&real, "", 0)?;
    Some(sha256_hex(walk.text.as_bytes()))
}

struct TreeWalk {
    text: String,
    files: usize,
    left: u64,
}

impl TreeWalk {
    fn add(&mut self, path: &Path, name: &str, depth: usize) -> Option<()> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        if meta.is_dir() {
            if depth > DEEPEST {
                return None;
            }
            let mut names: Vec<_> = std::fs::read_dir(path).ok()?.map_while(Result::ok).collect();
            names.sort_by_key(std::fs::DirEntry::file_name);
            for entry in names {
                let inner = format!("{name}/{}", entry.file_name().to_string_lossy());
                self.add(&entry.path(), &inner, depth + 1)?;
            }
            return Some(());
        }
        self.files += 1;
        if self.files > MOST_FILES {
            return None;
        }
        // A link counts by the contents of its target.
        let real = if meta.is_symlink() { path.canonicalize().ok()? } else { path.to_path_buf() };
        let bytes = read_small(&real, self.left).ok().flatten()?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        let _ = writeln!(self.text, "{name} {}", sha256_hex(&bytes));
        Some(())
    }
}
