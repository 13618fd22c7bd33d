//! Writes the report as a page: stops, waits and runs of each session on a time axis, followed by the same
//! facts in words.
//!
//! Every row has its own drawing, which stretches with the window. Names and times are text, so the page is
//! readable on a phone.

use super::prose::{escape, escape_visible};
use super::shown::{count, grouped, line_of};
use super::unfinished::Unfinished;
use crate::clock::replace_times;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::lossy;
use crate::recovery::incident::{AttemptAction, AttemptOutcome, Phase};
use crate::report::account::{AccountGroup, AccountOptions, AccountReport, IncidentAccount, account};
use crate::report::words::{outcome_words, phase_words, stop_words};
use crate::store::layout::ensure_dir;
use crate::world::World;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "cc-session-recover/timeline@1";
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("report_page.js");
/// Width of a drawing, in SVG units.
const WIDTH: f64 = 1000.0;
/// Minimum width of a bar, so that a short run is visible.
const LEAST: f64 = 3.0;
/// Number of times on the axis.
const TICKS: i32 = 4;

/// Options of `writeReportPage`: what to report, and the target file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ReportPageOptions {
    /// Project directory; defaults to the working directory.
    pub project: Option<PathBuf>,
    /// Covers every project on this machine instead of one.
    #[serde(default)]
    pub all: bool,
    /// Start of the report: RFC 3339, a date, or a duration before now (`90m`, `36h`, `2d`, `1w`);
    /// defaults to 24 hours.
    pub since: Option<String>,
    /// Path of the page to write.
    pub to: PathBuf,
    /// Replaces a file that exists already.
    #[serde(default)]
    pub force: bool,
}

/// Result of `writeReportPage`, schema `cc-session-recover/timeline@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportPage {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/timeline@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "crate::session::stop::time")]
    pub generated_at: DateTime<Utc>,
    /// Path of the page.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Size of the page, in bytes.
    pub bytes: u64,
    /// Number of stops on the page.
    pub stops: usize,
    /// Number of sessions on the page.
    pub sessions: usize,
}

/// Writes the report as a page.
///
/// # Errors
///
/// Returns the errors of [`account`]; [`Code::PathRefused`] for a file that exists, unless it is to be
/// replaced, or [`Code::Io`] if a file cannot be read or written.
pub fn write_report_page(world: World<'_>, options: &ReportPageOptions) -> Result<ReportPage> {
    let wanted =
        AccountOptions { project: options.project.clone(), all: options.all, since: options.since.clone() };
    let report = account(world, &wanted)?;
    let rows = rows_of(&report);
    let page = page_of(&report, &rows);
    let (dir, name) = named(&options.to)?;
    ensure_dir(&dir)?;
    let unfinished = Unfinished::begin(&dir, &name)?;
    let mut file = &unfinished.file;
    file.write_all(page.as_bytes()).doing("write", &unfinished.path)?;
    file.sync_all().doing("write", &unfinished.path)?;
    let path = unfinished.publish(&dir, &name, true, options.force)?;
    Ok(ReportPage {
        schema: SCHEMA,
        generated_at: report.generated_at,
        path,
        bytes: page.len() as u64,
        stops: report.incidents.len(),
        sessions: rows.len(),
    })
}

fn named(to: &Path) -> Result<(PathBuf, String)> {
    if to.is_dir() {
        return Err(Error::new(Code::PathRefused, "is a directory").at(to).hint("name a file in it"));
    }
    let name = to.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::new(Code::PathRefused, "is not a valid name for a page").at(to))?;
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((dir.to_path_buf(), name.to_owned()))
}

/// Stops of one session, oldest first.
struct ReportRow<'r> {
    title: &'r str,
    project: Option<String>,
    stops: Vec<&'r IncidentAccount>,
}

/// Groups the stops by session, the latest stop first.
fn rows_of(report: &AccountReport) -> Vec<ReportRow<'_>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows: Vec<ReportRow<'_>> = Vec::new();
    for stop in &report.incidents {
        let place = *places.entry(&stop.session).or_insert_with(|| {
            let title = stop.name.as_deref().or(stop.title.as_deref()).unwrap_or(&stop.session);
            let dir = stop.project.dir.as_ref().map(|dir| dir.display().to_string());
            rows.push(ReportRow {
                title,
                project: dir.or_else(|| stop.project.cwd.clone()),
                stops: Vec::new(),
            });
            rows.len() - 1
        });
        rows[place].stops.insert(0, stop);
    }
    rows
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BarKind {
    /// A wait, from the stop to the first attempt, the end of the incident, or now.
    Wait,
    /// An unattended run of this tool, from start to end.
    Run,
    /// The session was continued by a wake of this tool, by Claude Code, or by the user.
    Continued,
    /// Reset time reported by the client.
    Reset,
    Stop,
}

