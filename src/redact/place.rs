//! Finds secrets by the place where they appear, whatever they look like: after a revealing name, in a
//! header, in a URL, or in a key file. Each candidate value is then checked, because most values assigned to
//! `token` in code are not secrets.

use super::{Found, seam, worth};
use regex::bytes::Regex;
use std::sync::LazyLock;

/// Patterns of the places, in the order of the alternatives.
static TRIGGERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i-u:-----BEGIN|://|pass(?:word|wd|phrase|code)|secret|token|api[ _-]?key|(?:access|private|auth|account|encryption|signing|license|master|storage|client|service|session|deploy|hmac|jwt|app|shared|crypt|cipher|webhook|subscription|integration|signature|site|prod|admin|root|consumer|oauth)[_-]?key|[_-]key|_pass|_pwd|pwd|[_-]auth|_dsn|credentials?|connection[_-]?string|access[_-]?signature|[?&;](?:sig|signature|x-amz-signature|x-goog-signature|key|code)=|authorization|bearer|cookie|sess(?:ion)?[_-]?id|connect\.sid|identified by|"auth"|\b(?:curl|mysql|mysqldump|mysqladmin|sshpass|docker|podman|nerdctl|helm|oras|skopeo|redis-cli|mongo|mongosh|mongodump|mongorestore|ldapsearch|ldapmodify|ldapadd|sqlcmd|bcp|zip)\b)"#,
    )
    .ok()
});

#[cfg(test)]
pub const KINDS: &[&str] = &[
    "private key",
    "password in url",
    "secret in url",
    "password",
    "secret",
    "token",
    "api key",
    "credential",
    "authorization",
    "cookie",
    "session id",
];

/// Maximum length of a name, in bytes.
const NAME: usize = 80;
/// Maximum number of bytes of a value that are examined; the rest belongs to the same value.
const LOOKED_AT: usize = 512;
/// Maximum size of a key file, in bytes.
const KEY_FILE: usize = 64 * 1024;

/// Finds secrets by the places where they appear.
pub fn find(text: &[u8], found: &mut Vec<Found>) {
    let Some(triggers) = TRIGGERS.as_ref() else { return };
    debug_assert!(!text.is_empty());
    // Position up to which lines were read for each command, whose name may occur in them again.
    let mut commands_read = [0; COMMANDS.len()];
    let mut key_end = 0;
    let mut at = 0;
    while let Some(hit) = triggers.find_at(text, at) {
        at = hit.end();
        let word = hit.as_bytes().to_ascii_lowercase();
        let one = match word.as_slice() {
            b"-----begin" => key_file(text, hit.start(), &mut key_end),
            b"://" => address(text, hit.start()),
            b"bearer" => bearer(text, hit.end()),
            b"authorization" => authorization(text, hit.end()),
            b"\"auth\"" => login_of_registry(text, hit.end()),
            [b'?' | b'&' | b';', ..] => query(text, hit.end()),
            _ => match COMMANDS.iter().position(|command| command.names.contains(&word.as_slice())) {
                Some(index) if hit.start() < commands_read[index] => None,
                Some(index) => {
                    let (end, one) = command(text, hit.end(), &COMMANDS[index]);
                    commands_read[index] = end;
                    one
                }
                None => named(text, hit.start(), hit.end(), &word),
            },
        };
        if let Some(one) = one {
            // A header may extend beyond its value; the range already covers all of it.
            at = at.max(one.end);
            found.push(one);
        }
    }
}

const fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

const fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

const fn ends_value(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'<' | b'>')
}

fn run(text: &[u8], at: usize, most: usize, of: impl Fn(u8) -> bool) -> usize {
    text[at..].iter().take(most).take_while(|byte| of(**byte)).count()
}

/// Returns the end of a value that is longer than the examined part.
fn whole(text: &[u8], at: usize, of: impl Fn(u8) -> bool) -> usize {
    at + text[at..].iter().take_while(|byte| of(**byte)).count()
}

