//! Highlights code in pages: keywords, strings, numbers and comments of the most common languages.
//!
//! This is a word scanner rather than a parser, so it accepts any text. Highlighters with full grammars
//! (syntect, tree-sitter) would add more to the package than all other code that writes pages.

use super::prose::escape_visible;

/// Keywords, string delimiters and comment markers of a language.
pub struct Grammar {
    /// Names in code fences and file extensions that select this grammar.
    names: &'static [&'static str],
    keywords: &'static [&'static str],
    /// Markers that start a comment up to the end of the line.
    comments: &'static [&'static str],
    block: Option<(&'static str, &'static str)>,
    /// Kinds of string literals in the language.
    quotes: &'static [Quote],
    any_case: bool,
}

/// Syntax of one kind of string literal.
struct Quote {
    mark: &'static str,
    /// Whether the string can span several lines.
    lines: bool,
    escapes: bool,
}

const DOUBLE: Quote = Quote { mark: "\"", lines: false, escapes: true };
const SINGLE: Quote = Quote { mark: "'", lines: false, escapes: true };
const TEMPLATE: Quote = Quote { mark: "`", lines: true, escapes: true };

/// Maximum number of kinds of strings in a language.
const MOST_QUOTES: usize = 4;

const GRAMMARS: &[Grammar] = &[
    Grammar {
        names: &["js", "javascript", "jsx", "mjs", "cjs", "ts", "typescript", "tsx", "mts", "cts"],
        keywords: &[
            "abstract",
            "any",
            "as",
            "async",
            "await",
            "boolean",
            "break",
            "case",
            "catch",
            "class",
            "const",
            "continue",
            "debugger",
            "declare",
            "default",
            "delete",
            "do",
            "else",
            "enum",
            "export",
            "extends",
            "false",
            "finally",
            "for",
            "from",
            "function",
            "get",
            "if",
            "implements",
            "import",
            "in",
            "instanceof",
            "interface",
            "keyof",
            "let",
            "namespace",
            "never",
            "new",
            "null",
            "number",
            "of",
            "private",
            "protected",
            "public",
            "readonly",
            "return",
            "satisfies",
            "set",
            "static",
            "string",
            "super",
            "switch",
            "this",
            "throw",
            "true",
            "try",
            "type",
            "typeof",
            "undefined",
            "unknown",
            "var",
            "void",
            "while",
            "with",
            "yield",
        ],
        comments: &["//"],
        block: Some(("/*", "*/")),
        quotes: &[DOUBLE, SINGLE, TEMPLATE],
        any_case: false,
    },
    Grammar {
        names: &["py", "python", "pyi"],
        keywords: &[
            "False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class",
            "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if",
            "import", "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return",
            "self", "try", "while", "with", "yield",
        ],
        comments: &["#"],
        block: None,
        quotes: &[
            Quote { mark: "\"\"\"", lines: true, escapes: true },
            Quote { mark: "'''", lines: true, escapes: true },
            DOUBLE,
            SINGLE,
        ],
        any_case: false,
    },
    Grammar {
        names: &["rs", "rust"],
        keywords: &[
            "Self", "as", "async", "await", "bool", "break", "char", "const", "continue", "crate", "dyn",
            "else", "enum", "extern", "f32", "f64", "false", "fn", "for", "i32", "i64", "if", "impl", "in",
            "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "str",
            "struct", "super", "trait", "true", "type", "u32", "u64", "u8", "unsafe", "use", "usize",
            "where", "while",
        ],
        comments: &["//"],
        block: Some(("/*", "*/")),
        // Single quotes are not included, because most of them are lifetimes.
        quotes: &[Quote { mark: "\"", lines: true, escapes: true }],
        any_case: false,
    },
    Grammar {
        names: &["go", "golang"],
        keywords: &[
            "any",
            "bool",
            "break",
            "byte",
            "case",
            "chan",
            "const",
            "continue",
            "default",
            "defer",
            "else",
            "error",
            "fallthrough",
            "false",
            "for",
            "func",
            "go",
            "goto",
            "if",
            "import",
            "int",
            "interface",
            "map",
            "nil",
            "package",
            "range",
            "return",
            "select",
            "string",
            "struct",
            "switch",
            "true",
            "type",
            "var",
        ],
        comments: &["//"],
        block: Some(("/*", "*/")),
        quotes: &[DOUBLE, SINGLE, Quote { mark: "`", lines: true, escapes: false }],
        any_case: false,
    },
    Grammar {
        names: &[
            "c", "h", "cc", "cpp", "hpp", "cxx", "c++", "cs", "csharp", "java", "kt", "kotlin", "swift",
            "scala", "php", "dart",
        ],
        keywords: &[
            "abstract",
            "auto",
            "bool",
            "boolean",
            "break",
            "byte",
            "case",
            "catch",
            "char",
            "class",
            "const",
            "constexpr",
            "continue",
            "default",
            "delete",
            "do",
            "double",
            "else",
            "enum",
            "extends",
            "extern",
            "false",
            "final",
            "finally",
            "float",
            "for",
            "fun",
            "func",
            "function",
            "goto",
            "guard",
            "if",
            "implements",
            "import",
            "in",
            "inline",
            "int",
            "interface",
            "internal",
            "is",
            "let",
            "long",
            "namespace",
            "new",
            "nil",
            "null",
            "nullptr",
            "object",
            "operator",
            "override",
            "package",
            "private",
            "protected",
            "public",
            "return",
            "self",
            "short",
            "signed",
            "sizeof",
            "static",
            "string",
            "struct",
            "super",
            "switch",
            "template",
            "this",
            "throw",
            "throws",
            "true",
            "try",
            "typedef",
            "typename",
            "union",
            "unsigned",
            "using",
            "val",
            "var",
            "virtual",
            "void",
            "volatile",
            "when",
            "while",
        ],
        comments: &["//"],
        block: Some(("/*", "*/")),
        quotes: &[DOUBLE, SINGLE],
        any_case: false,
    },
    Grammar {
        names: &["sh", "bash", "zsh", "shell", "console"],
        keywords: &[
            "case", "cd", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export",
            "fi", "for", "function", "if", "in", "local", "read", "return", "set", "shift", "source", "then",
            "trap", "unset", "until", "while",
        ],
        comments: &["#"],
        block: None,
        quotes: &[
            Quote { mark: "\"", lines: true, escapes: true },
            Quote { mark: "'", lines: true, escapes: false },
        ],
        any_case: false,
    },
    Grammar {
        names: &["json", "jsonc", "json5", "yaml", "yml", "toml"],
        keywords: &["false", "no", "null", "true", "yes"],
        comments: &["#", "//"],
        block: None,
        quotes: &[DOUBLE, SINGLE],
        any_case: false,
    },
    Grammar {
        names: &["sql"],
        keywords: &[
            "ALTER",
            "AND",
            "AS",
            "ASC",
            "BEGIN",
            "BETWEEN",
            "BY",
            "CASE",
            "COMMIT",
            "CREATE",
            "DEFAULT",
            "DELETE",
            "DESC",
            "DISTINCT",
            "DROP",
            "ELSE",
            "END",
            "EXISTS",
            "FALSE",
            "FOREIGN",
            "FROM",
            "GROUP",
            "HAVING",
            "IN",
            "INDEX",
            "INNER",
            "INSERT",
            "INTO",
            "IS",
            "JOIN",
            "KEY",
            "LEFT",
            "LIKE",
            "LIMIT",
            "NOT",
            "NULL",
            "ON",
            "OR",
            "ORDER",
            "OUTER",
            "PRIMARY",
            "REFERENCES",
            "RETURNING",
            "RIGHT",
            "ROLLBACK",
            "SELECT",
            "SET",
            "TABLE",
            "THEN",
            "TRUE",
            "UNION",
            "UNIQUE",
            "UPDATE",
            "VALUES",
            "VIEW",
            "WHEN",
            "WHERE",
            "WITH",
        ],
        comments: &["--"],
        block: Some(("/*", "*/")),
        quotes: &[Quote { mark: "'", lines: true, escapes: false }],
        any_case: true,
    },
];

