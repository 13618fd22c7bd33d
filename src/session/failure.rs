//! Classifies an API failure, from the error record in the transcript or from
//! the `StopFailure` payload alone.
//!
//! The same failure has different fields in different clients (`apiError` from 2.1.300, `quotaLimits` from
//! 2.1.240), so the most precise field is checked first, then the coarse one, then the text.

use super::message::ClientMessage;
use super::reset::{epoch_in, reset_in};
use super::stop::{ResetSource, Source, Stop, StopClass, StopKind, UserAction};
use crate::claude::record::ApiFailure;
use crate::text::one_line;
use chrono::{DateTime, Utc};

/// Returns the stop that an error record describes.
#[must_use]
pub fn stop_of(failure: &ApiFailure, text: &str, at: Option<DateTime<Utc>>) -> Stop {
    let quota = failure.quota.as_ref();
    let rejected = quota.is_some_and(|quota| quota.status.as_deref() == Some("rejected"));
    let api_error = failure.api_error.as_deref();
    let coarse = Coarse {
        error: failure.error.as_deref(),
        api_error,
        api_type: failure.api_type.as_deref(),
        status: failure.status,
        details: failure.details.as_deref(),
        text,
    };
    let kind = if rejected || api_error == Some("usage_limit_reached") {
        let named = quota.and_then(|quota| quota.kind.as_deref()).and_then(usage_limit);
        named.unwrap_or_else(|| limit_in(coarse).unwrap_or(StopKind::UsageLimitOther))
    } else {
        kind_of(coarse)
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
    add_reset(&mut stop, quota.and_then(|quota| quota.resets_at), failure.details.as_deref(), text);
    stop
}

/// Returns the stop that a `StopFailure` payload alone describes. The reset time comes only from its text.
#[must_use]
pub fn stop_of_payload(error: &str, message: &str, details: Option<&str>, at: DateTime<Utc>) -> Stop {
    let coarse =
        Coarse { error: Some(error), api_error: None, api_type: None, status: None, details, text: message };
    let kind = kind_of(coarse);
    let mut stop = Stop { at: Some(at), message: ClientMessage::of(message), ..Stop::of(kind) }
        .because(Source::Hook, format!("StopFailure was reported with error {:?}", one_line(error, 60)));
    add_reset(&mut stop, None, details, message);
    stop
}

/// Adds when the limit resets, or when a budget is available again, if the record or its text states it.
fn add_reset(stop: &mut Stop, exact: Option<DateTime<Utc>>, details: Option<&str>, text: &str) {
    match stop.kind.class() {
        StopClass::UsageLimit | StopClass::NeedsUser(UserAction::AddCredit) => {}
        StopClass::RateLimit
        | StopClass::Transient
        | StopClass::OutputLimit
        | StopClass::NeedsUser(_)
        | StopClass::BrokenOff
        | StopClass::Interrupted
        | StopClass::NoFailure => return,
    }
    if let Some(exact) = exact.or_else(|| epoch_in(text)) {
        stop.resets_at = Some(exact);
        stop.resets_at_source = Some(ResetSource::Exact);
        return;
    }
    let Some(at) = stop.at else { return };
    let Some(guess) = [Some(text), details].into_iter().flatten().find_map(|text| reset_in(text, at)) else {
        return;
    };
    stop.resets_at = Some(guess.at);
    stop.resets_at_source = Some(ResetSource::Guess);
    // The old wording "You've hit your limit" names no window; a time of day alone indicates the 5-hour one.
    if stop.kind == StopKind::UsageLimitOther && !guess.dated {
        stop.kind = StopKind::UsageLimit5h;
    }
}

/// Maps the client's name of a limit to a kind; `None` if the name does not indicate a window.
fn usage_limit(name: &str) -> Option<StopKind> {
    Some(match name {
        "five_hour" => StopKind::UsageLimit5h,
        "seven_day_opus" => StopKind::UsageLimitOpus,
        "seven_day_sonnet" => StopKind::UsageLimitSonnet,
        "seven_day_overage_included" => StopKind::UsageLimitFable,
        // Credit in addition to the subscription. It never resets, and the user has to add more.
        "overage" => StopKind::Billing,
        name if name.starts_with("seven_day") => StopKind::UsageLimitWeekly,
        _ => return None,
    })
}

/// Determines the kind of a limit from text: a window of the subscription if the text names one, and
/// otherwise a budget.
fn limit_in(failure: Coarse<'_>) -> Option<StopKind> {
    match usage_limit_in(failure.text) {
        Some(StopKind::UsageLimitOther) | None => {}
        window => return window,
    }
    if is_billing(failure) { Some(StopKind::Billing) } else { usage_limit_in(failure.text) }
}

/// Determines the kind of a limit from the client's words; `None` if they do not mention one.
fn usage_limit_in(text: &str) -> Option<StopKind> {
    let text = text.to_ascii_lowercase();
    // The last three are the wording of clients before 2.1.
    let words =
        ["hit your", "reached your", "usage limit reached", "-hour limit reached", "weekly limit reached"];
    words.iter().any(|words| text.contains(words)).then(|| window_in(&text))
}

/// Returns the window that a lower-case text names.
pub(super) fn window_in(text: &str) -> StopKind {
    let names = [
        ("opus limit", StopKind::UsageLimitOpus),
        ("opus usage limit", StopKind::UsageLimitOpus),
        ("sonnet limit", StopKind::UsageLimitSonnet),
        ("sonnet usage limit", StopKind::UsageLimitSonnet),
        ("fable limit", StopKind::UsageLimitFable),
        ("fable usage limit", StopKind::UsageLimitFable),
        ("5-hour", StopKind::UsageLimit5h),
        ("session limit", StopKind::UsageLimit5h),
        ("weekly", StopKind::UsageLimitWeekly),
    ];
    names.iter().find(|(name, _)| text.contains(name)).map_or(StopKind::UsageLimitOther, |(_, kind)| *kind)
}

/// Error types that gateways and the API use for an exhausted budget.
const BUDGET_TYPES: [&str; 6] = [
    "billing_error",
    "budget_exceeded",
    "insufficient_quota",
    "insufficient_credits",
    "credits_exhausted",
    "payment_required",
];
/// Lower-case words that clients, the API and gateways use for exhausted credit, a spend limit or a budget. A
/// limit of the subscription may end with "/extra-usage to finish what you're working on", so "extra usage"
/// alone does not count.
const BUDGET_WORDS: [&str; 29] = [
    "out of usage credits",
    "usage credit limit",
    "spend limit",
    "spending limit",
    "spend cap",
    "org is out of usage",
    "organization is out of usage",
    "monthly limit",
    "monthly usage limit",
    "monthly quota",
    "out of extra usage",
    "extra usage limit",
    "extra usage is required",
    "extra usage balance",
    "extra usage budget",
    "draw from your extra usage",
    "credit balance",
    "out of credits",
    "insufficient credit",
    "insufficient_quota",
    "insufficient balance",
    "exceeded your current quota",
    "regain access on",
    "exceeded budget",
    "budget has been exceeded",
    "budget exceeded",
    "exceeded your budget",
    "over budget",
    "budget_exceeded",
];

/// Returns whether the failure reports exhausted credit, a spend limit or a budget.
fn is_billing(failure: Coarse<'_>) -> bool {
    if failure.status == Some(402) || failure.api_type.is_some_and(|kind| BUDGET_TYPES.contains(&kind)) {
        return true;
    }
    let says = |text: &str| {
        let text = text.to_ascii_lowercase();
        BUDGET_WORDS.iter().any(|words| text.contains(words))
    };
    says(failure.text) || failure.details.is_some_and(says)
}

/// Fields of a failure; a hook payload provides only some of them.
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
        "rate_limit" => limit_in(failure).unwrap_or(StopKind::RateLimit),
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
            } else if is_billing(failure) {
                StopKind::Billing
            } else {
                StopKind::RequestError
            }
        }
        _ => kind_by_status(failure),
    }
}

