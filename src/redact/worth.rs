//! Decides whether a value in the place of a secret is a secret, or a word, a name, code or a placeholder.
//!
//! Uses only integers, so that the result is the same on every machine.

/// Character statistics of a value.
#[derive(Debug, Default, Clone, Copy)]
struct ValueComposition {
    lower: usize,
    upper: usize,
    digit: usize,
    mark: usize,
    distinct: usize,
    /// Transitions between lower case, upper case and digits.
    turns: usize,
    /// Transitions between letters and digits.
    digit_turns: usize,
    /// Number of bytes in possible words: three or more lower-case letters in a row with the capital before
    /// them, or four or more capitals.
    words: usize,
}

/// Classifies a byte: lower case, upper case, digit, or other.
const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    }
}

fn made(value: &[u8]) -> ValueComposition {
    let mut made = ValueComposition::default();
    let mut seen = [false; 256];
    let mut last = b' ';
    // Current run of letters of one case: its start, and whether it is pronounceable.
    let mut began = 0;
    let mut spoken = false;
    for (at, &byte) in value.iter().chain(b" ").enumerate() {
        let (now, then) = (class(byte), class(last));
        if now != then {
            let length = at - began;
            let capital = began > 0 && value[began - 1].is_ascii_uppercase();
            made.words += match then {
                1 if spoken && length >= 3 => length + usize::from(capital),
                2 if spoken && length >= 4 => length,
                _ => 0,
            };
            began = at;
            spoken = false;
            if now != 0 && then != 0 {
                made.turns += 1;
                made.digit_turns += usize::from(now == 3 || then == 3);
            }
        }
        spoken |= b"aeiouyAEIOUY".contains(&byte);
        last = byte;
        if at == value.len() {
            break;
        }
        seen[usize::from(byte)] = true;
        match now {
            1 => made.lower += 1,
            2 => made.upper += 1,
            3 => made.digit += 1,
            _ => made.mark += 1,
        }
    }
    made.distinct = seen.iter().filter(|seen| **seen).count();
    made
}

/// Returns whether a value looks random: letters and digits mixed in a way that no name does.
#[must_use]
pub fn random(value: &[u8]) -> bool {
    let made = made(value);
    let letters = made.lower + made.upper;
    let length = value.len();
    if letters == 0 || made.distinct < (length / 2).min(7) {
        return false;
    }
    if made.digit > 0 {
        let mixed = made.lower > 0 && made.upper > 0 && length >= 12 && made.turns * 5 >= length * 2;
        mixed || made.words * 2 < length || made.digit_turns >= (length / 8).max(3)
    } else {
        made.lower > 0 && made.upper > 0 && made.turns * 20 >= length * 9
    }
}

/// Returns whether a value has enough distinct bytes; rules out repeated characters and `1234`.
#[must_use]
pub fn varied(value: &[u8]) -> bool {
    made(value).distinct >= (value.len() / 3).clamp(3, 4)
}

/// Returns whether this looks like the rest of a secret that was broken off at the end of a line.
#[must_use]
pub fn torn(rest: &[u8]) -> bool {
    let padding = rest.iter().rev().take_while(|byte| **byte == b'=').count();
    let rest = &rest[..rest.len() - padding];
    if padding > 2 || rest.len() < 2 || rest.contains(&b'=') && rest.iter().all(|byte| *byte != b'&') {
        return false;
    }
    if rest.ends_with(b":") || rest.contains(&b'(') {
        return false;
    }
    let made = made(rest);
    let letters = made.lower + made.upper;
    (made.digit > 0 && letters > 0)
        || (made.digit == rest.len() && rest.len() >= 4)
        || (made.lower > 0 && made.upper > 0 && made.turns >= 2 && made.turns * 3 >= rest.len())
        || (made.mark > 0
            && rest.iter().any(|byte| matches!(byte, b'!' | b'#' | b'^' | b'~' | b'?' | b'+' | b'/')))
        || (letters == rest.len() && rest.len() >= 24)
        || (letters == rest.len() && !rest.iter().any(|byte| b"aeiouyAEIOUY".contains(byte)))
}

