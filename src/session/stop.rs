//! Describes why a session's work ended, or what the session is doing, with the evidence.

use super::message::ClientMessage;
use crate::clock::rfc3339;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Why a session stopped, or what it is doing if it did not stop. Derived from the end of the transcript,
/// never from an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum StopKind {
    /// The last turn ended.
    Finished,
    /// The subscription's 5-hour limit.
    #[serde(rename = "usage-limit-5h")]
    UsageLimit5h,
    /// The subscription's weekly limit.
    UsageLimitWeekly,
    /// The weekly limit of the Opus models.
    UsageLimitOpus,
    /// The weekly limit of the Sonnet models.
    UsageLimitSonnet,
    /// The weekly limit of the Fable models.
    UsageLimitFable,
    UsageLimitOther,
    /// The API refused the rate of requests (429 without a usage limit).
    RateLimit,
    /// The API was overloaded (529).
    Overloaded,
    /// The API failed (5xx, malformed answer).
    ServerError,
    /// The connection was lost.
    Network,
    /// The credential was refused.
    Auth,
    /// Credit, a spend limit or a budget is exhausted.
    Billing,
    /// The conversation no longer fits into the context window.
    ContextFull,
    /// The answer exceeded the output limit, after the client's own continuations.
    OutputLimit,
    /// The API refused the request itself.
    RequestError,
    /// The user interrupted the turn.
    Interrupted,
    /// The session waits for the user: for a permission or an answer.
    Waiting,
    /// A turn is in progress.
    Running,
    /// The client exited gracefully during a turn.
    Closed,
    /// The client ended during a turn, without recording it.
    Crashed,
    /// The transcript contains no conversation yet.
    Empty,
    Unknown,
}

impl StopKind {
    pub const ALL: [Self; 23] = [
        Self::Finished,
        Self::UsageLimit5h,
        Self::UsageLimitWeekly,
        Self::UsageLimitOpus,
        Self::UsageLimitSonnet,
        Self::UsageLimitFable,
        Self::UsageLimitOther,
        Self::RateLimit,
        Self::Overloaded,
        Self::ServerError,
        Self::Network,
        Self::Auth,
        Self::Billing,
        Self::ContextFull,
        Self::OutputLimit,
        Self::RequestError,
        Self::Interrupted,
        Self::Waiting,
        Self::Running,
        Self::Closed,
        Self::Crashed,
        Self::Empty,
        Self::Unknown,
    ];
}

/// Kinds of stop that recovery treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopClass {
    /// A window of the subscription is exhausted. In most cases its reset time is known.
    UsageLimit,
    /// The API refused the rate of requests.
    RateLimit,
    /// A failure that a retry of the same request may not encounter.
    Transient,
    /// One answer exceeded the output limit.
    OutputLimit,
    /// Waiting does not help: the user has to act first.
    NeedsUser(UserAction),
    /// The client ended during a turn.
    BrokenOff,
    /// The user ended the turn.
    Interrupted,
    /// The session did not stop during its work, or waits for the user.
    NoFailure,
}

/// What the user has to do before the session can continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAction {
    /// Log in, or fix the API key.
    LogIn,
    /// Add credit, change the plan, or have a budget raised.
    AddCredit,
    /// Compact the conversation, or start a new one.
    Compact,
    /// Ask for something else.
    Rephrase,
    /// Read the last message, because its cause is unknown.
    ReadMessage,
}