impl BarKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Run => "run",
            Self::Continued => "continued",
            Self::Reset => "reset",
            Self::Stop => "stop",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Bar {
    kind: BarKind,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    words: String,
}

/// Returns the bars of a stop in drawing order.
fn bars_of(stop: &IncidentAccount, now: DateTime<Utc>) -> Vec<Bar> {
    let first = stop.attempts.first().map(|tried| tried.at);
    let acted = first.or(stop.ended_at).unwrap_or(now).max(stop.stopped_at);
    let mut bars = vec![Bar {
        kind: BarKind::Wait,
        from: stop.stopped_at,
        to: acted,
        words: format!("waited after: {}", stop_words(stop.stop)),
    }];
    for tried in &stop.attempts {
        let words = outcome_words(tried.outcome);
        let ended = tried.result.as_ref().and_then(|result| result.ended_at);
        let running = tried.action == AttemptAction::Resume && tried.result.is_none();
        let end = if running { Some(now) } else { ended };
        bars.push(match end {
            Some(end) => Bar {
                kind: BarKind::Run,
                from: tried.at,
                to: end.max(tried.at),
                words: format!("resumed unattended: {words}"),
            },
            None => Bar {
                kind: if tried.outcome == AttemptOutcome::Continued {
                    BarKind::Continued
                } else {
                    BarKind::Run
                },
                from: tried.at,
                to: tried.at,
                words: format!("continued in its window: {words}"),
            },
        });
    }
    if let Some(at) = stop.ended_at.filter(|_| matches!(stop.phase, Phase::Recovered | Phase::MovedOn)) {
        bars.push(Bar {
            kind: BarKind::Continued,
            from: at,
            to: at,
            words: phase_words(stop.phase).to_owned(),
        });
    }
    if let Some(at) = stop.resets_at {
        bars.push(Bar { kind: BarKind::Reset, from: at, to: at, words: "the limit resets".to_owned() });
    }
    bars.push(Bar {
        kind: BarKind::Stop,
        from: stop.stopped_at,
        to: stop.stopped_at,
        words: format!("stopped: {}", stop_words(stop.stop)),
    });
    bars
}

/// Returns the horizontal position of a time. Times outside the range are at the edges.
fn place(at: DateTime<Utc>, from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place on a drawing")]
    let part = (at - from).num_seconds() as f64 / ((to - from).num_seconds().max(1)) as f64;
    part.clamp(0.0, 1.0) * WIDTH
}

