//! Replaces secrets in a text with the name of their kind: `[removed: aws access key]`.
//!
//! Three detectors exist: [`token`]s, which identify their issuer by a prefix, [`place`]s where secrets
//! appear whatever they look like, and [`shape`]s that only secrets have. All of them read the text through a
//! [`view`], in which escapes are decoded, and across the [`seam`]s where a line was broken. They know
//! patterns, so they do not detect a secret without a known form in an unremarkable place.
//!
//! The running time grows linearly with the length of the text. The facts about formats come from the issuers
//! and from the rule set of gitleaks (<https://github.com/gitleaks/gitleaks>, MIT); the patterns are our own.
//! Redacting the output again changes nothing. A text must be redacted before it is shortened, because half a
//! secret cannot be recognized.

mod place;
#[cfg(test)]
mod recall;
mod seam;
mod shape;
mod token;
mod view;
mod worth;

use crate::text::{LONGEST_RAW, head, on_one_line, sanitized, shortened};
use std::borrow::Cow;
use view::View;

/// Prefix of every replacement.
const REMOVED: &str = "[removed: ";

/// A detected secret, as a byte range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    start: usize,
    end: usize,
    kind: &'static str,
}

/// Replaces every recognized secret in a text with `[removed: <kind>]`.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { redact_any(text) }
}

