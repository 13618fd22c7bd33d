//! Builds the index of the pages that `export --all --format html` writes, one HTML file that filters its
//! rows and loads nothing.

use super::prose::{escape, escape_visible};
use super::shown::{count, line_of, size};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::PathBuf;

pub const INDEX: &str = "index.html";
/// First bytes of the index. A file with the same name that lacks them is not ours.
pub const INDEX_MARK: &str = "<!doctype html>\n<!-- Pages of cc-session-recover -->\n";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("index.js");

#[derive(Debug)]
pub struct IndexRow {
    pub title: String,
    pub session: String,
    pub project: Option<String>,
    /// Latest prompt, if the title is something else.
    pub prompt: Option<String>,
    pub state: String,
    pub last_active: Option<DateTime<Utc>>,
    /// Size of the transcript, in bytes.
    pub bytes: u64,
}

/// Builds the index, most recently active session first.
#[must_use]
pub fn index_page(now: DateTime<Utc>, rows: &[(PathBuf, IndexRow)], redacted: bool) -> String {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.last_active));
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    let title = count(rows.len() as u64, "session");
    let privacy = if redacted {
        "Passwords and keys that were recognized are replaced on these pages with the name of their kind. No redactor finds every \
         secret: read a page before you share it."
    } else {
        "Nothing on these pages is redacted: keep them private."
    };
    let mut to = format!(
        "{INDEX_MARK}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"bar\"><p class=\"name\">{title}</p><div class=\"find scripted\" role=\"search\" hidden>\
         <label class=\"hush\" for=\"find\">Filter by title, project or prompt</label>\
         <input id=\"find\" type=\"search\" placeholder=\"Filter by title, project or prompt\" autocomplete=\"off\" spellcheck=\"false\">\
         <output id=\"found\" for=\"find\"></output></div></header>\n\
         <main class=\"index\"><section class=\"about\"><h1>{title}</h1><p class=\"private\">{privacy}</p>\
         <p class=\"how\"><span id=\"zone\">{}</span> Written at <time datetime=\"{}\">{}</time>.</p></section>\n<ul>",
        hash(STYLE),
        hash(SCRIPT),
        super::ZONE,
        super::conversation::machine(now),
        super::clock(now),
    );
    for (path, row) in rows {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // Page names consist of times and ids, so they need no URL encoding.
        to.push_str("<li><a href=\"./");
        escape(name, &mut to);
        to.push_str("\">");
        escape_visible(&row.title, &mut to);
        to.push_str("</a>");
        if let Some(prompt) = &row.prompt {
            to.push_str("<p class=\"prompt\">");
            escape_visible(prompt, &mut to);
            to.push_str("</p>");
        }
        to.push_str("<p class=\"caption\">");
        if let Some(at) = row.last_active {
            let _ = write!(
                to,
                "<time datetime=\"{}\">{}</time> · ",
                super::conversation::machine(at),
                super::clock(at)
            );
        }
        if let Some(project) = &row.project {
            escape_visible(&line_of(project, 300), &mut to);
            to.push_str(" · ");
        }
        let _ = writeln!(to, "{} · {} · <code>{}</code></p></li>", row.state, size(row.bytes), row.session);
    }
    let _ = writeln!(to, "</ul></main><script>{SCRIPT}</script></body></html>");
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_rows_are_escaped_and_sorted_newest_first() {
        let row = |title: &str, at: i64| IndexRow {
            title: title.into(),
            session: "s".into(),
            project: Some("/w/<b>".into()),
            prompt: Some("<script>".into()),
            state: "finished".into(),
            last_active: DateTime::from_timestamp(at, 0),
            bytes: 1_000,
        };
        let rows = [("a.html".into(), row("older <i>", 1)), ("b.html".into(), row("newer", 2))];
        let page = index_page(Utc::now(), &rows, false);
        assert!(page.starts_with(INDEX_MARK));
        assert!(page.find("newer").unwrap() < page.find("older &lt;i&gt;").unwrap());
        assert!(
            page.contains("/w/&lt;b&gt;") && page.contains("&lt;script&gt;") && page.contains("./b.html")
        );
    }
}
