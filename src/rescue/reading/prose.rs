//! Renders Markdown of a model as inert HTML.
//!
//! Raw HTML is shown as text. Addresses are shown but never linked, so that a page is safe to open.

use super::shown::visible;
use super::syntax::Grammar;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Maximum nesting of tags. Deeper tags are dropped, but their text is retained.
const DEEPEST: usize = 24;

/// Appends text escaped for an element or a quoted attribute.
pub fn escape(text: &str, to: &mut String) {
    let mut shown = String::new();
    visible(text, &mut shown);
    escape_visible(&shown, to);
}

/// Like [`escape`], for text whose control characters are already visible.
pub fn escape_visible(text: &str, to: &mut String) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        to.push_str(&text[from..at]);
        to.push_str(entity);
        from = at + 1;
    }
    to.push_str(&text[from..]);
}

pub fn render(markdown: &str, to: &mut String) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut prose =
        Prose { to, depth: 0, head: false, addresses: Vec::new(), code: None, headings: Vec::new() };
    for event in Parser::new_ext(markdown, options) {
        prose.event(event);
    }
}

struct Prose<'t> {
    to: &'t mut String,
    depth: usize,
    /// Whether the current position is in the header row of a table.
    head: bool,
    /// Targets of the open links.
    addresses: Vec<String>,
    /// Language and text of the open code block. The text is collected before it is highlighted, because a
    /// string can span several lines.
    code: Option<(&'static Grammar, String)>,
    /// Levels of the headings above the current text, outermost first.
    headings: Vec<HeadingLevel>,
}

/// Tags of headings by their depth, below the page's own headings.
const HEADINGS: [(&str, &str); 4] =
    [("<h3>", "</h3>"), ("<h4>", "</h4>"), ("<h5>", "</h5>"), ("<h6>", "</h6>")];

