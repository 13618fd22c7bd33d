//! Manages the service with which the operating system starts the supervisor at every login: a unit of
//! systemd's user manager, an agent of launchd, or a scheduled task of Windows. The service always belongs to
//! this user alone.
//!
//! ```text
//! options -> start (what is run, refusals) -> text of systemd | launchd | schtasks -> plan (value) -> apply -> status
//! ```

pub mod launchd;
pub mod plan;
pub mod schtasks;
pub mod start;
pub mod status;
pub mod systemd;

use crate::env::Environment;
use crate::error::{Code, Error, Result};
use crate::fs::canonical;
use crate::store::StateDir;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Part of every service file that this tool writes. It contains no two consecutive hyphens, because it is
/// used in XML comments.
pub const MARKER: &str = "Made by cc-session-recover";

/// Service manager that starts the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ServiceManager"))]
pub enum Manager {
    Systemd,
    Launchd,
    /// The Windows task scheduler.
    Schtasks,
}

impl Manager {
    /// Returns the manager of this platform.
    #[must_use]
    pub const fn of_platform() -> Self {
        if cfg!(windows) {
            Self::Schtasks
        } else if cfg!(target_os = "macos") {
            Self::Launchd
        } else {
            Self::Systemd
        }
    }

    /// Returns the name of the service in this manager.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Systemd => systemd::NAME,
            Self::Launchd => launchd::NAME,
            Self::Schtasks => schtasks::NAME,
        }
    }

    /// Returns the path of the service's file, and the base directory that must contain it.
    fn place(self, env: &Environment, state: &StateDir) -> Result<ServicePaths> {
        let homeless = || {
            Error::new(Code::StateDirUnknown, "no directory for the service: HOME is not set")
                .hint("set HOME to your home directory")
        };
        let (base, inner, file) = match self {
            Self::Systemd => (env.config_home().ok_or_else(homeless)?, "systemd/user", systemd::NAME),
            Self::Launchd => (env.home().ok_or_else(homeless)?, "Library/LaunchAgents", launchd::FILE),
            Self::Schtasks => (state.root().to_path_buf(), "service", schtasks::FILE),
        };
        let file = base.join(inner).join(file);
        Ok(ServicePaths { base, file })
    }
}

/// Path of the service's file.
#[derive(Debug, Clone)]
struct ServicePaths {
    base: PathBuf,
    file: PathBuf,
}

impl ServicePaths {
    fn dir(&self) -> &Path {
        self.file.parent().unwrap_or(&self.base)
    }

    /// Checks that nothing on the way to the file leads out of its base directory, and that the file itself
    /// is not a link. The base may be a link: many users keep their configuration elsewhere.
    fn check(&self) -> Result<()> {
        let refused = |path: &Path, why: &str| {
            Error::new(Code::PathRefused, why)
                .at(path)
                .hint("move it away, or install the service by hand: --dry-run prints its file")
        };
        if let Ok(meta) = std::fs::symlink_metadata(&self.file)
            && !meta.is_file()
        {
            let why = if meta.is_symlink() { "is a symbolic link" } else { "is not a regular file" };
            return Err(refused(&self.file, why));
        }
        let nearest = self.dir().ancestors().find(|dir| std::fs::symlink_metadata(dir).is_ok());
        if let (Some(nearest), Ok(base)) = (nearest, canonical(&self.base)) {
            let inside = canonical(nearest).is_ok_and(|real| real.is_dir() && real.starts_with(&base));
            if !inside {
                return Err(refused(nearest, "is a link that leads out of its directory"));
            }
        }
        Ok(())
    }
}
