//! Finds secrets by their whole form, because no revealing name precedes them and their first letters are
//! ordinary: a line of a password file, a column of a table, separated parts, or the encoding of a token.

use super::{Found, place, token, worth};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

#[cfg(test)]
pub const KINDS: &[&str] = &["discord bot token", "asana token", "password", "private key", "secret"];

/// Suffixes of column names that contain secrets, without separators.
const SECRET_COLUMNS: [&[u8]; 8] =
    [b"password", b"passwd", b"pwd", b"secret", b"token", b"apikey", b"accesskey", b"secretkey"];
/// Maximum number of table rows that are checked after the header.
const ROWS: usize = 1000;
/// Maximum length of a table header, in bytes.
const HEAD: usize = 400;
/// Minimum and maximum length, in bytes, of the encoded text that is decoded; the rest of a longer text
/// belongs to the same secret.
const ENCODED: (usize, usize) = (32, 4096);
/// Minimum length of a line of a key file, except its last, in bytes.
const WHOLE_LINE: usize = 48;
/// Maximum length of a password in `.pgpass`, in bytes.
const LONGEST_PASSWORD: usize = 256;
/// Maximum size of a key whose first line is missing, in bytes.
const KEY: usize = 16 * 1024;

/// Adds every secret that is recognized by its shape to `found`.
pub fn find(text: &[u8], found: &mut Vec<Found>) {
    found.extend(memchr::memchr_iter(b'.', text).filter_map(|dot| discord(text, dot)));
    found.extend(memchr::memchr_iter(b':', text).filter_map(|colon| password_line(text, colon)));
    found.extend(memchr::memchr_iter(b':', text).filter_map(|colon| asana(text, colon)));
    let mut done = 0;
    for end in memchr::memmem::find_iter(text, b"-----END ") {
        found.extend(key_end(text, done, end));
        done = end;
    }
    columns(text, found);
    encoded(text, found);
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn after(text: &[u8], at: usize, of: impl Fn(u8) -> bool) -> usize {
    text[at.min(text.len())..].iter().take_while(|byte| of(**byte)).count()
}

fn before(text: &[u8], at: usize, most: usize, of: impl Fn(u8) -> bool) -> usize {
    text[..at].iter().rev().take(most).take_while(|byte| of(**byte)).count()
}

/// Finds a Discord bot token: user number, time and signature, separated by full stops. The encoded number
/// starts with M, N or O.
fn discord(text: &[u8], dot: usize) -> Option<Found> {
    let time = after(text, dot + 1, word);
    let user = before(text, dot, 40, word);
    if time != 6 || text.get(dot + 7) != Some(&b'.') || !(23..=28).contains(&user) {
        return None;
    }
    let (start, end) = (dot - user, dot + 8 + after(text, dot + 8, word));
    let fits = matches!(text[start], b'M' | b'N' | b'O')
        && end - dot >= 8 + 27
        && worth::random(&text[dot + 8..end]);
    fits.then_some(Found { start, end, kind: "discord bot token" })
}

/// Finds a line of `.pgpass`: `host:port:database:user:password`.
fn password_line(text: &[u8], colon: usize) -> Option<Found> {
    let field = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    let host = before(text, colon, 253, |byte| word(byte) || matches!(byte, b'.' | b'*'));
    let port = after(text, colon + 1, |byte| byte.is_ascii_digit() || byte == b'*');
    let goes_back = host < colon && text[colon - host - 1] == b':';
    if host == 0 || goes_back || !(1..=5).contains(&port) {
        return None;
    }
    let mut at = colon + 1 + port;
    for _ in 0..2 {
        let length = after(text, (text.get(at) == Some(&b':')).then_some(at + 1)?, field);
        at += 1 + length;
        (length > 0).then_some(())?;
    }
    let start = (text.get(at) == Some(&b':')).then_some(at + 1)?;
    let rest = &text[start..text.len().min(start + LONGEST_PASSWORD)];
    let end = start + after(rest, 0, |byte| field(byte) && !matches!(byte, b'"' | b'\'' | b'`'));
    let value = &text[start..end];
    if text.get(end) == Some(&b':') {
        return None;
    }
    let mixed = value.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let fits = place::is_password(value) || value.len() >= 8 && mixed && worth::varied(value);
    fits.then_some(Found { start, end, kind: "password" })
}

/// Finds an Asana token: `1/1200000000000000:` followed by 32 hexadecimal digits.
fn asana(text: &[u8], colon: usize) -> Option<Found> {
    let digits = before(text, colon, 40, |byte| byte.is_ascii_digit() || byte == b'/');
    let number = &text[colon - digits..colon];
    let length = after(text, colon + 1, |byte| byte.is_ascii_hexdigit());
    let fits = digits >= 12 && matches!(number, [b'0'..=b'2', b'/', ..]) && length == 32;
    fits.then_some(Found { start: colon - digits, end: colon + 33, kind: "asana token" })
}

/// Finds a private key whose first lines are missing, from the encoded lines before its end marker.
fn key_end(text: &[u8], from: usize, end: usize) -> Option<Found> {
    let head = &text[end..text.len().min(end + 64)];
    memchr::memmem::find(head, b"PRIVATE KEY-----")?;
    let from = from.max(end.saturating_sub(KEY));
    let mut start = end;
    let mut whole_lines = 0;
    while start > from {
        let gap = before(text, start, 64, |byte| {
            matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'|' | b'"' | b'\'' | b',')
        });
        let length = before(text, start - gap, 512, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
        });
        // Only the last line may be shorter.
        if gap == 0 || length < 4 || start != end && length < WHOLE_LINE {
            break;
        }
        whole_lines += usize::from(length >= WHOLE_LINE);
        start -= gap + length;
    }
    (whole_lines > 0).then_some(Found { start, end, kind: "private key" })
}

