//! Writes `ffi/types.d.ts`, the types of the values that cross the boundary, from the structs that
//! serde reads and writes.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test types_of_the_boundary` writes the file. `npm run build:debug` copies it
//! into `index.d.ts`, and the JSON schemas and docs/json.md are generated from it. `javascript.d.ts` is
//! written by hand and declares the few values that JavaScript creates.
//!
//! ts-rs returns a type as one line; [`declaration`] splits it into fields. ts-rs does not know which fields
//! have a default, so [`contract`] names the required fields of each options type.

use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use ts_rs::{Config, TS, TypeVisitor};

const HEADER: &str = "\
// Generated from the structs in src: `UPDATE_SNAPSHOTS=1 cargo test types_of_the_boundary` writes this file.
// Times are RFC 3339 UTC text, sizes are bytes, durations are seconds unless the name says otherwise; `null` means unknown.

";

/// Collected declarations by type name.
struct Contract {
    cfg: Config,
    found: BTreeMap<String, String>,
    options: BTreeSet<String>,
}

impl Contract {
    fn add<T: TS + 'static + ?Sized>(&mut self, required: Option<&[&str]>) {
        // Primitive types have no separate file.
        if T::output_path().is_none() {
            return;
        }
        let name = T::name(&self.cfg);
        let text = declaration(T::docs().as_deref(), &T::decl(&self.cfg), required);
        if required.is_none() && self.options.contains(&name) {
            return;
        }
        if let Some(earlier) = self.found.get(&name) {
            assert_eq!(*earlier, text, "two types are called {name}");
            return;
        }
        self.found.insert(name, text);
        T::visit_dependencies(self);
    }

    /// Adds a type that is passed to JavaScript.
    fn value<T: TS + 'static>(&mut self) {
        self.add::<T>(None);
    }

    /// Adds a type that JavaScript passes in. `required` lists its required fields.
    fn options<T: TS + DeserializeOwned + 'static>(&mut self, required: &[&str]) {
        assert!(
            !required.is_empty() || serde_json::from_str::<T>("{}").is_ok(),
            "{} needs a field",
            T::name(&self.cfg)
        );
        self.options.insert(T::name(&self.cfg));
        self.add::<T>(Some(required));
    }
}

impl TypeVisitor for Contract {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.add::<T>(None);
    }
}

/// Formats the declaration from ts-rs (`type Name = { ... };`) with one field per line, its comment above it.
fn declaration(docs: Option<&str>, text: &str, required: Option<&[&str]>) -> String {
    let text = text.trim().trim_end_matches(';').replace("{ [key in string]: ", "Record<string, ");
    let mut out = comment(docs.unwrap_or_default(), "");
    let Some((name, body)) = text.strip_prefix("type ").and_then(|text| text.split_once(" = ")) else {
        panic!("not a declaration: {text}");
    };
    let Some(body) = body.strip_prefix('{') else {
        let members = body.replace('"', "'");
        let line = format!("export type {name} = {members}\n\n");
        let lines = format!("export type {name} =\n  | {}\n\n", members.replace(" | ", "\n  | "));
        return out + if line.len() < 130 { &line } else { &lines };
    };
    out.extend(["export interface ", name, " {\n"]);
    for field in fields(body.trim_end().trim_end_matches('}')) {
        let (docs, field) = field.rsplit_once("*/").unwrap_or(("", &field));
        out += &comment(docs, "  ");
        let (name, type_) =
            field.trim().split_once(": ").unwrap_or_else(|| panic!("a field without a type: {field}"));
        let left_out = required.is_some_and(|required| !name.ends_with('?') && !required.contains(&name));
        let optional = if left_out { "?" } else { "" };
        out.extend(["  ", name, optional, ": ", spelled(type_).as_str(), "\n"]);
    }
    out + "}\n\n"
}

/// Writes lists as `string[]` instead of `Array<string>`, and string literals in single quotes.
fn spelled(type_: &str) -> String {
    let type_ = type_.replace('"', "'").replace(" }", ">");
    let mut out = type_.clone();
    while let Some(at) = out.find("Array<") {
        let rest = &out[at + 6..];
        let mut depth = 1;
        let end = rest.char_indices().find(|(_, letter)| {
            depth += i32::from(*letter == '<') - i32::from(*letter == '>');
            depth == 0
        });
        let Some((end, _)) = end else { panic!("a list without an end: {type_}") };
        let item = &rest[..end];
        let item = if item.contains(" | ") { format!("({item})") } else { item.to_owned() };
        out = format!("{}{item}[]{}", &out[..at], &rest[end + 1..]);
    }
    out
}

/// Splits the body of an object into fields, each with the comment before it.
fn fields(body: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut rest, mut depth) = (body, 0_i32);
    while let Some(letter) = rest.chars().next() {
        let end = match letter {
            '/' if rest.starts_with("/**") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' | '\'' => rest[1..].find(letter).map_or(rest.len(), |end| end + 2),
            _ => letter.len_utf8(),
        };
        depth += i32::from("<{([".contains(letter)) - i32::from(">})]".contains(letter));
        if letter == ',' && depth == 0 {
            found.push(String::new());
        } else if let Some(field) = found.last_mut() {
            field.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }
    found.retain(|field| !field.trim().is_empty());
    found
}

