//! What a hook or the supervisor reports about a session, and what the report changes in its incident.

use super::Ledger;
use crate::recovery::incident::{Incident, Phase, StopReport};
use crate::recovery::policy::Terminal;
use crate::session::Source;
use crate::store::spool::SpooledEvent;
use serde::{Deserialize, Serialize};

/// Something that happened to a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum IncidentEvent {
    Stopped(Box<StopReport>),
    /// A fact without consequences.
    Seen {
        /// Where it was seen.
        source: Source,
        fact: String,
    },
    WentOn {
        phase: Phase,
        /// How that is known.
        fact: String,
    },
    /// Its client closed it or turned to another session.
    Left {
        /// How that is known.
        fact: String,
    },
}

impl Ledger<'_> {
    pub(super) fn fold_spooled(&self, incident: &mut Option<Incident>, entry: SpooledEvent) {
        if let Ok(event) = serde_json::from_value::<IncidentEvent>(entry.payload) {
            self.fold(incident, event);
        }
    }

    /// What an event makes of an incident.
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
                    // What comes of a run that is under way is for the one who made it.
                    if incident.open_run().is_none() {
                        self.plan(incident, Terminal::Closed);
                    }
                }
            }
        }
    }
}
