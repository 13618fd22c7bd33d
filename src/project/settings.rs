//! Reads and edits a settings file: its real path, whether it may be edited, and its text with or without our
//! entries.

use super::HookScope;
use super::hooks::{HookEntry, MARKER};
use super::init::SHARED_DIRECTORY;
use super::settings_text::{warning, with_hooks, with_status_line, without_hooks, without_status_line};
use super::statusline::{STATUS_LINE_MARKER, StatusLineEntry};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{canonical, own_uid, owner, read_small};
use crate::store::fence::Fence;
use crate::store::stored::sha256_hex;
use std::path::{Path, PathBuf};

/// Size limit of a settings file to edit, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// A settings file with its current and its intended contents.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsTarget {
    pub path: PathBuf,
    /// Path after following a permitted symbolic link.
    pub real_path: PathBuf,
    /// Text of the file; `None` if there is no file.
    pub text: Option<String>,
    /// SHA-256 of its bytes, in hex.
    pub sha256: Option<String>,
    /// Hook entries that the file should contain.
    pub entries: Vec<HookEntry>,
    /// Status line that the file should contain; `None` leaves the existing one.
    pub status_line: Option<StatusLineEntry>,
}

/// Path of the settings file of a scope.
#[must_use]
pub fn path_of(scope: HookScope, project: &Path, config_dir: &Path) -> PathBuf {
    match scope {
        HookScope::Project => project.join(".claude/settings.json"),
        HookScope::Local => project.join(".claude/settings.local.json"),
        HookScope::User => config_dir.join("settings.json"),
    }
}

/// Reads a settings file and checks that it may be edited.
///
/// A link in a project must stay in the project. A link of the user's own settings, for example into
/// dotfiles, is followed if its target belongs to the user and is below the home directory.
///
/// # Errors
/// [`Code::PathRefused`] for a link that leads elsewhere, a read-only or foreign file, or one
/// that is not text.
pub fn read(
    path: &Path,
    scope: HookScope,
    within: &Path,
    entries: Vec<HookEntry>,
    status_line: Option<StatusLineEntry>,
) -> Result<SettingsTarget> {
    let real_path = real_path(path, scope, within)?;
    let text = match read_small(&real_path, LARGEST)? {
        None => None,
        Some(bytes) => Some(String::from_utf8(bytes).map_err(|_| {
            Error::new(Code::PathRefused, "is not UTF-8 text")
                .at(path)
                .hint("convert it to UTF-8; it was not changed")
        })?),
    };
    let sha256 = text.as_ref().map(|text| sha256_hex(text.as_bytes()));
    Ok(SettingsTarget { path: path.to_path_buf(), real_path, text, sha256, entries, status_line })
}

fn real_path(path: &Path, scope: HookScope, within: &Path) -> Result<PathBuf> {
    let refused = |why: &str, hint: &str| Err(Error::new(Code::PathRefused, why).at(path).hint(hint));
    let dir = path.parent().unwrap_or(Path::new("/"));
    if scope != HookScope::User && dir.exists() {
        let real = canonical(dir).doing("read", dir)?;
        if !real.starts_with(within) {
            return refused(
                "is in a directory that is a link out of the project",
                "use --user, or replace the link",
            );
        }
    }
    let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(path.to_path_buf()) };
    let real = canonical(path).map_err(|error| {
        Error::io("follow the link", path, &error).hint("repair or remove the link; nothing was changed")
    })?;
    if meta.is_symlink() && !real.starts_with(within) {
        let place = if scope == HookScope::User { "home directory" } else { "project" };
        let why = format!("is a link that leads out of the {place}");
        return refused(&why, "edit the file it names by hand, or replace the link with a file");
    }
    let meta = std::fs::metadata(&real).doing("read", &real)?;
    if !meta.is_file() {
        return refused("is not a regular file", "replace it with a file");
    }
    if own_uid().is_some_and(|uid| owner(&meta).is_some_and(|owner| owner != uid)) {
        return refused("belongs to another user", "run the command as that user");
    }
    if meta.permissions().readonly() {
        return refused("is read-only", "make it writable (chmod u+w), or use --local or --user");
    }
    Ok(real)
}

impl SettingsTarget {
    /// Describes for display what is added to the file.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match (self.entries.is_empty(), self.status_line.is_some()) {
            (false, true) => "hooks and status line",
            (true, true) => "status line",
            _ => "hooks",
        }
    }

    /// Returns the text with our entries, and a warning if the file disables our hooks.
    ///
    /// # Errors
    /// [`Code::SettingsUnparsable`], [`Code::SettingsDuplicateKey`] or [`Code::SettingsShape`].
    pub fn with_ours(&self) -> Result<(Option<String>, Option<&'static str>)> {
        let edited = || {
            let mut text = self.text.clone();
            let mut warned = None;
            if !self.entries.is_empty() {
                warned = text.as_deref().map(warning).transpose()?.flatten();
                text = Some(with_hooks(text.as_deref(), &self.entries, MARKER)?);
            }
            if let Some(entry) = &self.status_line {
                text = Some(with_status_line(text.as_deref(), entry, STATUS_LINE_MARKER)?);
            }
            Ok((text, warned))
        };
        edited().map_err(|error: Error| error.at(&self.path))
    }

    /// Returns the text without our entries.
    ///
    /// # Errors
    /// As [`Self::with_ours`].
    pub fn without_ours(&self) -> Result<Option<String>> {
        let Some(text) = &self.text else { return Ok(None) };
        without_hooks(text, MARKER)
            .and_then(|text| without_status_line(&text, STATUS_LINE_MARKER))
            .map(Some)
            .map_err(|error| error.at(&self.path))
    }

    /// Replaces the text, unless the file was changed since it was read. `None` removes the file.
    ///
    /// # Errors
    /// [`Code::ChangedMeanwhile`], [`Code::Io`]; the file is then unchanged.
    pub fn write(&self, fence: &Fence, text: Option<&str>, new_mode: u32) -> Result<()> {
        let now = fence.read(&self.real_path, LARGEST)?.map(|bytes| sha256_hex(&bytes));
        if now != self.sha256 {
            return Err(Error::new(Code::ChangedMeanwhile, "changed while it was being edited")
                .at(&self.path)
                .hint("run the command again"));
        }
        match text {
            Some(text) => fence.replace(&self.real_path, text.as_bytes(), new_mode, SHARED_DIRECTORY),
            None => fence.remove(&self.real_path),
        }
    }
}
