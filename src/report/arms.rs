//! Determines which part of this tool continues each open session: the plugin's module in its client, a
//! waiting hook, the supervisor, or none.

use crate::claude::home::{ClaudeHome, all_homes};
use crate::claude::registry::read_record;
use crate::claude::settings::Settings;
use crate::claude::version::ClientVersion;
use crate::fs::canonical;
use crate::project::checkout::{is_covered, project_of};
use crate::project::plugin::{self, ModuleOff};
use crate::session::loaded_module::clients_with_module;
use crate::session::owners::{OwnerProcess, Owners};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::trust::enabled::{Enabled, find};
use crate::world::World;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What continues an open session after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServingArm {
    Module,
    Hook,
    /// Only once the session is closed.
    Supervisor,
    Nobody,
}

/// Facts that determine what continues one session.
#[expect(clippy::struct_excessive_bools, reason = "each fact is independent of the others")]
#[derive(Debug, Clone, Copy, Default)]
struct ArmFacts {
    /// Whether the client reported that it loaded the module, and the plugin is still recorded as written.
    module: bool,
    /// Whether our hooks reach the session: those of the project, the user or the plugin.
    hooks: bool,
    /// Whether a setting or an organization disables hooks and modules.
    switched_off: bool,
    /// Whether the client starts a turn when a waiting hook asks for one.
    wakeable: bool,
    /// Whether the user allowed unattended runs in the session's project, and a supervisor is running.
    supervised: bool,
}

const fn arm_of(facts: ArmFacts) -> ServingArm {
    match facts {
        ArmFacts { module: true, switched_off: false, .. } => ServingArm::Module,
        ArmFacts { hooks: true, wakeable: true, switched_off: false, .. } => ServingArm::Hook,
        ArmFacts { supervised: true, .. } => ServingArm::Supervisor,
        _ => ServingArm::Nobody,
    }
}

/// One open session, and what continues it.
#[derive(Debug)]
pub(super) struct ServedSession {
    pub arm: ServingArm,
    /// Name and location, such as `api in pts/3`.
    pub place: String,
    /// Working directory of its client.
    pub directory: Option<PathBuf>,
    /// Why the module does not continue the session although the plugin is enabled.
    pub without_module: Option<String>,
}

/// Returns every session that a process has open.
pub(super) fn served_sessions(world: World<'_>, state: &StateDir, managed: &Path) -> Vec<ServedSession> {
    let homes = all_homes(world.env, &[]);
    let owners = Owners::read(&homes, world.processes, &mut Vec::new());
    let loaded = if plugin::written(state).is_empty() { BTreeSet::new() } else { clients_with_module(state) };
    let supervisor = Lock::is_held(&state.supervisor_lease());
    let served = |owner: &OwnerProcess| {
        let home = homes.get(owner.home)?;
        let registered = read_record(home, owner.pid).and_then(|record| record.cwd).map(PathBuf::from);
        let directory = registered.or_else(|| world.processes.working_directory(owner.pid));
        let directory = directory.map(|dir| canonical(&dir).unwrap_or(dir));
        let project = directory.as_ref().and_then(|dir| project_of(state, world.env, dir));
        let version = owner.version.as_deref().and_then(ClientVersion::parse);
        let settings = Settings::read(home, directory.as_deref(), managed);
        let off = ModuleOff::of(&settings, version);
        let plugin_on = plugin::is_on(state, Some(home.dir()), directory.as_deref());
        let enabled = project.as_deref().and_then(|project| find(state, world.env, Some(project)));
        let start = world.processes.start_token(owner.pid);
        let facts = ArmFacts {
            module: start.is_some_and(|start| loaded.contains(&(owner.pid, start))),
            hooks: plugin_on || reaches(world, state, home, directory.as_deref(), enabled.as_ref()),
            switched_off: off.as_ref().is_some_and(ModuleOff::stops_hooks),
            wakeable: version.is_none_or(ClientVersion::can_be_woken),
            supervised: supervisor && enabled.as_ref().is_some_and(|enabled| enabled.unattended.is_some()),
        };
        let without_module = (plugin_on && !facts.module).then(|| {
            off.as_ref().map_or_else(
                || {
                    "its client was started before the plugin was installed; /reload-plugins loads it"
                        .to_owned()
                },
                ModuleOff::why,
            )
        });
        Some(ServedSession { arm: arm_of(facts), place: named(owner), directory, without_module })
    };
    owners.live().filter_map(served).collect()
}

/// Returns whether hooks in settings reach a session in this directory.
fn reaches(
    world: World<'_>,
    state: &StateDir,
    home: &ClaudeHome,
    directory: Option<&Path>,
    project: Option<&Enabled>,
) -> bool {
    let has = |enabled: &Enabled| enabled.settings.values().any(|image| image.hooks);
    let own = crate::trust::enabled::find_user(state, home.dir());
    own.as_ref().is_some_and(has)
        || project.is_some_and(|enabled| {
            let root = enabled.project.as_deref();
            has(enabled) && (root == directory || root.is_some_and(|root| is_covered(state, world.env, root)))
        })
}

fn named(owner: &OwnerProcess) -> String {
    let name = owner.name.clone().unwrap_or_else(|| owner.session.chars().take(8).collect());
    format!("{name} in {}", owner.place())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServingArm as A;

    #[test]
    fn the_module_comes_before_a_hook_and_a_hook_before_the_supervisor() {
        let all =
            ArmFacts { module: true, hooks: true, switched_off: false, wakeable: true, supervised: true };
        let cases = [
            (all, A::Module),
            (ArmFacts { module: false, ..all }, A::Hook),
            (ArmFacts { switched_off: true, ..all }, A::Supervisor),
            (ArmFacts { module: false, wakeable: false, ..all }, A::Supervisor),
            (ArmFacts { module: false, hooks: false, ..all }, A::Supervisor),
            (ArmFacts { module: false, hooks: false, supervised: false, ..all }, A::Nobody),
            (ArmFacts { switched_off: true, supervised: false, ..all }, A::Nobody),
            (ArmFacts::default(), A::Nobody),
        ];
        for (facts, expected) in cases {
            assert_eq!(arm_of(facts), expected, "{facts:?}");
        }
    }
}
