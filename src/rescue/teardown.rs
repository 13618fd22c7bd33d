//! Everything that this tool has set up on the machine, and the removal of its state directory.

use crate::error::{Code, Error, Result};
use crate::fs::lossy;
use crate::report::inventory::{Inventory, ReportContext};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::trust::enabled::{Enabled, HookScope, all_records};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A project, or the user's own settings, with hooks of ours.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupPlace {
    /// Directory of the project; `None` for the user's own settings.
    pub project: Option<PathBuf>,
    pub scopes: Vec<HookScope>,
    /// The settings files.
    pub settings: Vec<PathBuf>,
    /// The directory is there.
    pub exists: bool,
}

/// What is set up on this machine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupsReport {
    pub places: Vec<SetupPlace>,
    /// Directories that the plugin was written to.
    pub plugins: Vec<PathBuf>,
    pub state: StateStock,
}

/// The state directory, and what would be lost with it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateStock {
    #[serde(serialize_with = "lossy")]
    pub dir: PathBuf,
    pub exists: bool,
    /// Sessions that Claude Code has deleted and that are kept only there.
    pub only_copies: usize,
    /// Sessions that were exported into it.
    pub exports: usize,
    /// Processes of ours work with it: a supervisor, or a hook that waits.
    pub busy: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoOptions {}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RemoveStateOptions {
    /// Remove copies that exist nowhere else too.
    pub copies: bool,
}

/// Reads what is set up.
///
/// # Errors
/// [`Code::StateDirUnknown`].
pub fn setups(world: World<'_>) -> Result<SetupsReport> {
    let ground = ReportContext::read(world, None)?;
    let places = all_records(&ground.state).into_iter().map(place_of).collect();
    Ok(SetupsReport {
        places,
        plugins: crate::project::plugin::written(&ground.state),
        state: stock(&ground),
    })
}

fn place_of(enabled: Enabled) -> SetupPlace {
    let settings = enabled.settings.values().map(|image| image.path.clone()).collect();
    SetupPlace {
        exists: enabled.project.as_deref().is_none_or(Path::is_dir),
        scopes: enabled.settings.into_keys().collect(),
        project: enabled.project,
        settings,
    }
}

fn stock(ground: &ReportContext<'_>) -> StateStock {
    let state = &ground.state;
    StateStock {
        dir: state.root().to_path_buf(),
        exists: state.root().is_dir(),
        only_copies: Inventory::open(ground).gone_kept().len(),
        exports: std::fs::read_dir(state.exports()).map_or(0, |entries| entries.flatten().count()),
        busy: is_busy(state),
    }
}

/// Whether a supervisor, a run or a waiting hook holds a lease.
fn is_busy(state: &StateDir) -> bool {
    let leases = std::fs::read_dir(state.leases()).into_iter().flatten().flatten();
    leases.map(|entry| entry.path()).any(|path| Lock::is_held(&path))
}

/// Removes the state directory with everything in it: incidents, journal, runtime, snapshots, kept sessions, exports.
///
/// # Errors
/// [`Code::SessionLive`] while a process of ours works with it, [`Code::Usage`] when it has copies that exist nowhere else and
/// `copies` is not set, [`Code::PathRefused`] when it is not a directory of ours, [`Code::Io`].
pub fn remove_state(world: World<'_>, options: &RemoveStateOptions) -> Result<bool> {
    let ground = ReportContext::read(world, None)?;
    let StateStock { dir, exists, only_copies, exports, busy } = stock(&ground);
    if !exists {
        return Ok(false);
    }
    if busy {
        return Err(Error::new(Code::SessionLive, "a supervisor or a waiting hook still works with it")
            .at(&dir)
            .hint(
                "end it (cc-session-recover watch --status, or close the session), and run the command again",
            ));
    }
    if only_copies + exports > 0 && !options.copies {
        let what = format!("has {only_copies} sessions that Claude Code has deleted, and {exports} exports");
        return Err(Error::new(Code::Usage, what).at(&dir).hint("add --state to remove them too"));
    }
    let is_ours = std::fs::symlink_metadata(&dir).is_ok_and(|meta| meta.is_dir())
        && (ground.state.projects().is_dir() || ground.state.journal().is_file());
    if !is_ours {
        return Err(Error::new(Code::PathRefused, "is not a state directory of this tool").at(&dir));
    }
    std::fs::remove_dir_all(&dir).map_err(|error| Error::io("remove", &dir, &error))?;
    // Directories above it that were made for it, when nothing else is in them.
    for above in dir.ancestors().skip(1).take(2) {
        let within = world.env.home().is_some_and(|home| above != home && above.starts_with(&home));
        if !within || std::fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(true)
}
