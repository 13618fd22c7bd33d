//! Manages unfinished pages. An unfinished page has a temporary name, by which a later run recognizes it as a
//! leftover once its process has ended.

use super::PageFrame;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::private_file;
use crate::program::process_exists;
use crate::store::replace::{rename_new, sync_dir};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Suffix of an unfinished file.
const UNFINISHED: &str = ".part";
/// Suffix between the name of a page and [`UNFINISHED`] for the body, which is written first.
pub const BODY: &str = ".body";
/// A page that is being written; removed on drop unless it is published.
pub struct Unfinished {
    pub path: PathBuf,
    pub file: File,
    published: std::cell::Cell<bool>,
}

impl Unfinished {
    pub fn begin(dir: &Path, name: &str) -> Result<Self> {
        let path = dir.join(format!(".{name}.{}{UNFINISHED}", std::process::id()));
        // Left by a process with the same id that died.
        let _ = std::fs::remove_file(&path);
        let mut options = private_file();
        options.write(true).create_new(true);
        let file = options.read(true).open(&path).doing("create", &path)?;
        Ok(Self { path, file, published: false.into() })
    }

    /// Writes the head, the body from its own file, and the tail.
    pub fn fill(&self, frame: &PageFrame, body: &Self) -> Result<()> {
        let (mut from, mut to) = (&body.file, &self.file);
        from.rewind().doing("read", &body.path)?;
        to.write_all(frame.head.as_bytes()).doing("write", &self.path)?;
        std::io::copy(&mut from, &mut to).doing("write", &self.path)?;
        to.write_all(frame.tail.as_bytes()).doing("write", &self.path)
    }

    pub fn publish(&self, dir: &Path, name: &str, exactly: bool, force: bool) -> Result<PathBuf> {
        let placed = |path: PathBuf| {
            self.published.set(true);
            sync_dir(dir).doing("write", dir)?;
            Ok(path)
        };
        if exactly && force {
            let path = dir.join(name);
            std::fs::rename(&self.path, &path).doing("move into place", &path)?;
            return placed(path);
        }
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        for number in 1..100 {
            let path = match number {
                1 => dir.join(name),
                _ => dir.join(format!("{stem}-{number}.{ending}")),
            };
            match rename_new(&self.path, &path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && !exactly => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::new(Code::PathRefused, "already exists and is not overwritten")
                        .at(&path)
                        .hint("choose another name, or add --force"));
                }
                other => {
                    other.doing("move into place", &path)?;
                    return placed(path);
                }
            }
        }
        Err(Error::new(Code::PathRefused, "already exists and is not overwritten").at(dir.join(name)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.published.get() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns the page name of an unfinished file whose process no longer exists.
pub fn abandoned(name: &str) -> Option<&str> {
    let (page, pid) = name.strip_prefix('.')?.strip_suffix(UNFINISHED)?.rsplit_once('.')?;
    let pid = pid.parse::<u32>().ok()?;
    let page = page.strip_suffix(BODY).unwrap_or(page);
    (pid != std::process::id() && !process_exists(pid)).then_some(page)
}
