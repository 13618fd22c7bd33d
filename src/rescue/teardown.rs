//! Lists what this tool has set up on the machine, and removes its state directory.

use crate::claude::home::is_session_id;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::lossy;
use crate::keep::{KeptAs, KeptSession, LossKind, kept_of, loss_of};
use crate::report::inventory::{Inventory, ReportContext};
use crate::session::files::entries;
use crate::store::StateDir;
use crate::store::layout::is_own_name;
use crate::store::lock::Lock;
use crate::trust::enabled::{Enabled, HookScope, SettingsImage, all_records};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A project, or the user's own settings, with hooks of this tool.
#[expect(clippy::struct_excessive_bools, reason = "each is a separate part of an installation")]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SetupPlace {
    /// Project directory; `null` for the user's own settings.
    pub project: Option<PathBuf>,
    /// Scopes of the edited settings files, without a file whose entries go with the hooks of another one.
    pub scopes: Vec<HookScope>,
    /// Paths of the settings files.
    pub settings: Vec<PathBuf>,
    /// Whether the project directory still exists.
    pub exists: bool,
    /// The settings contain hooks, and not only a status line.
    pub hooks: bool,
    pub status_line: bool,
    /// The slash commands were written.
    pub commands: bool,
}

/// Result of `setups`: what is set up on this machine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SetupsReport {
    /// Projects and user settings with hooks of this tool.
    pub places: Vec<SetupPlace>,
    /// Directories to which this tool wrote the plugin.
    pub plugins: Vec<PathBuf>,
    /// What the state directory contains.
    pub state: StateStock,
}

/// The state directory and what would be lost with it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StateStock {
    /// Path of the state directory.
    #[serde(serialize_with = "lossy")]
    pub dir: PathBuf,
    /// Whether the directory exists.
    pub exists: bool,
    /// Number of sessions with text that exists only in the state directory: Claude Code deleted their
    /// transcript or its beginning, or did not save it.
    pub only_copies: usize,
    /// Number of files that were set aside: notes and saved states that a user edited, and damaged files.
    pub set_aside: usize,
    /// Number of exports in the state directory.
    pub exports: usize,
    /// Whether processes of this tool use the directory: a supervisor, or a waiting hook.
    pub busy: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoOptions {}

/// Options of `removeState`: what it may remove.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RemoveStateOptions {
    /// Whether to also remove copies that exist nowhere else.
    pub copies: bool,
}

/// Lists what is set up.
///
/// # Errors
///
/// Returns [`Code::StateDirUnknown`].
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
        scopes: own_scopes(&enabled.settings),
        hooks: enabled.settings.values().any(|image| image.hooks),
        status_line: enabled.settings.values().any(|image| image.status_line),
        commands: !enabled.commands.is_empty(),
        project: enabled.project,
        settings,
    }
}

/// Scopes that contain hooks. The status line and the covering hooks in another file are planned with them, so
/// that file is a scope of its own only where no file contains hooks.
fn own_scopes(settings: &BTreeMap<HookScope, SettingsImage>) -> Vec<HookScope> {
    let any = settings.values().any(|image| image.hooks);
    settings.iter().filter(|(_, image)| image.hooks || !any).map(|(scope, _)| *scope).collect()
}

fn stock(ground: &ReportContext<'_>) -> StateStock {
    let state = &ground.state;
    StateStock {
        dir: state.root().to_path_buf(),
        exists: state.root().is_dir(),
        only_copies: sessions_only_here(ground).len(),
        set_aside: set_aside(state),
        exports: std::fs::read_dir(state.exports()).map_or(0, |entries| entries.flatten().count()),
        busy: is_busy(state),
    }
}

/// Returns the sessions with text that exists only in the state directory.
fn sessions_only_here(ground: &ReportContext<'_>) -> BTreeSet<String> {
    let state = &ground.state;
    let inventory = Inventory::open(ground);
    let present = inventory.present();
    let mut found: BTreeSet<String> =
        inventory.gone_among(&present).into_iter().map(|kept| kept.session).collect();
    for name in names_in(&state.all_kept()).filter(|name| is_session_id(name)) {
        let only_here = match kept_of(state, &name) {
            Ok(Some(kept)) => has_lost_part(state, &kept),
            // Without a readable description nothing shows that the client still has these files.
            Ok(None) | Err(_) => names_in(&state.kept(&name)).next().is_some(),
        };
        if only_here {
            found.insert(name);
        }
    }
    for name in names_in(&state.all_snapshots()) {
        let mut copies = entries(&state.snapshots(&name), &mut Vec::new());
        let holds_copy = copies.any(|copy| copy.path().extension().is_some_and(|ending| ending == "jsonl"));
        if holds_copy && !present.contains(&name) {
            found.insert(name);
        }
    }
    found.extend(names_in(&state.sessions()).filter(|name| state.shadow(name).exists()));
    found
}

