//! Decides which settings file the hooks of a project belong in when the user gave no option, and what to ask
//! first.

use super::HookScope;
use super::init::is_directory_of_user;
use crate::env::Environment;
use crate::error::Result;
use crate::fs::canonical;
use crate::store::StateDir;
use crate::store::stored::peek;
use crate::trust::enabled::{Enabled, record_path};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which directory `hookScope` is about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct HookScopeOptions {
    pub project: PathBuf,
}

/// What `init` asks on a terminal before it plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum HookScopeQuestion {
    /// Whether to set up all projects: the directory holds the user's own settings and cannot be set up as a
    /// project.
    AllProjects,
    /// Whether the hooks are only for the user or for everyone in the repository.
    ForWhom,
}

/// The settings file that applies without an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HookScopeDecision {
    /// The scope that is set up in the directory, otherwise `project`.
    pub scope: HookScope,
    /// What to ask on a terminal first; `null` if the answer is known.
    pub question: Option<HookScopeQuestion>,
}

/// Decides the scope for a directory. Reads only.
///
/// # Errors
///
/// [`crate::error::Code::StateDirUnknown`].
pub fn hook_scope(env: &Environment, options: &HookScopeOptions) -> Result<HookScopeDecision> {
    let state = StateDir::new(env.state_dir()?);
    let project = canonical(&options.project).unwrap_or_else(|_| options.project.clone());
    let record = peek::<Enabled>(&record_path(&state, &project)).ok().flatten();
    let scopes: Vec<(HookScope, bool)> = record
        .iter()
        .flat_map(|record| &record.settings)
        .map(|(scope, image)| (*scope, image.hooks))
        .collect();
    Ok(decide(&scopes, is_directory_of_user(env, &project)))
}

/// `scopes` are those that are set up, each with whether it contains the project's hooks rather than only a
/// status line.
fn decide(scopes: &[(HookScope, bool)], of_user: bool) -> HookScopeDecision {
    let with_hooks = scopes.iter().find(|(_, hooks)| *hooks);
    let scope = with_hooks.or(scopes.first()).map_or(HookScope::Project, |(scope, _)| *scope);
    let question = match with_hooks {
        _ if of_user => Some(HookScopeQuestion::AllProjects),
        None => Some(HookScopeQuestion::ForWhom),
        Some(_) => None,
    };
    HookScopeDecision { scope, question }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_that_is_set_up_applies_and_only_an_unknown_one_is_asked_for() {
        use HookScope::{Local, Project};
        use HookScopeQuestion::{AllProjects, ForWhom};
        for (scopes, of_user, scope, question) in [
            (&[][..], false, Project, Some(ForWhom)),
            (&[(Project, true)], false, Project, None),
            (&[(Local, true)], false, Local, None),
            (&[(Project, true), (Local, true)], false, Project, None),
            (&[(Project, true), (Local, false)], false, Project, None),
            (&[(Project, false), (Local, true)], false, Local, None),
            // Only a status line, which is in the local file whatever the scope of the hooks.
            (&[(Local, false)], false, Local, Some(ForWhom)),
            (&[], true, Project, Some(AllProjects)),
            (&[(Local, true)], true, Local, Some(AllProjects)),
        ] {
            let expected = HookScopeDecision { scope, question };
            assert_eq!(decide(scopes, of_user), expected, "{scopes:?} {of_user}");
        }
    }
}