/// Finds a private key in file form, complete or cut off.
fn key_file(text: &[u8], start: usize, next_end: &mut usize) -> Option<Found> {
    let head = &text[start..text.len().min(start + 120)];
    let dashes = memchr::memmem::find(&head[10..], b"-----")? + 10;
    let letters: Vec<u8> = head[10..dashes].iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    if !letters.windows(10).any(|window| window == b"PRIVATEKEY") {
        return None;
    }
    let body = start + dashes + 5;
    let rest = &text[body..text.len().min(body + KEY_FILE)];
    // Searches for each end marker once, however many begin markers precede it.
    if *next_end < body {
        *next_end = memchr::memmem::find(&text[body..], b"-----END").map_or(usize::MAX, |end| body + end);
    }
    let end = next_end.checked_sub(body).filter(|end| *end < rest.len()).and_then(|end| {
        let tail = &rest[(end + 8).min(rest.len())..rest.len().min(end + 128)];
        memchr::memmem::find(tail, b"-----").map(|dashes| (end, end + 8 + dashes + 5))
    });
    let key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let longest = |part: &[u8]| part.split(|byte| !key(*byte)).map(<[u8]>::len).max().unwrap_or(0);
    let (body_end, end) = match end {
        Some((body_end, end)) if longest(&rest[..body_end]) >= 16 => (body_end, end),
        _ => {
            // Cut off: extends as far as the text looks like a key.
            let mut end = 0;
            let mut last = 0;
            loop {
                end += run(rest, end, KEY_FILE, |byte| {
                    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b',' | b'+' | b'|' | b'>')
                });
                let line = run(rest, end, KEY_FILE, key);
                if line < 16 {
                    break;
                }
                end += line;
                last = end;
            }
            (last, last)
        }
    };
    (longest(&rest[..body_end]) >= 16).then_some(Found { start, end: body + end, kind: "private key" })
}

fn address(text: &[u8], colon: usize) -> Option<Found> {
    if colon == 0 || !text[colon - 1].is_ascii_alphanumeric() {
        return None;
    }
    let start = colon + 3;
    let stops = |byte: u8| ends_value(byte) || matches!(byte, b'[' | b'{' | b'(' | b',');
    let mut pieces = Vec::new();
    let mut from = start;
    let mut last_at = None;
    // The password may contain at most one seam.
    for _ in 0..2 {
        let length = run(text, from, LOOKED_AT, |byte| !(stops(byte) || byte == b'/' && pieces.is_empty()));
        let piece = &text[from..from + length];
        if let Some(at) = memchr::memrchr(b'@', piece) {
            last_at = Some(from + at);
            pieces.push((from, from + at));
            break;
        }
        pieces.push((from, from + length));
        let Some(next) = seam::over(text, from + length) else { break };
        from = next;
    }
    let end = last_at?;
    let joined: Vec<u8> = pieces.iter().flat_map(|(from, to)| &text[*from..*to]).copied().collect();
    if joined.iter().any(|byte| matches!(byte, b'?' | b'#')) && !joined.contains(&b':') {
        return None;
    }
    let Some(separator) = memchr::memchr(b':', &joined) else {
        return (joined.len() >= 20
            && (worth::random(&joined)
                || joined.len() >= 32 && worth::varied(&joined) && joined.iter().any(u8::is_ascii_digit)))
        .then_some(Found { start, end, kind: "password in url" });
    };
    let password = std::str::from_utf8(&joined[separator + 1..]).ok()?;
    let user = std::str::from_utf8(&joined[..separator]).unwrap_or_default();
    let placeholder = password.len() < 3
        || worth::stands_for_something(password)
        || password.eq_ignore_ascii_case(user)
        || password.contains(['$', '*']) && password.len() < 5
        || user.contains('/') && !user.contains('@')
        || (password.bytes().all(|byte| byte.is_ascii_digit()) && password.len() < 6 && user.contains('.'));
    let first = &text[start..];
    let start = start + memchr::memchr(b':', first)? + 1;
    (!placeholder).then_some(Found { start, end, kind: "password in url" })
}

