//! What an API failure means: from the error record in the transcript, or from the `StopFailure` payload alone.
//!
//! The same failure carries different fields in different clients (`apiError` from 2.1.300, `quotaLimits` from 2.1.240),
//! so the precise field is asked first, then the coarse one, then the words.

use super::message::ClientMessage;
use super::reset::{epoch_in, reset_in};
use super::stop::{ResetSource, Source, Stop, StopKind};
use crate::claude::record::Failure;
use crate::text::one_line;
use chrono::{DateTime, Utc};

/// The stop an error record tells.
#[must_use]
pub fn stop_of(failure: &Failure, text: &str, at: Option<DateTime<Utc>>) -> Stop {
    let quota = failure.quota.as_ref();
    let rejected = quota.is_some_and(|quota| quota.status.as_deref() == Some("rejected"));
    let api_error = failure.api_error.as_deref();
    let kind = if rejected || api_error == Some("usage_limit_reached") {
        quota
            .and_then(|quota| quota.kind.as_deref())
            .map_or_else(|| usage_limit_in(text).unwrap_or(StopKind::UsageLimitOther), usage_limit)
    } else {
        kind_of(Coarse {
            error: failure.error.as_deref(),
            api_error,
            api_type: failure.api_type.as_deref(),
            status: failure.status,
            details: failure.details.as_deref(),
            text,
        })
    };
    let mut stop = Stop { at, message: ClientMessage::of(text), ..Stop::of(kind) }.because(
        Source::Transcript,
        format!(
            "the last record is an API error: {}{}{}",
            failure.error.as_deref().unwrap_or("no error name"),
            api_error.map(|name| format!(", {name}")).unwrap_or_default(),
            failure.status.map(|status| format!(", HTTP {status}")).unwrap_or_default(),
        ),
    );
    if kind.is_usage_limit() {
        add_reset(&mut stop, quota.and_then(|quota| quota.resets_at), text, at);
    }
    stop
}

/// The stop a `StopFailure` payload tells by itself: no reset time, except in words.
#[must_use]
pub fn stop_of_payload(error: &str, message: &str, details: Option<&str>, at: DateTime<Utc>) -> Stop {
    let coarse =
        Coarse { error: Some(error), api_error: None, api_type: None, status: None, details, text: message };
    let kind = kind_of(coarse);
    let mut stop = Stop { at: Some(at), message: ClientMessage::of(message), ..Stop::of(kind) }
        .because(Source::Hook, format!("StopFailure was reported with error {:?}", one_line(error, 60)));
    if kind.is_usage_limit() {
        add_reset(&mut stop, None, message, Some(at));
    }
    stop
}

fn add_reset(stop: &mut Stop, exact: Option<DateTime<Utc>>, text: &str, at: Option<DateTime<Utc>>) {
    if let Some(exact) = exact.or_else(|| epoch_in(text)) {
        stop.resets_at = Some(exact);
        stop.resets_at_source = Some(ResetSource::Exact);
    } else if let Some(guess) = at.and_then(|at| reset_in(text, at)) {
        stop.resets_at = Some(guess.at);
        stop.resets_at_source = Some(ResetSource::Guess);
        // The old wording "You've hit your limit" names no window; a bare time of day means the 5-hour one.
        if stop.kind == StopKind::UsageLimitOther && !guess.dated {
            stop.kind = StopKind::UsageLimit5h;
        }
    }
}

/// The kind of a limit by the client's name for it.
fn usage_limit(name: &str) -> StopKind {
    match name {
        "five_hour" => StopKind::UsageLimit5h,
        name if name.starts_with("seven_day") => StopKind::UsageLimitWeekly,
        _ => StopKind::UsageLimitOther,
    }
}

/// The kind of a limit by the client's words; `None` when they do not speak of one.
fn usage_limit_in(text: &str) -> Option<StopKind> {
    let text = text.to_ascii_lowercase();
    // The last three are the words of clients before 2.1.
    let words =
        ["hit your", "reached your", "usage limit reached", "-hour limit reached", "weekly limit reached"];
    let hit = words.iter().any(|words| text.contains(words));
    if !hit || text.contains("spend limit") {
        return None;
    }
    Some(if text.contains("5-hour") || text.contains("session limit") {
        StopKind::UsageLimit5h
    } else if ["weekly", "opus limit", "sonnet limit", "fable limit"].iter().any(|name| text.contains(name)) {
        StopKind::UsageLimitWeekly
    } else {
        StopKind::UsageLimitOther
    })
}

/// The fields that every client and also the payload has.
#[derive(Clone, Copy)]
struct Coarse<'a> {
    error: Option<&'a str>,
    api_error: Option<&'a str>,
    api_type: Option<&'a str>,
    status: Option<u16>,
    details: Option<&'a str>,
    text: &'a str,
}