/// Formats a comment for TypeScript, without the brackets of rustdoc links.
fn comment(docs: &str, indent: &str) -> String {
    let lines: Vec<_> = docs
        .lines()
        .map(|line| {
            line.trim().trim_start_matches("/**").trim_end_matches("*/").trim_start_matches('*').trim()
        })
        .map(|line| line.replace("[`", "`").replace("`]", "`"))
        .filter(|line| !line.is_empty())
        .collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines = lines.join(&format!("\n{indent} * "));
            format!("{indent}/**\n{indent} * {lines}\n{indent} */\n")
        }
    }
}

fn contract() -> String {
    use crate::project::{init, plugin, scope, uninstall};
    use crate::recovery::supervise;
    use crate::report::{
        account, cancel, config, doctor, find, handoff, list, log, pause, preview, recall, resume, run,
        search, session, state, status,
    };
    use crate::rescue::reading::{publish, report_page};
    use crate::rescue::{copy, export, forget, import, kill, prune, relocate, repair, restore, teardown};
    use crate::{service, tui};

    let cfg = Config::new().with_large_int("number");
    let mut all = Contract { cfg, found: BTreeMap::new(), options: BTreeSet::new() };

    all.options::<status::StatusOptions>(&[]);
    all.options::<list::ListOptions>(&[]);
    all.options::<find::SessionOptions>(&[]);
    all.options::<search::SearchOptions>(&["text"]);
    all.options::<recall::RecallOptions>(&[]);
    all.options::<account::AccountOptions>(&[]);
    all.options::<report_page::ReportPageOptions>(&["to"]);
    all.options::<resume::ResumeOptions>(&[]);
    all.options::<relocate::RelocateOptions>(&["to"]);
    all.options::<restore::RestoreOptions>(&[]);
    all.options::<repair::RepairOptions>(&[]);
    all.options::<export::ExportFields>(&[]);
    all.options::<publish::ReadingFields>(&[]);
    all.options::<kill::KillOptions>(&["target"]);
    all.options::<import::ImportOptions>(&["export"]);
    all.options::<prune::PruneOptions>(&[]);
    all.options::<forget::ForgetOptions>(&["session"]);
    all.options::<log::LogOptions>(&[]);
    all.options::<doctor::DoctorOptions>(&["packageRoot"]);
    all.options::<config::ConfigurationOptions>(&[]);
    all.options::<teardown::RemoveStateOptions>(&[]);
    all.options::<handoff::HandoffOptions>(&[]);
    all.options::<state::StateOptions>(&[]);
    all.options::<cancel::CancelOptions>(&[]);
    all.options::<scope::HookScopeOptions>(&["project"]);
    all.options::<init::InitOptions>(&["project", "packageRoot"]);
    all.options::<uninstall::UninstallOptions>(&["project"]);
    all.options::<plugin::PluginOptions>(&["packageRoot"]);
    all.options::<service::plan::ServiceOptions>(&["wanted"]);
    all.options::<service::status::ServiceStatusOptions>(&[]);
    all.options::<session::InspectOptions>(&["transcript"]);
    all.options::<supervise::WatchOptions>(&[]);
    all.options::<preview::PreviewOptions>(&[]);
    all.options::<run::RunOptions>(&[]);
    all.options::<pause::PauseOptions>(&[]);
    all.options::<tui::model::DashboardView>(&[]);
    all.options::<tui::DashboardOptions>(&[]);

    all.value::<session::Session>();
    all.value::<status::StatusReport>();
    all.value::<list::ListReport>();
    all.value::<search::SearchReport>();
    all.value::<recall::RecallReport>();
    all.value::<account::AccountReport>();
    all.value::<report_page::ReportPage>();
    all.value::<resume::ResumeReport>();
    all.value::<relocate::RelocateReport>();
    all.value::<restore::RestoreReport>();
    all.value::<repair::RepairReport>();
    all.value::<export::ExportReport>();
    all.value::<publish::ReadingReport>();
    all.value::<kill::KillReport>();
    all.value::<import::ImportReport>();
    all.value::<copy::Progress>();
    all.value::<prune::PruneReport>();
    all.value::<forget::ForgetReport>();
    all.value::<log::LogReport>();
    all.value::<doctor::DoctorReport>();
    all.value::<config::ConfigurationReport>();
    all.value::<teardown::SetupsReport>();
    all.value::<handoff::HandoffReport>();
    all.value::<state::StateReport>();
    all.value::<cancel::CancelReport>();
    all.value::<scope::HookScopeDecision>();
    all.value::<init::InitPlan>();
    all.value::<init::ProjectReport>();
    all.value::<uninstall::UninstallPlan>();
    all.value::<plugin::PluginPlan>();
    all.value::<plugin::PluginReport>();
    all.value::<service::plan::ServicePlan>();
    all.value::<service::plan::ServiceReport>();
    all.value::<service::status::ServiceStatus>();
    all.value::<crate::hook::PayloadReading>();
    all.value::<supervise::WatchReport>();
    all.value::<preview::PreviewReport>();
    all.value::<run::RunReport>();
    all.value::<pause::PauseReport>();
    all.value::<tui::DashboardOutcome>();

    let derived: String = all.found.into_values().collect();
    HEADER.to_owned() + &derived + include_str!("ffi/javascript.d.ts")
}

#[test]
fn types_of_the_boundary_are_those_of_the_structs() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi/types.d.ts");
    let made = contract();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        written, made,
        "UPDATE_SNAPSHOTS=1 cargo test types_of_the_boundary writes src/ffi/types.d.ts"
    );
}