/// Returns whether the kept files have a part that an existing transcript lost.
fn has_lost_part(state: &StateDir, kept: &KeptSession) -> bool {
    match loss_of(&kept.transcript, Some(kept)) {
        // Counted by id, because the transcript may have moved to another directory.
        Some(LossKind::Gone) | None => false,
        Some(LossKind::Headless) => kept.transcripts().iter().any(|file| !file.is_with_client(state, kept)),
        // A link becomes shorter together with the client's file.
        Some(LossKind::Shorter) => {
            kept.transcripts().last().is_some_and(|newest| newest.kept_as == KeptAs::Frames)
        }
    }
}

fn set_aside(state: &StateDir) -> usize {
    let edited = names_in(&state.sessions())
        .flat_map(|session| [state.edited_notes(&session), state.edited_states(&session)]);
    edited.chain([state.quarantine()]).map(|dir| names_in(&dir).count()).sum()
}

fn names_in(dir: &Path) -> impl Iterator<Item = String> + use<> {
    entries(dir, &mut Vec::new()).filter_map(|entry| entry.file_name().into_string().ok())
}

/// Returns whether a supervisor, a run or a waiting hook owns a lease.
fn is_busy(state: &StateDir) -> bool {
    let leases = std::fs::read_dir(state.leases()).into_iter().flatten().flatten();
    leases.map(|entry| entry.path()).any(|path| Lock::is_held(&path))
}