impl Prose<'_> {
    /// Returns the index in [`HEADINGS`] of a heading. A text that starts with `##` or continues a `#` with `###`
    /// must not leave out a level, because screen readers list headings by level.
    fn place_of(&mut self, level: HeadingLevel) -> usize {
        self.headings.retain(|outer| *outer < level);
        self.headings.push(level);
        self.headings.len().min(HEADINGS.len()) - 1
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code.is_some() => {
                if let Some((_, code)) = &mut self.code {
                    code.push_str(&text);
                }
            }
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => escape(&text, self.to),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.to.push_str("<code>");
                escape(&text, self.to);
                self.to.push_str("</code>");
            }
            Event::SoftBreak => self.to.push('\n'),
            Event::HardBreak => self.to.push_str("<br>"),
            Event::Rule => self.to.push_str("<hr>"),
            Event::TaskListMarker(done) => self.to.push_str(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(name) => escape(&name, self.to),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        self.depth += 1;
        if let Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } = &tag {
            self.addresses.push(dest_url.to_string());
        }
        if let Tag::TableHead = tag {
            self.head = true;
        }
        if self.depth > DEEPEST {
            return;
        }
        let html = match tag {
            Tag::Paragraph => "<p>",
            Tag::Heading { level, .. } => HEADINGS[self.place_of(level)].0,
            Tag::BlockQuote(_) => "<blockquote>",
            Tag::CodeBlock(kind) => {
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    self.to.push_str("<p class=\"language\">");
                    escape(crate::text::head(&language, 40), self.to);
                    self.to.push_str("</p>");
                    self.code = Grammar::named(&language).map(|grammar| (grammar, String::new()));
                }
                "<pre><code>"
            }
            Tag::List(Some(_)) => "<ol>",
            Tag::List(None) => "<ul>",
            Tag::Item => "<li>",
            Tag::Table(_) => {
                "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table>"
            }
            Tag::TableHead => "<thead><tr>",
            Tag::TableRow => "<tr>",
            Tag::TableCell if self.head => "<th>",
            Tag::TableCell => "<td>",
            Tag::Emphasis => "<em>",
            Tag::Strong => "<strong>",
            Tag::Strikethrough => "<s>",
            Tag::Link { .. } => "<span class=\"link\">",
            Tag::Image { .. } => "<span class=\"link\">Picture: ",
            _ => "",
        };
        self.to.push_str(html);
    }

    fn end(&mut self, tag: TagEnd) {
        if let Some((grammar, code)) = self.code.take() {
            let mut text = String::new();
            visible(&code, &mut text);
            grammar.color(&text, self.to);
        }
        let shown = self.depth <= DEEPEST;
        self.depth = self.depth.saturating_sub(1);
        if let TagEnd::TableHead = tag {
            self.head = false;
        }
        if let TagEnd::Link | TagEnd::Image = tag {
            let address = self.addresses.pop().unwrap_or_default();
            if !self.to.ends_with(&address) && !address.is_empty() {
                self.to.push_str(" <span class=\"address\">");
                escape(crate::text::head(&address, 500), self.to);
                self.to.push_str("</span>");
            }
        }
        if !shown {
            return;
        }
        let html = match tag {
            TagEnd::Paragraph => "</p>",
            TagEnd::Heading(level) => HEADINGS[self.place_of(level)].1,
            TagEnd::BlockQuote(_) => "</blockquote>",
            TagEnd::CodeBlock => "</code></pre>",
            TagEnd::List(true) => "</ol>",
            TagEnd::List(false) => "</ul>",
            TagEnd::Item => "</li>",
            TagEnd::Table => "</table></div>",
            TagEnd::TableHead => "</tr></thead>",
            TagEnd::TableRow => "</tr>",
            // The flag is still set for the cells of the header row.
            TagEnd::TableCell if self.head => "</th>",
            TagEnd::TableCell => "</td>",
            TagEnd::Emphasis => "</em>",
            TagEnd::Strong => "</strong>",
            TagEnd::Strikethrough => "</s>",
            TagEnd::Link | TagEnd::Image => "</span>",
            _ => "",
        };
        self.to.push_str(html);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn html(markdown: &str) -> String {
        let mut html = String::new();
        render(markdown, &mut html);
        html
    }

    #[test]
    fn markdown_becomes_html_and_raw_html_becomes_text() {
        assert_eq!(html("# A *b* `c`"), "<h3>A <em>b</em> <code>c</code></h3>");
        assert_eq!(html("<script>alert(1)</script>"), "&lt;script&gt;alert(1)&lt;/script&gt;");
        assert_eq!(html("a <img src=x onerror=alert(1)>"), "<p>a &lt;img src=x onerror=alert(1)&gt;</p>");
        assert_eq!(
            html("[x](javascript:alert(1))"),
            "<p><span class=\"link\">x <span class=\"address\">javascript:alert(1)</span></span></p>"
        );
        assert_eq!(
            html("```a\"><b\n</code><i>\n```"),
            "<p class=\"language\">a&quot;&gt;&lt;b</p><pre><code>&lt;/code&gt;&lt;i&gt;\n</code></pre>"
        );
        assert_eq!(
            html("|a|\n|-|\n|b|"),
            "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table><thead><tr><th>a</th></tr></thead><tr><td>b</td></tr></table></div>"
        );
    }

    #[test]
    fn headings_start_below_the_turn_and_leave_out_no_level() {
        for (markdown, levels) in [
            ("# a\n## b\n### c", "345"),
            ("## a", "3"),
            ("## a\n#### b\n### c\n## d", "3443"),
            ("### a\n# b\n## c", "334"),
            ("# a\n## b\n### c\n#### d\n##### e\n###### f", "345666"),
        ] {
            let shown = html(markdown);
            let opened: String = shown.split("<h").skip(1).filter_map(|rest| rest.chars().next()).collect();
            assert_eq!(opened, levels, "{markdown}");
            assert!(is_sound(&shown), "{shown}");
        }
    }

    #[test]
    fn deep_nesting_keeps_its_text_at_a_bounded_depth() {
        let shown = html(&format!("{}deep", "> ".repeat(5_000)));
        assert!(shown.matches("<blockquote>").count() <= DEEPEST && shown.contains("deep"));
    }

    /// Checks that all tags are known and closed in order.
    fn is_sound(html: &str) -> bool {
        let mut open = Vec::new();
        let mut rest = html;
        while let Some((_, after)) = rest.split_once('<') {
            let Some((tag, behind)) = after.split_once('>') else { return false };
            rest = behind;
            let name = tag.split(' ').next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) if open.pop() != Some(name) => return false,
                Some(_) => {}
                None if ["br", "hr"].contains(&name) => {}
                None => open.push(name),
            }
            if !tag
                .trim_start_matches('/')
                .split(' ')
                .next()
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            {
                return false;
            }
        }
        open.is_empty()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn arbitrary_markdown_becomes_well_formed_html(markdown in "[ a-c<>/\"'&=#*_`~|>\\-\\[\\]()!:1.\n\t]{0,120}|(?s).{0,80}") {
            let shown = html(&markdown);
            prop_assert!(is_sound(&shown), "{shown}");
        }
    }
}