impl StopKind {
    /// Returns the name for programs, which is also the key in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::UsageLimit5h => "usage-limit-5h",
            Self::UsageLimitWeekly => "usage-limit-weekly",
            Self::UsageLimitOpus => "usage-limit-opus",
            Self::UsageLimitSonnet => "usage-limit-sonnet",
            Self::UsageLimitFable => "usage-limit-fable",
            Self::UsageLimitOther => "usage-limit-other",
            Self::RateLimit => "rate-limit",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server-error",
            Self::Network => "network",
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::ContextFull => "context-full",
            Self::OutputLimit => "output-limit",
            Self::RequestError => "request-error",
            Self::Interrupted => "interrupted",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Closed => "closed",
            Self::Crashed => "crashed",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }

    /// Describes what happened, for the user.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Finished => "finished its turn",
            Self::UsageLimit5h => "5-hour usage limit reached",
            Self::UsageLimitWeekly => "weekly usage limit reached",
            Self::UsageLimitOpus => "Opus usage limit reached",
            Self::UsageLimitSonnet => "Sonnet usage limit reached",
            Self::UsageLimitFable => "Fable usage limit reached",
            Self::UsageLimitOther => "usage limit reached",
            Self::RateLimit => "the API refused the request rate (429)",
            Self::Overloaded => "the API was overloaded (529)",
            Self::ServerError => "the API failed",
            Self::Network => "the connection to the API was lost",
            Self::Auth => "the credential was refused",
            Self::Billing => "credit, spend limit or budget used up",
            Self::ContextFull => "the conversation no longer fits the context window",
            Self::OutputLimit => "the answer exceeded the output limit",
            Self::RequestError => "the API refused the request",
            Self::Interrupted => "interrupted by the user",
            Self::Waiting => "waiting for the user",
            Self::Running => "working",
            Self::Closed => "closed in the middle of a turn",
            Self::Crashed => "ended abruptly in the middle of a turn",
            Self::Empty => "no conversation yet",
            Self::Unknown => "stopped for an unknown reason",
        }
    }

    /// Returns how recovery treats this kind. Every decision about kinds uses this match, so that a new kind
    /// does not compile until it has a class.
    #[must_use]
    pub const fn class(self) -> StopClass {
        match self {
            Self::UsageLimit5h
            | Self::UsageLimitWeekly
            | Self::UsageLimitOpus
            | Self::UsageLimitSonnet
            | Self::UsageLimitFable
            | Self::UsageLimitOther => StopClass::UsageLimit,
            Self::RateLimit => StopClass::RateLimit,
            Self::Overloaded | Self::ServerError | Self::Network => StopClass::Transient,
            Self::OutputLimit => StopClass::OutputLimit,
            Self::Auth => StopClass::NeedsUser(UserAction::LogIn),
            Self::Billing => StopClass::NeedsUser(UserAction::AddCredit),
            Self::ContextFull => StopClass::NeedsUser(UserAction::Compact),
            Self::RequestError => StopClass::NeedsUser(UserAction::Rephrase),
            Self::Unknown => StopClass::NeedsUser(UserAction::ReadMessage),
            Self::Closed | Self::Crashed => StopClass::BrokenOff,
            Self::Interrupted => StopClass::Interrupted,
            Self::Finished | Self::Waiting | Self::Running | Self::Empty => StopClass::NoFailure,
        }
    }

    /// Returns the general window that applies to the limit of a model family if that
    /// family is not configured.
    #[must_use]
    pub const fn general(self) -> Self {
        match self {
            Self::UsageLimitOpus | Self::UsageLimitSonnet | Self::UsageLimitFable => Self::UsageLimitWeekly,
            Self::Finished
            | Self::UsageLimit5h
            | Self::UsageLimitWeekly
            | Self::UsageLimitOther
            | Self::RateLimit
            | Self::Overloaded
            | Self::ServerError
            | Self::Network
            | Self::Auth
            | Self::Billing
            | Self::ContextFull
            | Self::OutputLimit
            | Self::RequestError
            | Self::Interrupted
            | Self::Waiting
            | Self::Running
            | Self::Closed
            | Self::Crashed
            | Self::Empty
            | Self::Unknown => self,
        }
    }

    /// Returns whether the kind is a usage limit of the subscription, which has a reset time.
    #[must_use]
    pub const fn is_usage_limit(self) -> bool {
        matches!(self.class(), StopClass::UsageLimit)
    }

    /// Returns whether the API ended the turn, which starts a `StopFailure` hook.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self.class() {
            StopClass::UsageLimit
            | StopClass::RateLimit
            | StopClass::Transient
            | StopClass::OutputLimit
            | StopClass::NeedsUser(_) => true,
            StopClass::BrokenOff | StopClass::Interrupted | StopClass::NoFailure => false,
        }
    }

    /// Returns whether the work was interrupted before its end.
    #[must_use]
    pub const fn is_unfinished(self) -> bool {
        self.is_failure() || matches!(self.class(), StopClass::BrokenOff)
    }
}