/// Removes everything of this tool in the state directory, and the directory itself if nothing else is in it.
///
/// # Errors
///
/// Returns [`Code::SessionLive`] while a process of this tool uses it, [`Code::Usage`] if it has copies that
/// exist nowhere else and `copies` is not set, [`Code::PathRefused`] if it is not a directory of this tool or
/// has other files, which are left, or [`Code::Io`] if a file cannot be removed.
pub fn remove_state(world: World<'_>, options: &RemoveStateOptions) -> Result<bool> {
    let ground = ReportContext::read(world, None)?;
    let StateStock { dir, exists, only_copies, set_aside, exports, busy } = stock(&ground);
    if !exists {
        return Ok(false);
    }
    if busy {
        return Err(Error::new(Code::SessionLive, "a supervisor or a waiting hook still uses it")
            .at(&dir)
            .hint(
                "end it (cc-session-recover watch --status, or close the session), and run the command again",
            ));
    }
    if only_copies + set_aside + exports > 0 && !options.copies {
        let what = format!(
            "has text of {only_copies} sessions that exists nowhere else, {set_aside} set-aside files and {exports} exports"
        );
        return Err(Error::new(Code::Usage, what).at(&dir).hint("add --state to remove them too"));
    }
    ensure_ours(world, &ground.state)?;
    let mut foreign = Vec::new();
    for entry in std::fs::read_dir(&dir).doing("read", &dir)? {
        let entry = entry.doing("read", &dir)?;
        let path = entry.path();
        if !is_own_name(&entry.file_name()) {
            foreign.push(entry.file_name().to_string_lossy().into_owned());
        } else if entry.file_type().doing("read", &path)?.is_dir() {
            std::fs::remove_dir_all(&path).doing("remove", &path)?;
        } else {
            std::fs::remove_file(&path).doing("remove", &path)?;
        }
    }
    if !foreign.is_empty() {
        foreign.sort();
        let what = format!("contains files of other programs, which are not removed: {}", foreign.join(", "));
        return Err(Error::new(Code::PathRefused, what).at(&dir).hint("remove the directory yourself"));
    }
    std::fs::remove_dir(&dir).doing("remove", &dir)?;
    // Also remove the directories above it that were created for it, if they are empty.
    for above in dir.ancestors().skip(1).take(2) {
        let within = world.env.home().is_some_and(|home| above != home && above.starts_with(&home));
        if !within || std::fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(true)
}

/// Rejects a directory that is not a state directory: `CC_RECOVER_STATE_DIR` can name any directory, and
/// Claude Code's own has `projects` and `sessions` too.
fn ensure_ours(world: World<'_>, state: &StateDir) -> Result<()> {
    let dir = state.root();
    let of_others = [world.env.home(), world.env.claude_config_dir()];
    let holds_others = of_others.iter().flatten().any(|other| other.starts_with(dir));
    let is_record = |entry: &std::fs::DirEntry| {
        entry.file_type().is_ok_and(|kind| kind.is_file())
            && entry.path().extension().is_some_and(|ending| ending == "json")
    };
    // In a state directory, project records are files; Claude Code stores transcripts in directories.
    let mut projects = std::fs::read_dir(state.projects()).into_iter().flatten().flatten();
    let only_records = projects.all(|entry| is_record(&entry) || is_own_name(&entry.file_name()));
    let is_directory = std::fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir());
    let has_mark = state.projects().is_dir() || state.journal().is_file();
    if holds_others || !only_records || !is_directory || !has_mark {
        return Err(Error::new(Code::PathRefused, "is not a state directory of this tool").at(dir));
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::fs::identity;
    use crate::store::stored::save;
    use serde_json::json;

    const ID: &str = "00000000-0000-4000-8000-000000000001";
    const BEGINNING: &str = "{\"parentUuid\":null,\"type\":\"user\",\"uuid\":\"a\"}\n";
    const REST: &str = "{\"parentUuid\":\"a\",\"type\":\"user\",\"uuid\":\"b\"}\n";

    /// Origin of the kept file.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Kept {
        /// A hard link to the client's transcript.
        Linked,
        /// Frames of the client's transcript.
        Compressed,
        /// A file that was at the transcript's path earlier.
        Earlier,
    }

    #[test]
    fn the_state_directory_alone_has_a_part_that_the_transcript_lost() {
        let whole = [BEGINNING, REST].concat();
        for (transcript, kept, bytes_then, lost) in [
            (Some(&*whole), Kept::Linked, whole.len(), false),
            (Some(&*whole), Kept::Compressed, whole.len(), false),
            // It grew.
            (Some(&*whole), Kept::Linked, BEGINNING.len(), false),
            // Its beginning is gone.
            (Some(REST), Kept::Earlier, BEGINNING.len(), true),
            (Some(REST), Kept::Linked, REST.len(), false),
            (Some(REST), Kept::Compressed, REST.len(), false),
            // Its end is gone, and with it the end of a link.
            (Some(BEGINNING), Kept::Compressed, whole.len(), true),
            (Some(BEGINNING), Kept::Linked, whole.len(), false),
            // Deleted sessions are counted by their id.
            (None, Kept::Earlier, whole.len(), false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let state = StateDir::new(dir.path().join("state"));
            let path = dir.path().join(format!("{ID}.jsonl"));
            std::fs::write(&path, transcript.unwrap_or_default()).unwrap();
            let place = state.kept(ID).join("1").join(format!("{ID}.jsonl"));
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            match kept {
                Kept::Linked => std::fs::hard_link(&path, &place).unwrap(),
                Kept::Compressed => {}
                Kept::Earlier => std::fs::write(&place, BEGINNING).unwrap(),
            }
            let from = if kept == Kept::Earlier { &place } else { &path };
            let source = identity(&std::fs::metadata(from).unwrap());
            let description = serde_json::from_value(json!({
                "version": 1,
                "session": ID,
                "transcript": path,
                "configDir": dir.path(),
                "cwd": null,
                "updatedAt": "2026-11-21T02:00:00Z",
                "files": [{
                    "path": format!("{ID}.jsonl"),
                    "generation": 1,
                    "keptAs": if kept == Kept::Compressed { "frames" } else { "link" },
                    "source": source,
                    "bytes": bytes_then,
                    "keptAt": "2026-11-21T02:00:00Z",
                }],
            }));
            save::<KeptSession>(&state.kept_description(ID), &description.unwrap()).unwrap();
            if transcript.is_none() {
                std::fs::remove_file(&path).unwrap();
            }
            let session = kept_of(&state, ID).unwrap().expect("a valid description");
            assert_eq!(has_lost_part(&state, &session), lost, "{transcript:?}, {kept:?}, {bytes_then}");
        }
    }
}