/// Returns whether a value is a reference, a placeholder or a schema keyword instead of a secret.
#[must_use]
pub fn stands_for_something(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "string",
        "number",
        "integer",
        "boolean",
        "object",
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "password",
        "passwd",
        "passphrase",
        "pass",
        "pwd",
        "token",
        "secret",
        "api_key",
        "apikey",
        "key",
        "required",
        "optional",
        "text",
        "value",
        "default",
        "bearer",
        "basic",
        "changeme",
        "change_me",
        "example",
        "redacted",
        "hidden",
        "unset",
        "empty",
        "test",
        "foo",
        "bar",
        "username",
        "user",
        "mypassword",
        "my_password",
    ];
    const STARTS: &[&str] = &[
        "process.",
        "env.",
        "os.",
        "import.",
        "self.",
        "this.",
        "config.",
        "args.",
        "req.",
        "options.",
        "secrets.",
        "your",
        "my-",
        "my_",
        "example",
        "placeholder",
        "insert",
        "replace",
        "dummy",
        "[removed",
    ];
    let lower = value.to_ascii_lowercase();
    WORDS.contains(&lower.as_str())
        || value.starts_with(['$', '<', '{', '@', '(', '&'])
        || value.starts_with('%') && value.ends_with('%')
        || lower.contains("[removed")
        || lower.contains("${")
        || lower.contains("{{")
        || STARTS.iter().any(|start| lower.starts_with(start))
        || value.bytes().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'0'))
}

/// Returns whether a value is a number, a path, a URL, a version or code.
#[must_use]
pub fn code(value: &str) -> bool {
    let bytes = value.as_bytes();
    let hex = value.strip_prefix("0x").is_some_and(|digits| digits.len() <= 16);
    let number =
        bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b',' | b'-' | b':'));
    let path = value.starts_with(['.', '~', '-', '#', '\\'])
        || value.strip_prefix('/').is_some_and(|rest| !random(rest.as_bytes()))
        || value.contains("::")
        || value.contains("->")
        || value.contains("://")
        || value.contains("..");
    let call = value.contains(['(', '[', '{', '<', '>', '`']);
    hex || number || path || call
}

/// Returns whether a value is the name of a variable, field, file or CSS class: words with separators, and
/// digits at their ends.
#[must_use]
pub fn name(value: &str) -> bool {
    let bytes = value.as_bytes();
    let plain = bytes.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/' | b':' | b'$' | b'@')
    });
    if !plain || !bytes.iter().any(u8::is_ascii_alphabetic) {
        return false;
    }
    value.split(['_', '.', '-', '/', ':', '$', '@']).all(|part| {
        let letters = part.trim_end_matches(|char: char| char.is_ascii_digit());
        letters.bytes().filter(u8::is_ascii_digit).count() <= 2
            && (part.len() < 6 || !random(part.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_random_and_names_do_not() {
        for key in [
            "aB3dE5gH7jK9mN1p",
            "9f86d081884c7d659a2feaa0c55ad015",
            "kXbQzTrwPmLd",
            "q7w8e9r0t1y2u3i4",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYzz9KEY",
        ] {
            assert!(random(key.as_bytes()), "{key}");
        }
        for word in [
            "getUserToken2",
            "oauth2_token",
            "authorization",
            "AUTH_TOKEN",
            "sha256",
            "xxxxxxxxxxxx1",
            "client-secret-1",
        ] {
            assert!(!random(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn the_rest_of_a_split_secret_is_distinguished_from_following_words() {
        for rest in ["8fk2", "kXbQzTrw", "a1==", "93820183", "er2!x"] {
            assert!(torn(rest.as_bytes()), "{rest}");
        }
        for word in ["and", "The", "next_line", "key2:", "NAME=value", "foo(1)", ""] {
            assert!(!torn(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn references_and_code_are_not_secrets() {
        assert!(
            stands_for_something("${API_KEY}")
                && stands_for_something("process.env.X")
                && stands_for_something("****")
        );
        assert!(!stands_for_something("hunter2!x"));
        assert!(code("0x100") && code("get(1)") && code("/etc/x1") && code("10.0.0.1") && !code("hunter2!x"));
        assert!(name("node.dot2_token") && name("getUserToken2") && name("pre_auth1") && name("AUTH_TOKEN2"));
        assert!(!name("aB3dE5gH7jK9mN1p") && !name("hunter2!x"));
    }
}