/// A table whose header names a secret.
struct Table {
    /// Separator between two columns.
    mark: u8,
    /// Number of separators per row.
    marks: usize,
    /// Indexes of the columns that contain secrets.
    secret: Vec<usize>,
    rows: usize,
}

impl Table {
    /// Parses a header such as `user,password`. Words may precede the first column.
    fn of(head: &[u8]) -> Option<Self> {
        if head.len() > HEAD {
            return None;
        }
        let mark = [b',', b';', b'\t', b'|'].into_iter().find(|mark| head.contains(mark))?;
        let marks = memchr::memchr_iter(mark, head).count();
        let mut secret = Vec::new();
        for (index, cell) in head.split(|byte| *byte == mark).enumerate() {
            let name: Vec<u8> = cell_in(cell, index, marks)
                .iter()
                .filter(|byte| !matches!(byte, b'_' | b'-' | b'"'))
                .map(u8::to_ascii_lowercase)
                .collect();
            if name.is_empty() || name.len() > 40 || !name.iter().all(u8::is_ascii_alphanumeric) {
                return None;
            }
            if SECRET_COLUMNS.iter().any(|one| name.ends_with(one)) {
                secret.push(index);
            }
        }
        (!secret.is_empty()).then_some(Self { mark, marks, secret, rows: 0 })
    }
}

/// Returns the content of a cell. Words of a sentence may precede the first cell and follow the last one.
fn cell_in(cell: &[u8], index: usize, last: usize) -> &[u8] {
    let cell = cell.trim_ascii();
    let mut words = cell.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let word = match index {
        0 => words.next_back(),
        _ if index == last => words.next(),
        _ => Some(cell),
    };
    let word = word.unwrap_or_default();
    word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word)
}

/// Finds secrets in table columns whose header names one.
fn columns(text: &[u8], found: &mut Vec<Found>) {
    let mut at = 0;
    let mut table: Option<Table> = None;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
        let line = &text[at..end];
        let goes_on =
            |table: &Table| table.rows < ROWS && memchr::memchr_iter(table.mark, line).count() == table.marks;
        table = if let Some(mut table) = table.filter(goes_on) {
            let mut start = at;
            for (index, cell) in line.split(|byte| *byte == table.mark).enumerate() {
                let value = cell_in(cell, index, table.marks);
                if table.secret.contains(&index) && place::is_password(value) {
                    let from = start + memchr::memmem::find(cell, value).unwrap_or(0);
                    found.push(Found { start: from, end: from + value.len(), kind: "password" });
                }
                start += cell.len() + 1;
            }
            table.rows += 1;
            Some(table)
        } else {
            Table::of(line)
        };
        at = end + 1;
    }
}