/// Finds `Bearer` with the value that follows, anywhere in the text.
fn bearer(text: &[u8], at: usize) -> Option<Found> {
    let start = at + run(text, at, 8, |byte| blank(byte) || byte == b'+');
    if start == at {
        return None;
    }
    let value = Value::bare(text, start, |byte| byte.is_ascii_alphanumeric() || b"_.~+/=-".contains(&byte));
    (value.joined.len() >= 20
        && (worth::random(&value.joined) || value.joined.len() >= 40 && worth::varied(&value.joined)))
    .then(|| value.found("authorization"))
}

/// Finds the credential after the name of an authorization header.
fn authorization(text: &[u8], at: usize) -> Option<Found> {
    let start = separator(text, at, false)?.0;
    let start = start + run(text, start, 2, |byte| matches!(byte, b'"' | b'\'' | b'`'));
    let word = run(text, start, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let gap = run(text, start + word, 8, |byte| blank(byte) || byte == b'+');
    let known = [
        "bearer",
        "basic",
        "token",
        "digest",
        "negotiate",
        "bot",
        "apikey",
        "key",
        "aws4-hmac-sha256",
        "ntlm",
        "splunk",
        "genie key",
    ];
    let scheme = std::str::from_utf8(&text[start..start + word]).unwrap_or_default().to_ascii_lowercase();
    let (start, strong) =
        if gap > 0 && known.contains(&scheme.as_str()) { (start + word + gap, true) } else { (start, false) };
    let value = if strong && matches!(scheme.as_str(), "digest" | "aws4-hmac-sha256") {
        Value::line(text, start)
    } else {
        Value::bare(text, start, |byte| {
            !ends_value(byte) && !matches!(byte, b',' | b';' | b'[' | b'{' | b'(' | b')')
        })
    };
    let shown = std::str::from_utf8(&value.joined).ok()?;
    let fits = !worth::stands_for_something(shown)
        && !shown.starts_with('%')
        && if strong {
            value.joined.len() >= 6
                && !shown.bytes().all(|byte| byte.is_ascii_lowercase())
                && !worth::name(shown) | (scheme == "basic" && shown.len() >= 8)
        } else {
            value.joined.len() >= 16 && worth::random(&value.joined)
        };
    fits.then(|| value.found("authorization"))
}

fn query(text: &[u8], start: usize) -> Option<Found> {
    let value = Value::bare(text, start, |byte| {
        !ends_value(byte) && !matches!(byte, b'&' | b'#' | b'{' | b'(' | b')' | b'[' | b'$' | b';' | b',')
    });
    (value.joined.len() >= 16 && worth::random(&value.joined)).then(|| value.found("secret in url"))
}

/// Content of a command's option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CredentialOption {
    /// A user name and password in the form `name:password`.
    User,
    Cookie,
    Password,
}

/// A command with options whose names do not reveal their content.
struct Command {
    names: &'static [&'static [u8]],
    /// The options count only after this word.
    only_after: Option<&'static [u8]>,
    options: &'static [(&'static [u8], CredentialOption)],
}

const COMMANDS: [Command; 8] = [
    Command {
        names: &[b"curl"],
        only_after: None,
        options: &[
            (b"--user ", CredentialOption::User),
            (b"--user=", CredentialOption::User),
            (b"--proxy-user ", CredentialOption::User),
            (b"-u", CredentialOption::User),
            (b"--cookie ", CredentialOption::Cookie),
            (b"--cookie=", CredentialOption::Cookie),
            (b"-b ", CredentialOption::Cookie),
        ],
    },
    // Followed by a space, `-p` prompts for the password, so no value follows.
    Command {
        names: &[b"mysql", b"mysqldump", b"mysqladmin"],
        only_after: None,
        options: &[(b"-p", CredentialOption::Password)],
    },
    Command { names: &[b"sshpass"], only_after: None, options: &[(b"-p", CredentialOption::Password)] },
    Command {
        names: &[b"docker", b"podman", b"nerdctl", b"helm", b"oras", b"skopeo"],
        only_after: Some(b"login"),
        options: &[(b"-p ", CredentialOption::Password), (b"-p=", CredentialOption::Password)],
    },
    Command { names: &[b"redis-cli"], only_after: None, options: &[(b"-a ", CredentialOption::Password)] },
    Command {
        names: &[b"mongo", b"mongosh", b"mongodump", b"mongorestore"],
        only_after: None,
        options: &[(b"-p ", CredentialOption::Password)],
    },
    Command {
        names: &[b"ldapsearch", b"ldapmodify", b"ldapadd"],
        only_after: None,
        options: &[(b"-w ", CredentialOption::Password)],
    },
    Command {
        names: &[b"sqlcmd", b"bcp", b"zip"],
        only_after: None,
        options: &[(b"-P ", CredentialOption::Password)],
    },
];