fn page_of(report: &AccountReport, rows: &[ReportRow<'_>]) -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    let (from, to) = (report.since, report.generated_at);
    let heading = format!(
        "{} in {}",
        count(report.incidents.len() as u64, "stop"),
        count(rows.len() as u64, "session")
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{heading}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main class=\"night\"><section class=\"about\"><h1>{heading}</h1>\
         <p class=\"how\">From {} to {}. <span id=\"zone\">{}</span></p><p class=\"how\">",
        hash(STYLE),
        hash(SCRIPT),
        time_tag(from, "full"),
        time_tag(to, "full"),
        super::ZONE,
    );
    escape(
        &report.project.as_ref().map_or_else(
            || "All projects on this machine.".to_owned(),
            |project| project.dir.display().to_string(),
        ),
        &mut page,
    );
    page.push_str("</p></section>");
    if rows.is_empty() {
        page.push_str("<p>No stop was recorded in this time.</p>");
    } else {
        page.push_str(
            "<ul class=\"legend\"><li class=\"stop\">stopped</li><li class=\"wait\">waited</li><li class=\"reset\">limit resets</li>\
             <li class=\"run\">unattended run</li><li class=\"continued\">continued</li></ul>",
        );
        axis(from, to, &mut page);
    }
    for row in rows {
        draw(row, from, to, &mut page);
    }
    let _ = writeln!(page, "</main><script>{SCRIPT}</script></body></html>");
    page
}

fn time_tag(at: DateTime<Utc>, form: &str) -> String {
    let text = if form == "full" { at.format("%Y-%m-%d %H:%M") } else { at.format("%H:%M") };
    format!("<time class=\"{form}\" datetime=\"{}\">{text}</time>", super::conversation::machine(at))
}

fn axis(from: DateTime<Utc>, to: DateTime<Utc>, page: &mut String) {
    page.push_str("<p class=\"axis\">");
    for tick in 0..=TICKS {
        let at = from + TimeDelta::seconds((to - from).num_seconds() * i64::from(tick) / i64::from(TICKS));
        page.push_str(&time_tag(at, "short"));
    }
    page.push_str("</p>");
}

fn draw(row: &ReportRow<'_>, from: DateTime<Utc>, to: DateTime<Utc>, page: &mut String) {
    page.push_str("<section class=\"session\"><h2>");
    escape_visible(&line_of(row.title, 120), page);
    page.push_str("</h2>");
    if let Some(project) = &row.project {
        page.push_str("<p class=\"caption\">");
        escape_visible(&line_of(project, 200), page);
        page.push_str("</p>");
    }
    let _ = write!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} 24\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} over time, in words below\">\
         <rect class=\"track\" x=\"0\" y=\"11\" width=\"{WIDTH}\" height=\"2\"/>",
        count(row.stops.len() as u64, "stop")
    );
    for bar in row.stops.iter().flat_map(|stop| bars_of(stop, to)) {
        let (begins, ends) = (place(bar.from, from, to), place(bar.to, from, to));
        let width = (ends - begins).max(LEAST);
        let _ = write!(
            page,
            "<rect class=\"{}\" x=\"{:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"><title>",
            bar.kind.class(),
            begins.min(WIDTH - width),
            if bar.kind == BarKind::Wait { 9 } else { 2 },
            if bar.kind == BarKind::Wait { 6 } else { 20 },
        );
        escape(&format!("{} {}", bar.from.format("%H:%M"), bar.words), page);
        page.push_str("</title></rect>");
    }
    page.push_str("</svg><ul>");
    for stop in &row.stops {
        write_stop(stop, page);
    }
    page.push_str("</ul></section>\n");
}

/// Describes one stop in words.
fn write_stop(stop: &IncidentAccount, page: &mut String) {
    let _ = write!(
        page,
        "<li class=\"{}\"><p>{} <strong>",
        match stop.group {
            AccountGroup::NeedsYou => "needs-you",
            AccountGroup::Waiting => "waiting",
            AccountGroup::Running | AccountGroup::Continued => "good",
            AccountGroup::Ended => "ended",
        },
        time_tag(stop.stopped_at, "full")
    );
    escape(stop_words(stop.stop), page);
    page.push_str("</strong>");
    if let Some(at) = stop.resets_at {
        let _ = write!(page, ", resets at {}", time_tag(at, "full"));
    }
    page.push_str("</p>");
    for tried in &stop.attempts {
        let what = match &tried.action {
            AttemptAction::Resume => "resumed unattended",
            AttemptAction::Wake => "continued in its window",
            AttemptAction::Unknown(_) => "continued in a way that this version does not know",
        };
        let _ = write!(page, "<p>{} {what}: {}", time_tag(tried.at, "full"), outcome_words(tried.outcome));
        if let Some(result) = &tried.result {
            let _ = write!(
                page,
                ". {}, {}, {}, {}",
                count(result.answers as u64, "answer"),
                count(result.calls as u64, "tool call"),
                count(result.files.len() as u64, "changed file"),
                count(result.commits.len() as u64, "commit")
            );
            if result.tokens > 0 {
                let _ = write!(page, ", {} tokens", grouped(result.tokens));
            }
        }
        page.push_str("</p>");
    }
    page.push_str("<p>");
    if let Some(at) = stop.ended_at {
        let _ = write!(page, "{} ", time_tag(at, "full"));
    }
    let _ = write!(page, "<strong>{}</strong>: ", phase_words(stop.phase));
    let mut why = String::new();
    escape_visible(&line_of(&stop.why, 400), &mut why);
    page.push_str(&replace_times(&why, |at| time_tag(at, "full")));
    page.push_str("</p>");
    if let Some(command) = stop.commands.resume.as_ref().filter(|_| stop.needs_you) {
        page.push_str("<p><code>");
        escape_visible(&line_of(&command.join(" "), 400), page);
        page.push_str("</code></p>");
    }
    page.push_str("</li>");
}