/// Finds base64 text that encodes a token.
fn encoded(text: &[u8], found: &mut Vec<Found>) {
    let mut at = 0;
    while at < text.len() {
        let length = after(text, at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        if length >= ENCODED.0 {
            let part = &text[at..at + length.min(ENCODED.1) / 4 * 4];
            if let Ok(plain) = STANDARD_NO_PAD.decode(part)
                && let Ok(plain) = std::str::from_utf8(&plain)
            {
                let mut inside = Vec::new();
                token::find(plain.as_bytes(), &mut inside);
                let padding = after(text, at + length, |byte| byte == b'=');
                if let Some(one) = inside.first() {
                    found.push(Found { start: at, end: at + length + padding, kind: one.kind });
                }
            }
        }
        at += length + 1;
    }
}

#[cfg(test)]
mod tests {
    use crate::redact::redact;

    /// Returns `count` random-looking letters and digits.
    fn drawn(count: usize) -> String {
        "q7Wm2ZxK9bLd4RtY8uVnC3sGh6JpE1fTa5oQ0iXw".chars().cycle().take(count).collect()
    }

    #[test]
    fn secrets_without_a_name_are_recognized_by_their_shape() {
        use base64::Engine;
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let key: Vec<String> = (0..5).map(|at| drawn(64 + at)[at..].to_owned()).collect();
        let cases = [
            (format!("M{}.{}.{}", drawn(23), &drawn(6), drawn(38)), drawn(38)),
            (format!("db.host:5432:app:me:{}", drawn(16)), drawn(16)),
            ("1/1200000000000000:0123456789abcdef0123456789abcdef".to_owned(), "0123456789abcdef".to_owned()),
            (format!("{}\nabc=\n-----END RSA PRIVATE KEY-----", key.join("\n")), key[0].clone()),
            (format!("user,password\nalice,{}\nbob,{}", drawn(20), drawn(24)), drawn(20)),
            (format!("Import: name;api_key;role\nalice;{};admin", drawn(32)), drawn(32)),
            (encode(&format!("sk-ant-api03-{}", drawn(93))), encode("sk-ant-api03-")[..12].to_owned()),
            (encode(&format!("me:ghp_{}", drawn(36))), encode("me:ghp")[..8].to_owned()),
            (format!("root:$6${}${}:19000:0:99999:7:::", drawn(8), drawn(86)), drawn(86)),
            (format!("\"npm_{}\" + \"{}\"", &drawn(36)[..8], &drawn(36)[8..]), drawn(36)[8..].to_owned()),
        ];
        for (text, secret) in cases {
            let shown = redact(&text);
            assert!(shown.contains("[removed: ") && !shown.contains(&secret), "{text}\n{shown}");
        }
    }

    #[test]
    fn text_that_only_resembles_a_secret_is_unchanged() {
        for text in [
            "src/main.rs:12:5:error:mismatched types",
            "10.0.0.1:8080:app:me:localhost",
            "see 1/2: 0123456789abcdef",
            "v1.2.3-beta.4",
            "2606:2800:220:1:248:1893:25c8:1946",
            "25:FE:39:32:D9:98:DB:71:4C:1D",
            "private readonly startToken;\nprivate readonly emit2Foo1Bar;",
            "name,email\nalice,aB3dE5gH7jK9mN1p",
            "user,password\nalice,none\nbob,required",
            "The password is required, and the token is invalid.",
            "docker run -p 8080:80 image",
            "aGVsbG8gd29ybGQsIHRoaXMgaXMgb25seSBhIHRleHQgd2l0aG91dCBhbnl0aGluZw==",
            "set -x HOME token",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn secrets_are_found_in_shell_commands_sentences_and_documents() {
        let secret = drawn(32);
        for text in [
            format!("set -gx MY_SECRET {secret}"),
            format!("setenv API_TOKEN {secret}"),
            format!("setx DB_PASSWORD {secret}"),
            format!("aws configure set aws_secret_access_key {secret}"),
            format!("<password>{secret}</password>"),
            format!("<add key=\"Password\" value=\"{secret}\"/>"),
            format!("use this API key: {secret}"),
            format!("the admin password is {secret} on staging"),
            format!("docker login -u me -p {secret} r.io"),
            format!("redis-cli -h cache -a {secret} ping"),
            format!("ldapsearch -D cn=admin -w {secret}"),
            format!("{{\"auths\":{{\"https://index.docker.io/v1/\":{{\"auth\":\"{secret}\"}}}}}}"),
        ] {
            let shown = redact(&text);
            assert!(shown.contains("[removed: ") && !shown.contains(&secret), "{text}\n{shown}");
        }
    }
}