fn kind_of(failure: Coarse<'_>) -> StopKind {
    let says = |needle: &str| failure.text.contains(needle);
    if failure.api_type == Some("overloaded_error") || failure.status == Some(529) {
        return StopKind::Overloaded;
    }
    match failure.api_error {
        Some(
            "connection_failed"
            | "stream_idle_timeout"
            | "computer_slept"
            | "network_edge_blocked"
            | "no_response",
        ) => {
            return StopKind::Network;
        }
        Some("max_output_tokens") => return StopKind::OutputLimit,
        Some("autocompact_thrashing") => return StopKind::ContextFull,
        Some("model_requires_usage_credits" | "long_context_credits_required") => return StopKind::Billing,
        Some("provider_credentials" | "gateway_session_expired" | "org_disabled_credential") => {
            return StopKind::Auth;
        }
        _ => {}
    }
    match failure.error.unwrap_or_default() {
        "rate_limit" => {
            usage_limit_in(failure.text).unwrap_or_else(|| billing_words(failure.text, StopKind::RateLimit))
        }
        "overloaded" => StopKind::Overloaded,
        "server_error" if says("API Error: 529") => StopKind::Overloaded,
        "server_error" if says("Connection ") => StopKind::Network,
        "server_error" => StopKind::ServerError,
        "authentication_failed"
        | "oauth_org_not_allowed"
        | "account_on_hold"
        | "verification_required"
        | "cloud_credential_error" => StopKind::Auth,
        "billing_error" => StopKind::Billing,
        "max_output_tokens" => StopKind::OutputLimit,
        "model_not_found" => StopKind::RequestError,
        "invalid_request" => {
            let long = |text: &str| text.to_ascii_lowercase().contains("prompt is too long");
            if long(failure.text) || failure.details.is_some_and(long) {
                StopKind::ContextFull
            } else {
                StopKind::RequestError
            }
        }
        _ => kind_by_status(failure),
    }
}

/// What makes the API take a request again that it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestCure {
    /// What it refuses is in the transcript, and `repair` takes it out.
    Repair,
    /// The client leaves it out when it reads the transcript again.
    Resume,
    /// The client leaves calls without results out; `repair` brings them back where one was lost.
    ResumeOrRepair,
    /// Only another request helps.
    Rephrase,
}

/// What helps, by the words of the API. Measured with clients 2.1.329 and 2.1.332.
#[must_use]
pub fn request_cure(text: &str) -> RequestCure {
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if says(&[
        "no low surrogate",
        "must be non-empty",
        "non-empty content",
        "empty text blocks",
        "dimensions exceed",
        "_tool_result` blocks",
        "server_tool_use",
    ]) && !text.contains("in `tool_result` blocks")
    {
        return RequestCure::Resume;
    }
    if says(&["in `tool_result` blocks", "without `tool_result` blocks", "tool use concurrency"]) {
        return RequestCure::ResumeOrRepair;
    }
    if says(&[
        "image exceeds",
        "image was too large",
        "Image was too large",
        "equest too large",
        "equest exceeds the maximum",
        "request_too_large",
        "`signature` in `thinking`",
        "thinking.signature",
        "tool_use.input",
        "ids must be unique",
    ]) {
        return RequestCure::Repair;
    }
    RequestCure::Rephrase
}

/// Credit texts that come as a rate limit.
fn billing_words(text: &str, otherwise: StopKind) -> StopKind {
    let credit = ["out of usage credits", "spend limit", "org is out of usage", "Credit balance"];
    if credit.iter().any(|words| text.contains(words)) { StopKind::Billing } else { otherwise }
}

fn kind_by_status(failure: Coarse<'_>) -> StopKind {
    let status = failure.status.or_else(|| {
        let (_, rest) = failure.text.split_once("API Error: ")?;
        rest.get(..3)?.parse().ok()
    });
    match status {
        Some(401 | 403) => StopKind::Auth,
        Some(402) => StopKind::Billing,
        Some(408) => StopKind::Network,
        Some(429) => usage_limit_in(failure.text).unwrap_or(StopKind::RateLimit),
        Some(529) => StopKind::Overloaded,
        Some(400..=499) => StopKind::RequestError,
        Some(500..=599) => StopKind::ServerError,
        _ if failure.text.contains("empty or malformed response") => StopKind::ServerError,
        _ if failure.text.contains("Connection ") => StopKind::Network,
        // Clients before the `error` field: the words are all there is.
        _ => usage_limit_in(failure.text).unwrap_or_else(|| billing_words(failure.text, StopKind::Unknown)),
    }
}