/// Source of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Transcript,
    Registry,
    /// A hook payload or the hook's environment.
    Hook,
    Process,
    Store,
    Clock,
}

/// A fact that supports a verdict, with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Evidence {
    /// `transcript`, `registry`, `hook`, `process`, `store` or `clock`.
    #[cfg_attr(test, ts(as = "String"))]
    pub source: Source,
    /// The fact, as one sentence.
    pub fact: Cow<'static, str>,
}

impl Evidence {
    pub fn new(source: Source, fact: impl Into<Cow<'static, str>>) -> Self {
        Self { source, fact: fact.into() }
    }
}

/// Evidence of a stop: usually one or two facts, stored inline because there are thousands of stops.
pub type EvidenceList = SmallVec<[Evidence; 2]>;

/// How reliable a reset time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ResetSource {
    /// Epoch seconds in the client's own record.
    Exact,
    /// Parsed from the client's text.
    Guess,
}

/// How and when a session stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Stop {
    /// Why the session stopped, or what it is doing.
    pub kind: StopKind,
    /// Time of the record that shows the stop.
    #[serde(serialize_with = "time_or_null")]
    pub at: Option<DateTime<Utc>>,
    /// Time when the limit resets; only for limits.
    #[serde(serialize_with = "time_or_null")]
    pub resets_at: Option<DateTime<Utc>>,
    /// `exact`: epoch seconds from the client's own record. `guess`: parsed from its text.
    pub resets_at_source: Option<ResetSource>,
    /// The client's own message, without control characters.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub message: Option<ClientMessage>,
    /// Id of the transcript record that shows the stop.
    #[serde(default)]
    pub record: Option<String>,
    /// Whether the client made the model wrap up near this limit: the turn ended normally, but the work is
    /// unfinished. Absent if `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wrapped_up: bool,
    /// Whether the last prompt has no answer at all, so that work may be lost although the user appears
    /// to have ended it.
    #[serde(skip)]
    pub unanswered: bool,
    /// Evidence for the value of `kind`.
    #[cfg_attr(test, ts(as = "Vec<Evidence>"))]
    pub evidence: EvidenceList,
}

impl Stop {
    /// Creates a stop of this kind without any details.
    #[must_use]
    pub fn of(kind: StopKind) -> Self {
        Self {
            kind,
            at: None,
            resets_at: None,
            resets_at_source: None,
            message: None,
            record: None,
            wrapped_up: false,
            unanswered: false,
            evidence: EvidenceList::new(),
        }
    }

    /// Returns whether the work was interrupted before its end.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.kind.is_unfinished() || self.unanswered
    }

    /// Adds one more fact to the evidence.
    #[must_use]
    pub fn because(mut self, source: Source, fact: impl Into<Cow<'static, str>>) -> Self {
        self.evidence.push(Evidence::new(source, fact));
        self
    }
}

/// Serializes a time in this tool's RFC 3339 form.
///
/// # Errors
///
/// Returns the errors of the serializer.
pub fn time_or_null<S: Serializer>(time: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => to.serialize_str(&rfc3339(*time)),
        None => to.serialize_none(),
    }
}

/// Serializes an optional time in this tool's RFC 3339 form.
///
/// # Errors
///
/// Returns the errors of the serializer.
pub fn time<S: Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&rfc3339(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_kind_names_match_their_stored_form() {
        for kind in
            [StopKind::UsageLimit5h, StopKind::UsageLimitWeekly, StopKind::ContextFull, StopKind::Unknown]
        {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
