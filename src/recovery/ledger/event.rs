//! Defines the events that a hook or the supervisor reports about a session, and how each changes the
//! session's incident.

use super::Ledger;
use crate::recovery::incident::{Incident, Phase, StopReport};
use crate::recovery::policy::Terminal;
use crate::session::Source;
use crate::store::spool::SpooledEvent;
use serde::{Deserialize, Serialize};

/// An event in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum IncidentEvent {
    Stopped(Box<StopReport>),
    /// A fact without consequences.
    Seen {
        source: Source,
        fact: String,
    },
    WentOn {
        phase: Phase,
        /// Evidence for the continuation, in words.
        fact: String,
    },
    /// The client closed the session or switched to another one.
    Left {
        /// Evidence for that, in words.
        fact: String,
    },
}

impl Ledger<'_> {
    pub(super) fn fold_spooled(&self, incident: &mut Option<Incident>, entry: SpooledEvent) {
        if let Ok(event) = serde_json::from_value::<IncidentEvent>(entry.payload) {
            self.fold(incident, event);
        }
    }

    /// Applies an event to an incident.
    pub(super) fn fold(&self, incident: &mut Option<Incident>, event: IncidentEvent) {
        let now = self.clock.now();
        match event {
            IncidentEvent::Stopped(report) => {
                *incident = Some(match incident.take() {
                    Some(known) => known.again(*report, now),
                    None => Incident::open(*report, now),
                });
            }
            IncidentEvent::Seen { source, fact } => {
                if let Some(incident) = incident.as_mut().filter(|incident| !incident.phase.is_over()) {
                    incident.saw(source, fact);
                }
            }
            IncidentEvent::WentOn { phase, fact } => {
                if let Some(incident) = incident.as_mut().filter(|incident| !incident.phase.is_over()) {
                    incident.settle(phase, Source::Transcript, fact);
                }
            }
            IncidentEvent::Left { fact } => {
                if let Some(incident) = incident.as_mut().filter(|incident| incident.phase.is_active()) {
                    incident.saw(Source::Hook, fact);
                    incident.opened = None;
                    incident.module_seen_at = None;
                    // The process that made an active run handles its outcome.
                    if incident.open_run().is_none() {
                        self.plan(incident, Terminal::Closed);
                    }
                }
            }
        }
    }
}