/// Finds the value of `auth` in the configuration of a container client: name and password, encoded.
fn login_of_registry(text: &[u8], at: usize) -> Option<Found> {
    let (start, _) = separator(text, at, false)?;
    let quote = text.get(start).copied().filter(|byte| *byte == b'"')?;
    let value = Value::quoted(text, start + 1, quote);
    let encoded = value.joined.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
    (encoded && value.joined.len() >= 12 && worth::random(&value.joined)).then(|| value.found("credential"))
}

/// Returns whether a cell in a table column that is named after a password contains one.
pub fn is_password(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|cell| fits(cell, Trust::Password, ValueContext::Loose))
}

/// Reads the short options of a command. Returns where reading ended, and a secret if one was found.
fn command(text: &[u8], at: usize, command: &Command) -> (usize, Option<Found>) {
    let mut end = at;
    // A backslash continues the command on the next line. The view has removed the backslash, so an indented
    // line counts as a continuation.
    for _ in 0..6 {
        let line = memchr::memchr(b'\n', &text[end..]).map_or(text.len(), |newline| end + newline);
        end = line.min(at + 4096);
        let goes_on = text.get(end + 1).is_some_and(|byte| blank(*byte)) && end == line;
        if !goes_on {
            break;
        }
        end += 1;
    }
    let line = &text[at..end];
    let mut from = 0;
    while let Some(dash) = memchr::memchr(b'-', &line[from..]).map(|dash| from + dash) {
        from = dash + 1;
        if dash == 0 || !(blank(line[dash - 1]) || line[dash - 1] == b'\n') {
            continue;
        }
        let option = &line[dash..];
        let holds = command.options.iter().find(|(name, _)| option.starts_with(name));
        let Some((length, holds)) = holds.map(|(name, holds)| (name.len(), *holds)) else { continue };
        let asks =
            command.names.contains(&b"mysql".as_slice()) && option.get(2).is_none_or(|byte| blank(*byte));
        let elsewhere =
            command.only_after.is_some_and(|word| memchr::memmem::find(&line[..dash], word).is_none());
        if asks || elsewhere {
            continue;
        }
        let start = at + dash + length;
        let start = start + run(text, start, 8, blank);
        let quote = text.get(start).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let start = start + usize::from(quote.is_some());
        let value = match quote {
            Some(quote) => Value::quoted(text, start, quote),
            None => Value::bare(text, start, |byte| !ends_value(byte)),
        };
        let Some(value) = value.usable() else { continue };
        let Ok(shown) = std::str::from_utf8(&value.joined) else { continue };
        match holds {
            CredentialOption::User => {
                if let Some((_, password)) = shown.split_once(':')
                    && !worth::stands_for_something(password)
                    && password.len() >= 3
                    && !password.bytes().all(|byte| byte.is_ascii_digit())
                {
                    let skip =
                        memchr::memchr(b':', &text[value.start..value.end]).map_or(0, |colon| colon + 1);
                    return (
                        end,
                        Some(Found { start: value.start + skip, end: value.end, kind: "password" }),
                    );
                }
            }
            CredentialOption::Cookie => {
                if shown.contains('=') && shown.len() >= 8 && !shown.contains("${") {
                    return (end, Some(value.found("cookie")));
                }
            }
            CredentialOption::Password => {
                if !worth::stands_for_something(shown) && shown.len() >= 3 && !worth::code(shown) {
                    return (end, Some(value.found("password")));
                }
            }
        }
    }
    (end, None)
}