fn redact_any(text: &str) -> Cow<'_, str> {
    let found = found(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for one in found {
        out.push_str(&text[done..one.start]);
        out.push_str(REMOVED);
        out.push_str(one.kind);
        out.push(']');
        done = one.end;
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Words that mark the following text as a possible secret.
const NAMES: [&str; 11] =
    ["pass", "pwd", "secret", "token", "key", "cookie", "auth", "bearer", "login", "cred", "identified"];
/// Maximum number of names in a time zone: `America/North_Dakota/New_Salem`.
const ZONE: usize = 5;
/// Maximum length of a run of letters in a plain word, of a plain word with a digit, and of one with a
/// hyphen. Every secret is longer.
const LETTERS: usize = 13;
const WITH_DIGIT: usize = 11;
const WITH_HYPHEN: usize = 8;

/// Prefixes of time zone names that may contain an underscore.
const AREAS: [&str; 10] = [
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
];

/// Returns whether this is a short text in plain words in which no pattern can match. It spares a hook that
/// reports why a session stopped the compilation of the patterns, which takes some milliseconds. Time zone
/// names are the only longer words that it accepts.
fn is_plain(text: &str) -> bool {
    text.len() <= 200
        && text.chars().all(|char| {
            char.is_ascii_alphanumeric()
                || b" .,!?()/_-':".contains(&u8::try_from(char).unwrap_or(0))
                || !char.is_ascii() && (char.is_alphabetic() || matches!(char, '·' | '’' | '∙' | '—'))
        })
        && text.split(' ').all(is_plain_word)
        && !names_a_secret(text.as_bytes())
}

fn is_plain_word(word: &str) -> bool {
    let bytes = word.as_bytes();
    let digit_at = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let digit = bytes.iter().any(u8::is_ascii_digit);
    // A run of letters is never shorter in bytes than in characters.
    let runs = bytes.split(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic()).map(<[u8]>::len).max();
    // A colon is accepted only as in 4:25am or "API Error: ", a full stop only after a word, an
    // underscore only in America/New_York.
    let colons = word == "Error:"
        || memchr::memchr_iter(b':', bytes).all(|at| digit_at(at.checked_sub(1)) && digit_at(Some(at + 1)));
    let stops = !word.trim_end_matches(['.', ')']).contains('.');
    let zone = || {
        let word = word.trim_start_matches('(');
        let names = || word.split(['/', '_']);
        AREAS.iter().any(|area| word.starts_with(area))
            && names().all(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
            && names().count() <= ZONE
    };
    let underscores = !bytes.contains(&b'_') || !digit && zone();
    let hyphens = !bytes.contains(&b'-') || word.len() <= WITH_HYPHEN && bytes[0] != b'-';
    runs.unwrap_or(0) <= LETTERS
        && (!digit || word.len() <= WITH_DIGIT)
        && colons
        && stops
        && underscores
        && hyphens
}

/// Returns whether the text contains any of [`NAMES`], ignoring case.
fn names_a_secret(text: &[u8]) -> bool {
    (0..text.len()).any(|at| {
        let first = text[at] | 0x20;
        first.is_ascii_lowercase()
            && NAMES.iter().any(|name| {
                name.as_bytes()[0] == first
                    && text[at..]
                        .get(..name.len())
                        .is_some_and(|part| part.eq_ignore_ascii_case(name.as_bytes()))
            })
    })
}

/// Sanitizes and redacts a text and puts it on one line, with every run of whitespace as one space and at
/// most `limit` characters. Joining and shortening come last: half a secret is not recognized, and a secret
/// broken over lines is recognized only while the line breaks are there.
#[must_use]
pub fn clean_line(raw: &str, limit: usize) -> String {
    if !is_plain(raw) {
        return cleaned_line(raw, limit);
    }
    let joined = !raw.contains("  ") && raw.trim().len() == raw.len();
    let line = if joined { Cow::Borrowed(raw) } else { Cow::Owned(on_one_line(raw)) };
    shortened(&line, limit).into_owned()
}

fn cleaned_line(raw: &str, limit: usize) -> String {
    let clean = sanitized(examined_part(raw));
    let text = redact_any(&clean);
    let joined = on_one_line(&text);
    // A name and its secret may have been on two lines.
    let line = if joined == text { Cow::Borrowed(joined.as_str()) } else { redact_any(&joined) };
    shortened(&line, limit).into_owned()
}

/// Returns the part of a text that is examined. If the text is cut, the word at the cut is dropped as well.
pub fn examined_part(raw: &str) -> &str {
    if raw.len() <= LONGEST_RAW {
        return raw;
    }
    let start = head(raw, LONGEST_RAW);
    start.rfind(char::is_whitespace).map_or("…", |end| &start[..end])
}

/// Returns the kind of each secret recognized in a text, for measurements.
#[must_use]
pub fn kinds(text: &str) -> Vec<&'static str> {
    found(text).into_iter().map(|one| one.kind).collect()
}

/// Returns the secrets in a text, in order and without overlaps.
fn found(text: &str) -> Vec<Found> {
    if text.len() < 8 {
        return Vec::new();
    }
    let view = View::of(text);
    let bytes = view.text().as_bytes();
    let mut found = Vec::new();
    token::find(bytes, &mut found);
    place::find(bytes, &mut found);
    shape::find(bytes, &mut found);
    // Of overlapping matches, the longer one names the kind; of equal ones, the token does.
    found.sort_by_key(|one| one.start);
    let mut apart: Vec<Found> = Vec::with_capacity(found.len());
    for one in found {
        match apart.last_mut() {
            Some(last) if one.start < last.end => {
                if one.end - one.start > last.end - last.start {
                    last.kind = one.kind;
                }
                last.end = last.end.max(one.end);
            }
            _ => apart.push(one),
        }
    }
    for one in &mut apart {
        one.start = text.floor_char_boundary(view.original(one.start));
        one.end = text.ceil_char_boundary(view.original(one.end));
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_messages_are_plain_and_text_that_may_contain_secrets_is_not() {
        for text in [
            "You've hit your 5-hour limit · resets 4:25am (America/New_York)",
            "resets Nov 24, 1:45pm (UTC)",
            "API Error: 529 Overloaded. This is usually temporary — try again in a moment.",
            "5-hour limit ∙ resets 3am (America/North_Dakota/New_Salem)",
        ] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "password hunter2",
            "a:b",
            "-p x",
            "ghp_aaaaaaaaaaaaaa",
            "AKIAABCDEFGHIJKLMNOP",
            "x=1",
            "a@b",
            "CREATE USER app IDENTIFIED BY 'hunter2!x'",
            "America/sk_live_abcdefghij",
            "Asia/github_pat_abcdefgh_abcdefgh_abcd",
            "sk-ant-abcdefgh",
            "SG.abc",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }

    use proptest::prelude::*;

    const A: &str = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlMnOpQrStUvWx";

    fn a(count: usize) -> &'static str {
        &A[..count]
    }

    /// Texts with a secret, each with the secret.
    fn secrets() -> Vec<(String, String)> {
        let upper = "ABCDEFGHIJKLMNOP";
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        [
            (format!("sk-ant-api03-{}", a(40)), None),
            (format!("sk-ant-oat01-{}", a(40)), None),
            (format!("sk-proj-{}", a(40)), None),
            (format!("sk-{}", a(48)), None),
            (format!("AKIA{upper}"), None),
            (format!("ASIA{upper}"), None),
            (format!("ghp_{}", a(36)), None),
            (format!("gho_{}", a(36)), None),
            (format!("ghs_{}", a(36)), None),
            (format!("github_pat_{}", a(50)), None),
            (format!("glpat-{}", a(20)), None),
            (format!("xoxb-123456789012-{}", a(24)), None),
            (format!("xoxp-123456789012-{}", a(24)), None),
            (format!("AIza{}", a(35)), None),
            (format!("ya29.{}", a(50)), None),
            (format!("hf_{}", a(34)), None),
            (format!("npm_{}", a(36)), None),
            (format!("pypi-{}", a(50)), None),
            (format!("SG.{}.{}", a(22), a(43)), None),
            (format!("sk_live_{}", a(24)), None),
            (format!("rk_live_{}", a(24)), None),
            (format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", a(30), a(43)), None),
            (format!("dapi{}", &hex[..32]), None),
            (format!("dop_v1_{hex}"), None),
            (format!("hvs.{}", a(40)), None),
            (
                format!("https://hooks.slack.com/services/T00000000/B00000000/{}", a(24)),
                Some(a(24).to_owned()),
            ),
            (format!("postgres://app:{}@db.example.com/x", a(12)), Some(a(12).to_owned())),
            ("https://user:hunter2@example.com/repo.git".to_owned(), Some("hunter2".to_owned())),
            (format!("Authorization: Bearer {}", a(30)), Some(a(30).to_owned())),
            ("authorization: Basic dXNlcjpwYXNz".to_owned(), Some("dXNlcjpwYXNz".to_owned())),
            (format!("x-api-key: {}", a(30)), Some(a(30).to_owned())),
            ("DB_PASSWORD=hunter2!x".to_owned(), Some("hunter2!x".to_owned())),
            (format!("AWS_SECRET_ACCESS_KEY={}", a(40)), Some(a(40).to_owned())),
            (format!("export API_TOKEN='{}'", a(20)), Some(a(20).to_owned())),
            (format!("{{\"client_secret\": \"{}\"}}", a(20)), Some(a(20).to_owned())),
            (format!("{{\\\"password\\\":\\\"{}\\\"}}", a(12)), Some(a(12).to_owned())),
            (format!("apiKey: '{}',", a(20)), Some(a(20).to_owned())),
            (format!("deploy --token {}", a(20)), Some(a(20).to_owned())),
            ("curl -s -u admin:s3cr3t http://127.0.0.1/".to_owned(), Some("s3cr3t".to_owned())),
            (format!("//registry.example.com/:_authToken={}", a(36)), Some(a(36).to_owned())),
            ("machine example.com login me password s3cr3t".to_owned(), Some("s3cr3t".to_owned())),
            (format!("https://example.com/x?access_token={}&y=1", a(20)), Some(a(20).to_owned())),
        ]
        .into_iter()
        .map(|(text, secret)| {
            let secret = secret.unwrap_or_else(|| text.clone());
            (text, secret)
        })
        .collect()
    }

    #[test]
    fn there_are_at_least_eighty_secret_kinds() {
        let kinds = token::kinds().len() + place::KINDS.len() + shape::KINDS.len();
        assert!(kinds >= 80, "{kinds}");
    }

    #[test]
    fn every_known_kind_is_redacted_bare_quoted_and_inside_json() {
        for (text, secret) in secrets() {
            let forms = [
                text.clone(),
                format!("the key is {text} ok"),
                format!("\"{text}\""),
                format!("({text})"),
                serde_json::to_string(&format!("x {text} y")).unwrap(),
                serde_json::to_string(&serde_json::to_string(&format!("x {text}\n")).unwrap()).unwrap(),
            ];
            for form in forms {
                let clean = redact(&form);
                assert!(!clean.contains(&secret) && clean.contains(REMOVED), "{form} -> {clean}");
            }
        }
    }

    #[test]
    fn a_private_key_is_redacted_completely_also_escaped_or_cut_off() {
        let body = format!("{A}\n{A}\n");
        for kind in ["RSA ", "EC ", "OPENSSH ", ""] {
            let whole =
                format!("a\n-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----\nz");
            assert_eq!(redact(&whole), "a\n[removed: private key]\nz");
            let escaped = serde_json::to_string(&whole).unwrap();
            assert_eq!(redact(&escaped), "\"a\\n[removed: private key]\\nz\"");
        }
        let cut = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}");
        assert!(!redact(&cut).contains(&A[..20]));
    }

    #[test]
    fn a_public_certificate_and_ordinary_text_are_unchanged() {
        for text in [
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "max_tokens = 4096 and tokens: 9242, CLAUDE_CODE_MAX_OUTPUT_TOKENS=32000",
            "const token = getToken(); password = req.body.password",
            "type: 'password', token: string, secret: ${{ secrets.X }}",
            "password: the user enters it; TOKEN=$TOKEN API_KEY=${API_KEY}",
            "https://example.com:8080/path and git@github.com:owner/repo.git",
            "task-sk-something, disk-usage-of-the-whole-machine, sk-a-very-long-class-name-of-css",
            "commit 0123456789abcdef0123456789abcdef01234567",
            "let key = map.get(\"name\"); KEY=value; the keyboard: fine",
            "docker run -u 1000:1000 image",
            "self.pre_auth = pre_auth1; url_user_password = split_auth_netloc_from_url2(x)",
            "pub const IFLA_INET6_TOKEN: _bindgen_ty_7 = 3; DEVSTAT_TYPE_PASS = 0x100, dot2_token: node.dot2_token,",
            "primary key: id, foreign_key=user_id, tokenizer: bpe, secretary=Smith",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn a_name_and_its_secret_on_two_lines_are_redacted_in_one_line() {
        let shown = clean_line("password:\nhunter2!x and more", 300);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(clean_line(&shown, 300), shown);
    }

    #[test]
    fn redacting_twice_changes_nothing() {
        for (text, _) in secrets() {
            let once = redact(&text).into_owned();
            assert_eq!(redact(&once), once);
        }
    }

    #[test]
    fn almost_nothing_in_our_own_source_is_mistaken_for_a_secret() {
        fn walk(directory: &std::path::Path, lines: &mut usize, hits: &mut Vec<String>) {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let ending = path.extension().and_then(std::ffi::OsStr::to_str);
                if path.is_dir() {
                    walk(&path, lines, hits);
                } else if matches!(ending, Some("rs" | "js" | "mjs" | "cjs" | "ts" | "md" | "json"))
                    && !path.ends_with("benches/redact.rs")
                    && !path.ends_with("redact.test.mjs")
                {
                    let text = std::fs::read_to_string(&path).unwrap();
                    // Made-up secrets in tests come after this line. Dummy keys elsewhere
                    // count as false positives.
                    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                    *lines += text.lines().count();
                    hits.extend(kinds(text).iter().map(|kind| format!("{}: {kind}", path.display())));
                }
            }
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut lines, mut hits) = (0, Vec::new());
        for directory in ["src", "bin", "benches", "docs", "schemas", "__test__"] {
            walk(&root.join(directory), &mut lines, &mut hits);
        }
        assert!(lines > 20_000, "{lines} lines are too few to measure one in 10,000");
        assert!(hits.len() * 10_000 <= lines, "{} in {lines} lines: {hits:#?}", hits.len());
    }

    /// Texts that are hard for patterns. Running time must be linear in the length, so twice the text takes
    /// about twice the work. The bound is far below quadratic and independent of a clock.
    #[test]
    fn adversarial_texts_of_one_megabyte_are_redacted() {
        for unit in [
            "password=",
            "password=\"password='",
            "sk-",
            "eyJ.",
            "-----BEGIN PRIVATE KEY-----\nx",
            "a://b:c",
            "curl -u mysql -p ",
            "\\",
            "%25",
            "token='a\n",
            "a:1:b:c:",
            "M.aaaaaa.",
            "a,password\n",
            "-----END PRIVATE KEY-----\nAAAA\n",
            "c2stYW50LWFwaTAzL",
            "docker login -p ",
        ] {
            let text = unit.repeat(1_000_000 / unit.len());
            assert!(!redact(&text).is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn redaction_of_arbitrary_text_is_idempotent(text in "(?s).{0,300}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.clone());
        }
    }

    /// Pieces of tokens and of places of secrets, with short runs of the characters found in them.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            proptest::sample::select(
                [
                    "sk-",
                    "sk-ant-",
                    "sk_live_",
                    "ghp_",
                    "gho_",
                    "AKIA",
                    "ASIA",
                    "AIza",
                    "ya29.",
                    "hf_",
                    "npm_",
                    "pypi-",
                    "SG.",
                    "eyJ",
                    "dapi",
                    "hvs.",
                    "dop_v1_",
                    "glpat-",
                    "xoxb-",
                    "http",
                    "://",
                    " -u ",
                    "machine ",
                    "user",
                    "PIN ",
                    "https:",
                    "Basic ",
                    "/",
                    "(",
                    ")",
                    " ",
                    ":",
                    ".",
                    "-",
                    "_",
                    "'",
                    "curl ",
                    "db",
                    "resets ",
                    "hit ",
                    "America/",
                    "Asia/",
                    "∙",
                    "—",
                    " — ",
                    "Error:",
                    "API Error: ",
                    "CREATE USER app ",
                    "identified by ",
                    "github_pat_",
                    "pscale_pw_",
                    "  ",
                    "New_York",
                    "North_Dakota/New_Salem"
                ]
                .as_slice()
            )
            .prop_map(str::to_owned),
            "[A-Za-z]{1,13}",
            "[A-Za-z0-9]{1,8}",
            "[0-9]{1,9}",
        ];
        proptest::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn no_pattern_matches_in_plain_text(text in pieces()) {
            if is_plain(&text) {
                prop_assert!(found(&text).is_empty(), "{:?}: {:?}", text, found(&text));
            }
            prop_assert_eq!(clean_line(&text, 40), cleaned_line(&text, 40));
        }
    }
}
