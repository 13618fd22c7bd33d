//! Rates the size of a context: its share of the model's window, and the resulting advice.

use crate::config::ContextConfig;
use crate::text::as_fraction;
use serde::Serialize;
use std::collections::BTreeMap;

/// Default context window of a model, in tokens.
const WINDOW: u64 = 200_000;
/// Context window of a model with a long window, in tokens.
const LONG_WINDOW: u64 = 1_000_000;
/// Models with a long window (as 2.1.329 reports to its status line).
const LONG: [&str; 2] = ["claude-opus-5-5", "claude-sonnet-5-5"];

/// Advice that follows from the size of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ContextAdvice"))]
pub enum Advice {
    Healthy,
    Large,
    /// The user should start a fresh session.
    Bloated,
}

/// Context size at the last real turn.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ContextSize {
    /// Number of tokens that were read.
    pub tokens: u64,
    /// Size of the model's context window, in tokens.
    pub window: Option<u64>,
    /// Used share of the window in percent, 0 to 100, or more if the window is smaller than what was read.
    pub percent: Option<f64>,
    /// `healthy`: continue. `large`: compact it soon. `bloated`: start a fresh session from the note.
    pub advice: Option<Advice>,
    /// Advice for the user, in one sentence; `null` if nothing needs to be done.
    pub next: Option<String>,
}

impl ContextSize {
    /// Rates a context of this many tokens. `full` means that the conversation no longer fits. `seen`
    /// contains window sizes reported by clients, by model.
    #[must_use]
    pub fn weighed(
        tokens: u64,
        model: Option<&str>,
        full: bool,
        limits: &ContextConfig,
        seen: &BTreeMap<String, u64>,
    ) -> Self {
        let model = model.unwrap_or_default();
        let long = model.contains("[1m]") || LONG.iter().any(|name| model.starts_with(name));
        let told = seen.get(model).copied().filter(|window| *window > 0);
        let window = told.unwrap_or(if long { LONG_WINDOW } else { WINDOW });
        // Everything that was read must have fitted into the window.
        let window = if tokens > window { window.max(LONG_WINDOW) } else { window };
        let percent = as_fraction(tokens) / as_fraction(window) * 100.0;
        // If the conversation no longer fits, an assumed window size must be wrong.
        let believed = !full || told.is_some();
        let [large, bloated] = limits.warn_percent;
        let advice = if full || percent >= bloated {
            Advice::Bloated
        } else if percent >= large {
            Advice::Large
        } else {
            Advice::Healthy
        };
        let next = match advice {
            Advice::Healthy => None,
            Advice::Large => Some("run /compact in the session soon".to_owned()),
            Advice::Bloated => Some(
                "start a fresh session from the note: start claude and say \"Read HANDOFF.md and continue\""
                    .to_owned(),
            ),
        };
        Self {
            tokens,
            window: believed.then_some(window),
            percent: believed.then_some((percent * 10.0).round() / 10.0),
            advice: Some(advice),
            next,
        }
    }
}