/// A value that may be broken over several lines.
struct Value {
    start: usize,
    end: usize,
    joined: Vec<u8>,
    quoted: bool,
}

impl Value {
    fn found(&self, kind: &'static str) -> Found {
        Found { start: self.start, end: self.end, kind }
    }

    /// Reads up to the terminator, and across seams as long as the next line looks like the rest of the
    /// value.
    fn bare(text: &[u8], start: usize, of: impl Fn(u8) -> bool) -> Self {
        Self::read(text, start, &of, |byte| of(byte) && !matches!(byte, b';' | b'&' | b','))
    }

    /// Reads the rest of the line, and of the next one if the line was broken inside a value.
    fn line(text: &[u8], start: usize) -> Self {
        let of = |byte: u8| !matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'[');
        let mut value = Self::read(text, start, of, |byte| !ends_value(byte) && !matches!(byte, b';' | b','));
        if value.end - value.start > value.joined.len() {
            value.end = whole(text, value.end, of);
        }
        value
    }

    fn read(text: &[u8], start: usize, of: impl Fn(u8) -> bool, on: impl Fn(u8) -> bool) -> Self {
        let mut end = start + run(text, start, LOOKED_AT, &of);
        if end - start == LOOKED_AT {
            end = whole(text, end, &of);
        }
        let content = start + seam::margin(&text[start..end], b" \t");
        let mut joined = text[start..content.min(start + LOOKED_AT)].to_vec();
        if content < end && text.get(end).is_none_or(|byte| !matches!(byte, b'\n' | b'\r')) {
            return Self { start, end, joined, quoted: false };
        }
        end = content;
        for _ in 0..8 {
            let Some(next) = seam::over(text, end).filter(|_| !joined.is_empty()) else { break };
            let length = run(text, next, LOOKED_AT, &on);
            let rest = &text[next..next + length];
            // A name that is assigned to starts something new.
            let assigned = text.get(next + length).is_some_and(|byte| matches!(byte, b':' | b'='));
            if length == 0 || assigned || !worth::torn(rest) {
                break;
            }
            joined.extend_from_slice(rest);
            end = next + length;
        }
        Self { start, end, joined, quoted: false }
    }

    /// Reads up to the closing quote, also across lines or across a string that is closed and reopened
    /// on the next line.
    fn quoted(text: &[u8], start: usize, quote: u8) -> Self {
        let inside = |byte: u8| byte != quote && byte != b'\n';
        let mut end = start + run(text, start, 4 * LOOKED_AT, inside);
        if end - start == 4 * LOOKED_AT {
            end = whole(text, end, inside);
        }
        let broken = text.get(end) == Some(&b'\n');
        if broken {
            end = start + seam::margin(&text[start..end], b" \t\r\\");
        }
        let mut joined = text[start..end.min(start + 4 * LOOKED_AT)].to_vec();
        for _ in 0..8 {
            let Some(next) = seam::over(text, end).filter(|_| !joined.is_empty()) else { break };
            let length = run(text, next, LOOKED_AT, |byte| inside(byte) && !byte.is_ascii_whitespace());
            let closes =
                text.get(next + length).is_none_or(|byte| *byte == quote || matches!(byte, b'\n' | b' '));
            if length == 0 || !closes {
                break;
            }
            joined.extend_from_slice(&text[next..next + length]);
            end = next + length;
        }
        Self { start, end, joined, quoted: true }
    }

    fn usable(self) -> Option<Self> {
        (!self.joined.is_empty()).then_some(self)
    }
}