/// How to make the API accept a request that it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestCure {
    /// The transcript contains content that the API refuses, and `repair` removes it.
    Repair,
    /// The client omits the refused content when it reads the transcript again.
    Resume,
    /// The client omits calls without results; `repair` finds a call or result that was lost.
    ResumeOrRepair,
    /// Only a different request helps.
    Rephrase,
}

/// Determines the remedy from the API's words. Measured with clients 2.1.329 and 2.1.332.
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

fn kind_by_status(failure: Coarse<'_>) -> StopKind {
    let status = failure.status.or_else(|| {
        let (_, rest) = failure.text.split_once("API Error: ")?;
        rest.get(..3)?.parse().ok()
    });
    match status {
        Some(400..=429) if is_billing(failure) => limit_in(failure).unwrap_or(StopKind::Billing),
        Some(401 | 403) => StopKind::Auth,
        Some(408) => StopKind::Network,
        Some(429) => limit_in(failure).unwrap_or(StopKind::RateLimit),
        Some(529) => StopKind::Overloaded,
        Some(400..=499) => StopKind::RequestError,
        Some(500..=599) => StopKind::ServerError,
        _ if failure.text.contains("empty or malformed response") => StopKind::ServerError,
        _ if failure.text.contains("Connection ") => StopKind::Network,
        // Clients without the `error` field provide only text.
        _ => limit_in(failure).unwrap_or(StopKind::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::record::Quota;
    use crate::clock::{parse_rfc3339, rfc3339};
    use StopKind as K;

    const AT: &str = "2026-11-21T02:00:00Z";

    fn payload(error: &str, text: &str) -> Stop {
        stop_of_payload(error, text, None, parse_rfc3339(AT).unwrap())
    }

    fn record(status: u16, error: &str, api_type: &str, text: &str, window: Option<&str>) -> Stop {
        let quota = window.map(|window| Quota {
            status: Some("rejected".into()),
            kind: Some(window.into()),
            resets_at: parse_rfc3339("2026-11-24T04:00:00Z"),
        });
        let failure = ApiFailure {
            error: Some(error.into()),
            api_error: quota.is_some().then(|| "usage_limit_reached".into()),
            status: Some(status),
            api_type: Some(api_type.into()),
            details: None,
            quota,
        };
        stop_of(&failure, text, parse_rfc3339(AT))
    }

    #[test]
    fn credit_spend_limits_and_budgets_are_billing_with_any_status() {
        for (status, error, api_type, text) in [
            (429, "rate_limit", "budget_exceeded", "API Error: Request rejected (429)"),
            (429, "rate_limit", "rate_limit_error", "LiteLLM User: engineer-1, exceeded budget for model=x"),
            (
                429,
                "rate_limit",
                "rate_limit_error",
                "API Error: Request rejected (429) \u{b7} Budget has been exceeded! Current cost: 10",
            ),
            (400, "invalid_request", "budget_exceeded", "API Error: 400"),
            (400, "invalid_request", "invalid_request_error", "ExceededBudget: User over budget"),
            (
                400,
                "invalid_request",
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            ),
            (400, "unknown", "", "Budget exceeded for team"),
            (402, "unknown", "", "Payment Required"),
            (403, "unknown", "", "Insufficient credits"),
            (429, "rate_limit", "insufficient_quota", "You exceeded your current quota"),
            (429, "rate_limit", "", "You've hit your monthly spend limit"),
            (429, "rate_limit", "", "You've hit your org's monthly spend limit \u{b7} ask your admin"),
            (429, "rate_limit", "", "You've hit your org's monthly usage limit"),
            (429, "rate_limit", "", "You're out of usage credits \u{b7} resets Dec 2, 12:45pm (UTC)"),
            (429, "rate_limit", "", "You're out of extra usage \u{b7} resets Dec 2, 12:45pm (UTC)"),
            (429, "rate_limit", "", "Extra usage is required for long context requests"),
            (429, "rate_limit", "", "Your org is out of usage"),
            (400, "billing_error", "invalid_request_error", "Credit balance is too low"),
        ] {
            assert_eq!(
                record(status, error, api_type, text, None).kind,
                K::Billing,
                "{status} {error}: {text}"
            );
        }
    }

    #[test]
    fn a_limit_is_identified_by_its_field_first_and_by_its_text_last() {
        for (window, kind) in [
            ("five_hour", K::UsageLimit5h),
            ("seven_day", K::UsageLimitWeekly),
            ("seven_day_opus", K::UsageLimitOpus),
            ("seven_day_sonnet", K::UsageLimitSonnet),
            ("seven_day_overage_included", K::UsageLimitFable),
            ("seven_day_of_a_later_model", K::UsageLimitWeekly),
            ("overage", K::Billing),
            ("something_new", K::UsageLimitOther),
        ] {
            // The text of any limit may offer extra usage.
            let text = "You've hit your limit \u{b7} resets Nov 24, 4am (UTC)\n/extra-usage to finish what you're working on";
            let stop = record(429, "rate_limit", "rate_limit_error", text, Some(window));
            assert_eq!(stop.kind, kind, "{window}");
            assert_eq!(stop.resets_at.map(rfc3339).as_deref(), Some("2026-11-24T04:00:00.000Z"), "{window}");
        }
        for (text, kind) in [
            ("You've hit your 5-hour limit \u{b7} resets 4am (UTC)", K::UsageLimit5h),
            ("You've hit your session limit \u{b7} resets 4am (UTC)", K::UsageLimit5h),
            ("You've hit your limit \u{b7} resets 4am (UTC)", K::UsageLimit5h),
            ("You've hit your weekly limit \u{b7} resets Nov 24, 4am (UTC)", K::UsageLimitWeekly),
            ("You've hit your Opus limit \u{b7} resets Nov 24, 4am (UTC)", K::UsageLimitOpus),
            ("You've hit your Sonnet limit \u{b7} resets Nov 24, 4am (UTC)", K::UsageLimitSonnet),
            ("You've hit your usage credit limit \u{b7} resets Nov 24, 4am (UTC)", K::Billing),
            ("API Error: Request rejected (429)", K::RateLimit),
        ] {
            assert_eq!(payload("rate_limit", text).kind, kind, "{text}");
        }
    }

    #[test]
    fn a_budget_records_the_date_when_it_is_available_again() {
        for (text, date) in [
            (
                "You're out of usage credits \u{b7} resets Dec 2, 12:45pm (UTC)",
                Some("2026-12-02T12:45:00.000Z"),
            ),
            ("You will regain access on 2026-12-01 at 00:00 UTC.", Some("2026-12-01T00:00:00.000Z")),
            ("You will regain access on 2026-12-01.", Some("2026-12-01T00:00:00.000Z")),
            ("You will regain access on December 1, 2026 at 09:30 UTC", Some("2026-12-01T09:30:00.000Z")),
            ("You will regain access on Dec 1", Some("2026-12-01T00:00:00.000Z")),
            (
                "Budget has been exceeded! Budget resets at 2026-12-01T00:00:00Z",
                Some("2026-12-01T00:00:00.000Z"),
            ),
            ("Credit balance is too low", None),
        ] {
            let stop = payload("billing_error", text);
            assert_eq!((stop.kind, stop.resets_at.map(rfc3339).as_deref()), (K::Billing, date), "{text}");
        }
        let overloaded = payload("overloaded", "Overloaded \u{b7} resets 4am (UTC)");
        assert_eq!(overloaded.resets_at, None, "other failures have no reset");
    }
}