impl Grammar {
    /// Returns the grammar for the language named after a code fence, such as `ts` or `python title="a.py"`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let word = name.split([' ', ',', '{', '\t']).next()?.trim_start_matches('.').to_ascii_lowercase();
        GRAMMARS.iter().find(|grammar| grammar.names.contains(&word.as_str()))
    }

    /// Returns the grammar for a file, by its extension.
    #[must_use]
    pub fn of_file(path: &str) -> Option<&'static Self> {
        Self::named(path.rsplit(['/', '\\']).next()?.rsplit_once('.')?.1)
    }

    fn is_keyword(&self, word: &str) -> bool {
        if self.any_case {
            return self.keywords.binary_search(&word.to_ascii_uppercase().as_str()).is_ok();
        }
        self.keywords.binary_search(&word).is_ok()
    }

    /// Appends the text as HTML, with a `span` around each keyword, string, number and comment.
    pub fn color(&self, text: &str, to: &mut String) {
        let mut at = 0;
        let mut plain = 0;
        let mut open_until = [0; MOST_QUOTES];
        while at < text.len() {
            let (class, end) = self.token(text, at, &mut open_until);
            if let Some(class) = class {
                escape_visible(&text[plain..at], to);
                to.push_str("<span class=\"");
                to.push_str(class);
                to.push_str("\">");
                escape_visible(&text[at..end], to);
                to.push_str("</span>");
                plain = end;
            }
            at = end;
        }
        escape_visible(&text[plain..], to);
    }

    /// Returns the class of the token at an offset, if it has a color, and where the token ends. Both offsets
    /// are at character boundaries. `open_until` contains, for each kind of string, the end of the last line
    /// on which a string was not closed. That line is not searched again, so the time is linear in the length
    /// of a line.
    fn token(
        &self,
        text: &str,
        at: usize,
        open_until: &mut [usize; MOST_QUOTES],
    ) -> (Option<&'static str>, usize) {
        let rest = &text[at..];
        let line_end = || memchr::memchr(b'\n', rest.as_bytes()).map_or(text.len(), |end| at + end);
        let before = text[..at].bytes().next_back();
        for mark in self.comments {
            // `#` inside a shell word and `//` in a URL do not start a comment.
            let apart =
                before.is_none_or(|byte| byte.is_ascii_whitespace() || (*mark != "#" && byte != b':'));
            if apart && rest.starts_with(mark) {
                return (Some("sc"), line_end());
            }
        }
        if let Some((begin, end)) = self.block
            && rest.starts_with(begin)
        {
            let inside = at + begin.len();
            let ends = text[inside..].find(end).map_or(text.len(), |found| inside + found + end.len());
            return (Some("sc"), ends);
        }
        for (quote, open_until) in self.quotes.iter().zip(open_until) {
            if at < *open_until || !rest.starts_with(quote.mark) {
                continue;
            }
            match quote.end(text, at + quote.mark.len()) {
                Some(end) => return (Some("ss"), end),
                None => *open_until = line_end(),
            }
        }
        let word = rest.bytes().take_while(|byte| is_word(*byte)).count();
        if word > 0 {
            let end = at + word;
            let text = &text[at..end];
            let class = match text.as_bytes()[0] {
                b'0'..=b'9' => Some("sn"),
                _ if self.is_keyword(text) => Some("sk"),
                _ => None,
            };
            return (class, end);
        }
        (None, at + rest.chars().next().map_or(1, char::len_utf8))
    }
}