/// Returns where the value starts after the assignment operator, and whether that was only whitespace.
fn separator(text: &[u8], at: usize, option: bool) -> Option<(usize, bool)> {
    // Skips the quote and the bracket that close the name.
    let quotes = run(text, at, 2, |byte| matches!(byte, b'"' | b'\'' | b'`'));
    let mut here = at + quotes + usize::from(quotes > 0 && text.get(at + quotes) == Some(&b']'));
    let gap = run(text, here, 20, |byte| blank(byte) || byte == b'+');
    let rest = &text[here + gap..];
    let length = match rest {
        [b'=', b'=' | b'~', ..] | [b'!' | b'<' | b'>', ..] | [b':', b':', ..] => return None,
        [b'=', b'>', ..] | [b':' | b'?', b'=', ..] => 2,
        [b'=' | b':', ..] => 1,
        // The word "is" in a sentence.
        [b'i', b's', b' ', ..] if gap > 0 && quotes == 0 => 3,
        // <add key="password" value="...">
        [b'v', b'a', b'l', b'u', b'e', b'=', ..] if gap > 0 && quotes > 0 => 6,
        _ if option && gap > 0 => return Some((here + gap, true)),
        _ => return None,
    };
    here += gap + length;
    // Form encoding writes a space as a plus.
    Some((here + run(text, here, 20, |byte| blank(byte) || byte == b'+'), false))
}

/// Degree to which a name indicates a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Accepts any value that is not obviously something else.
    Password,
    /// The value must look random.
    Secret,
    /// The value must look very random.
    Key,
}

/// Finds a secret value after a name.
fn named(text: &[u8], start: usize, end: usize, word: &[u8]) -> Option<Found> {
    let begin = start - text[..start].iter().rev().take(NAME).take_while(|byte| name_byte(**byte)).count();
    let finish = end + run(text, end, NAME, name_byte);
    let whole_name = std::str::from_utf8(&text[begin..finish]).ok()?;
    let name = whole_name.trim_start_matches(['-', '.', '$']).to_ascii_lowercase();
    let capitals = whole_name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let option = whole_name.starts_with('-');
    let at_end = finish - begin - (whole_name.len().min(end - begin));
    let after = &name[name.len() - at_end.min(name.len())..];
    let (trust, kind) = match word {
        _ if word.starts_with(b"pass") || matches!(word, b"pwd" | b"_pwd" | b"_pass") => {
            (Trust::Password, "password")
        }
        b"cookie" => return cookie(text, finish, &name),
        b"identified by" => (Trust::Password, "password"),
        b"secret" => (Trust::Secret, "secret"),
        b"token" => (Trust::Secret, "token"),
        _ if word.starts_with(b"sess") || word == b"connect.sid" => (Trust::Key, "session id"),
        _ if word.starts_with(b"api") => (Trust::Secret, "api key"),
        b"_auth" | b"-auth" | b"_key" | b"-key" => (Trust::Key, "credential"),
        _ if word.ends_with(b"key") => (Trust::Secret, "api key"),
        _ => (Trust::Secret, "credential"),
    };
    let login = trust == Trust::Password
        && name == "password"
        && text.get(finish).is_some_and(u8::is_ascii_whitespace)
        && before(text, begin, b"login ");
    let blank_is_enough = option
        || login
        || sets_variable(text, begin)
        || word == b"identified by"
        || trust == Trust::Password && matches!(text.get(finish + 1), Some(b'\''));
    let element = begin > 0 && text[begin - 1] == b'<' && text.get(finish) == Some(&b'>');
    let (at, loose) = if element { (finish + 1, false) } else { separator(text, finish, blank_is_enough)? };
    let quotes = run(text, at, 3, |byte| matches!(byte, b'"' | b'\'' | b'`'));
    let quote = (quotes > 0).then(|| text[at]);
    let at = at + if quotes == 2 { 1 } else { quotes };
    let in_address = begin > 0 && matches!(text[begin - 1], b'?' | b'&') && quote.is_none();
    // A name in capitals followed by an equals sign, or an entry of `.netrc`.
    let environment = capitals && quote.is_none() && text.get(finish) == Some(&b'=') || loose && login;
    let value = match quote {
        Some(quote) => Value::quoted(text, at, quote),
        None if element => Value::bare(text, at, |byte| !ends_value(byte)),
        None if in_address => Value::bare(text, at, |byte| !ends_value(byte) && !matches!(byte, b'&' | b'#')),
        None => cut(
            text,
            Value::bare(text, at, |byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`')),
        ),
    };
    let value = value.usable()?;
    let shown = std::str::from_utf8(&value.joined).ok()?;
    let stands = match () {
        () if value.quoted => ValueContext::Quoted,
        () if environment || element => ValueContext::Environment,
        () if loose || option || in_address => ValueContext::Given,
        () => ValueContext::Loose,
    };
    (fits(shown, trust, stands) && !in_marker(text, begin) && !no_secret(&name, after))
        .then(|| value.found(kind))
}

/// Returns whether the name contains a secret word but has a harmless value.
fn no_secret(name: &str, after: &str) -> bool {
    const HARMLESS: &[&str] = &[
        "public",
        "max_token",
        "maxtoken",
        "max-token",
        "tokenize",
        "tokenis",
        "tokens",
        "token_type",
        "tokentype",
        "token_count",
        "num_token",
        "keyword",
        "csrf",
        "primary_key",
        "foreign_key",
        "sort_key",
        "cache_key",
        "partition_key",
        "publishable",
        "keyboard",
        "idempotency",
        "dedup",
        "token_ur",
        "tokenur",
        "token_endpoint",
        "password_reset",
        "passwordreset",
        "forgot",
        "secretary",
        "key_id",
        "keyid",
        "tokenid",
        "token_id",
        "etag",
        "page_token",
        "pagetoken",
        "pagination",
        "next_token",
        "nexttoken",
        "continuation",
        "cancellationtoken",
        "cancel_token",
    ];
    const ENDS: &[&str] = &[
        "_id",
        "id",
        "name",
        "_file",
        "file",
        "path",
        "_url",
        "url",
        "_uri",
        "type",
        "length",
        "len",
        "size",
        "count",
        "field",
        "label",
        "placeholder",
        "hint",
        "policy",
        "arn",
        "version",
        "kind",
        "class",
        "prefix",
        "suffix",
        "format",
        "error",
        "message",
        "expires",
        "expiry",
        "expiration",
        "ttl",
        "at",
        "index",
        "offset",
        "start",
        "end",
        "pos",
        "position",
        "range",
        "span",
        "env",
        "envvar",
        "var",
        "list",
        "map",
        "set",
        "regex",
        "pattern",
    ];
    HARMLESS.iter().any(|word| name.contains(word))
        || (!after.is_empty() && ENDS.iter().any(|end| after.ends_with(end)))
        || name.starts_with("no_")
        || name.starts_with("no-")
}

/// Returns whether the text before a name makes the next word its value: `set -gx NAME value`,
/// `setenv`, `setx`, `configure set`.
fn sets_variable(text: &[u8], name: usize) -> bool {
    let line = memchr::memrchr(b'\n', &text[..name]).map_or(0, |newline| newline + 1);
    let words = &text[line.max(name.saturating_sub(48))..name];
    let mut last = words.split(|byte| blank(*byte)).filter(|word| !word.is_empty()).rev();
    match last.next() {
        Some(b"setenv" | b"setx") => true,
        Some([b'-', flags @ ..]) => {
            flags.iter().all(u8::is_ascii_alphabetic) && flags.contains(&b'x') && last.next() == Some(b"set")
        }
        Some(b"set") => matches!(last.next(), Some(b"configure" | b"config")),
        _ => false,
    }
}

fn before(text: &[u8], at: usize, word: &[u8]) -> bool {
    let from = at.saturating_sub(160);
    memchr::memmem::find(&text[from..at], word).is_some()
}

/// Returns whether the position is inside one of our own replacements.
fn in_marker(text: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(40);
    memchr::memrchr(b'[', &text[from..at]).is_some_and(|open| {
        text[from + open..].starts_with(b"[removed: ") && !text[from + open..at].contains(&b']')
    })
}

/// Removes the characters that close a bare value or separate it from the next one.
fn cut(text: &[u8], mut value: Value) -> Value {
    let joined = &value.joined;
    let mut keep = joined.len();
    for (at, byte) in joined.iter().enumerate() {
        let next = joined.get(at + 1);
        let rest = &joined[at + 1..];
        let assigns = || {
            let name = rest.iter().take_while(|byte| name_byte(**byte)).count();
            name > 0 && matches!(rest.get(name), Some(b'=' | b':'))
        };
        let ends = match byte {
            b',' | b';' | b'&' | b'|' => next.is_none() || next == Some(byte) || assigns(),
            b')' | b']' | b'}' | b'.' => {
                rest.iter().all(|byte| matches!(byte, b')' | b']' | b'}' | b'.' | b',' | b';'))
            }
            b'<' => next == Some(&b'/'),
            _ => false,
        };
        if ends {
            keep = at;
            break;
        }
    }
    if keep < value.joined.len() {
        let lost = value.joined.len() - keep;
        value.joined.truncate(keep);
        // The end moves only if the value is on a single line.
        if value.end - value.start == keep + lost {
            value.end -= lost;
        }
    }
    debug_assert!(value.end <= text.len());
    value
}

/// Syntactic position of a value after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueContext {
    Quoted,
    /// After a name in capitals and an equals sign, or in `.netrc`.
    Environment,
    /// As the value of an option or a parameter.
    Given,
    Loose,
}

fn fits(value: &str, trust: Trust, stands: ValueContext) -> bool {
    let length = value.len();
    if length < 4 || worth::stands_for_something(value) || value.contains("[removed") {
        return false;
    }
    let bytes = value.as_bytes();
    let digit = bytes.iter().any(u8::is_ascii_digit);
    let letter = bytes.iter().any(u8::is_ascii_alphabetic);
    let mark = bytes.iter().any(|byte| {
        matches!(byte, b'!' | b'#' | b'%' | b'^' | b'*' | b'+' | b'=' | b'~' | b'?' | b'&' | b'@')
    });
    if bytes.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    match trust {
        Trust::Password if matches!(stands, ValueContext::Quoted | ValueContext::Environment) => {
            !worth::code(value) && !worth::name(value) && (digit || mark) && (letter || length >= 6)
                || worth::random(bytes) && length >= 8
        }
        Trust::Password => {
            length >= 6 && !worth::code(value) && !worth::name(value) && letter && (digit || mark)
                || stands == ValueContext::Given && length >= 8 && worth::random(bytes) && !worth::code(value)
        }
        Trust::Secret => {
            let plain = bytes.iter().all(u8::is_ascii_graphic) && !worth::code(value);
            let enough = if stands == ValueContext::Loose { 10 } else { 8 };
            plain && length >= enough && worth::random(bytes) && !worth::name(value)
        }
        Trust::Key => {
            let plain = bytes.iter().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b':' | b'%')
            });
            plain
                && length >= 20
                && digit
                && !worth::code(value)
                && worth::random(bytes)
                && !worth::name(value)
        }
    }
}

/// Finds the value of a cookie header or of a cookie option on a command line.
fn cookie(text: &[u8], at: usize, name: &str) -> Option<Found> {
    if !matches!(name, "cookie" | "set-cookie" | "set_cookie" | "http_cookie" | "cookies" | "x-cookie") {
        return None;
    }
    let (start, loose) = separator(text, at, text.get(at).is_some_and(|byte| blank(*byte)))?;
    let quote = text.get(start).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    if loose && quote.is_none() {
        return None;
    }
    let value = match quote {
        Some(quote) => Value::quoted(text, start + 1, quote),
        None => Value::line(text, start),
    };
    let shown = std::str::from_utf8(&value.joined).ok()?;
    let (key, rest) = shown.split_once('=')?;
    let pair = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let worthy = rest.split([';', '=']).any(|part| part.len() >= 8 && worth::random(part.trim().as_bytes()));
    (pair && worthy && !rest.contains("${")).then(|| value.found("cookie"))
}