/// Treats every non-ASCII byte as part of a word, so that no multi-byte character is split.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl Quote {
    /// Returns the offset after the end of the string. `None` if the string is not terminated,
    /// as with an apostrophe.
    fn end(&self, text: &str, from: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            if text[at..].starts_with(self.mark) {
                return Some(at + self.mark.len());
            }
            match bytes[at] {
                b'\n' if !self.lines => return None,
                b'\\' if self.escapes => {
                    at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
                }
                _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        self.lines.then_some(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn colored(name: &str, text: &str) -> String {
        let mut html = String::new();
        Grammar::named(name).unwrap().color(text, &mut html);
        html.replace("<span class=\"", "<").replace("</span>", "</>").replace("\">", ">")
    }

    #[test]
    fn no_language_has_more_kinds_of_strings_than_are_tracked() {
        assert_eq!(GRAMMARS.iter().map(|grammar| grammar.quotes.len()).max(), Some(MOST_QUOTES));
    }

    #[test]
    fn a_line_of_unclosed_strings_is_not_searched_once_for_each_of_them() {
        let text = "'\\".repeat(400_000);
        assert!(colored("js", &text).len() > text.len());
        assert_eq!(colored("js", "'a\n'b'"), "&#39;a\n<ss>&#39;b&#39;</>");
    }

    #[test]
    fn keywords_can_be_found_by_halving() {
        for grammar in GRAMMARS {
            assert!(grammar.keywords.is_sorted(), "{:?}", grammar.names);
        }
    }

    #[test]
    fn each_language_marks_its_keywords_strings_numbers_and_comments() {
        for (name, text, html) in [
            ("ts", "const a = 1; // x", "<sk>const</> a = <sn>1</>; <sc>// x</>"),
            ("py", "def f(): # it's", "<sk>def</> f(): <sc># it&#39;s</>"),
            ("python", "\"\"\"a\nb\"\"\" 1", "<ss>&quot;&quot;&quot;a\nb&quot;&quot;&quot;</> <sn>1</>"),
            ("rust", "fn f<'a>(x: &'a str)", "<sk>fn</> f&lt;&#39;a&gt;(x: &amp;&#39;a <sk>str</>)"),
            ("go", "x := `a\\`", "x := <ss>`a\\`</>"),
            ("java", "/* a */ int i", "<sc>/* a */</> <sk>int</> i"),
            ("sh", "if [ $# -gt 0 ]", "<sk>if</> [ $# -gt <sn>0</> ]"),
            ("bash", "curl http://x 'a b'", "curl http://x <ss>&#39;a b&#39;</>"),
            ("json", "{\"a\\\"b\": true}", "{<ss>&quot;a\\&quot;b&quot;</>: <sk>true</>}"),
            ("sql", "select 'it''s'", "<sk>select</> <ss>&#39;it&#39;</><ss>&#39;s&#39;</>"),
        ] {
            assert_eq!(colored(name, text), html, "{name}");
        }
    }

    #[test]
    fn an_apostrophe_begins_no_string_and_an_unknown_language_has_no_colors() {
        assert_eq!(colored("js", "don't\nlet"), "don&#39;t\n<sk>let</>");
        assert!(Grammar::named("brainfuck").is_none());
        assert!(Grammar::named("").is_none());
        assert!(Grammar::of_file("/a/b.rs").is_some() && Grammar::of_file("/a.rs/Makefile").is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_colored_reads_as_it_was_written(text in "[ -~\n]{0,80}|(?s).{0,60}", index in 0..GRAMMARS.len()) {
            let mut html = String::new();
            GRAMMARS[index].color(&text, &mut html);
            let mut plain = String::new();
            escape_visible(&text, &mut plain);
            let mut bare = html;
            for tag in ["sk", "ss", "sn", "sc"] {
                bare = bare.replace(&format!("<span class=\"{tag}\">"), "");
            }
            prop_assert_eq!(bare.replace("</span>", ""), plain);
        }
    }
}
