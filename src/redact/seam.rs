//! A seam: the place where a secret was broken over two lines, by a terminal, an editor, a shell's backslash or the plus of a
//! string in code.

/// Longest seam in bytes: quotes, marks and the indentation of the next line.
const LONGEST: usize = 160;

/// Where the text goes on when a line ends here. `None` when no line ends here, or the next one begins something else.
pub fn over(text: &[u8], at: usize) -> Option<usize> {
    let end = text.len().min(at + LONGEST);
    let text = &text[..end];
    let (quote, mut here) = quote(text, at);
    here = skip(text, here, b" \t");
    if let Some(quote) = quote {
        let joined = skip_one(text, here, b"+.");
        let next = skip(text, joined, b" \t");
        // "one" + "two" on one line.
        if joined > here && text.get(next) == Some(&quote) {
            return (next + 1 < end).then_some(next + 1);
        }
        here = skip_one(text, here, b"+.\\");
    } else {
        here = border(text, skip_one(text, here, b"\\"));
    }
    here = skip_one(text, skip(text, here, b" \t"), b"\r");
    here = (text.get(here) == Some(&b'\n')).then_some(here + 1)?;
    here = skip(text, here, b" \t");
    let (other, next) = match quote {
        Some(_) => self::quote(text, skip(text, skip_one(text, here, b"+."), b" \t")),
        None => (None, skip(text, border(text, skip_one(text, here, b">#*+")), b" \t")),
    };
    (other == quote && next < end).then_some(next)
}

fn quote(text: &[u8], at: usize) -> (Option<u8>, usize) {
    match text.get(at) {
        Some(quote @ (b'"' | b'\'' | b'`')) => (Some(*quote), at + 1),
        _ => (None, at),
    }
}

/// The frame that terminals draw around text.
fn border(text: &[u8], at: usize) -> usize {
    match text.get(at..) {
        Some([0xE2, 0x94, 0x82 | 0x83, ..]) => at + 3,
        Some([b'|', ..]) => at + 1,
        _ => at,
    }
}

fn skip(text: &[u8], at: usize, any: &[u8]) -> usize {
    at + text[at..].iter().take_while(|byte| any.contains(byte)).count()
}

fn skip_one(text: &[u8], at: usize, any: &[u8]) -> usize {
    at + usize::from(text.get(at).is_some_and(|byte| any.contains(byte)))
}

/// The place before the seam, when a line begins here: the reverse of [`over`], without its quotes.
pub fn before(text: &[u8], at: usize) -> Option<usize> {
    let here = margin(&text[..at], b" \t");
    let line = here.checked_sub(1).filter(|newline| text[*newline] == b'\n')?;
    Some(margin(&text[..line], b" \t\r\\"))
}

/// Where the text ends without blanks, frames and what else may stand at the end of a line.
pub fn margin(text: &[u8], blanks: &[u8]) -> usize {
    let cut = |text: &[u8]| {
        text.len() - text.iter().rev().take(LONGEST).take_while(|byte| blanks.contains(byte)).count()
    };
    let end = cut(text);
    let end = match &text[..end] {
        [.., 0xE2, 0x94, 0x82 | 0x83] => end - 3,
        [.., b'|'] => end - 1,
        _ => return end,
    };
    cut(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_after_indentation_frames_and_joined_strings() {
        for text in [
            "ab\ncd",
            "ab\r\n   cd",
            "ab\\\n  cd",
            "ab │\n│ cd",
            "ab\n> cd",
            "ab\" +\n  \"cd",
            "ab'\n 'cd",
            "ab\"\n + \"cd",
            "ab\" + \"cd",
            "ab' . 'cd",
        ] {
            let next = over(text.as_bytes(), 2);
            assert_eq!(next.map(|next| &text[next..]), Some("cd"), "{text}");
        }
        for text in ["ab cd", "ab", "ab\n", "ab\"\ncd", "ab,\ncd", "ab\" \"cd", "ab\" + 'cd"] {
            assert_eq!(over(text.as_bytes(), 2), None, "{text}");
        }
        assert_eq!(before(b"ab\n  cd", 5), Some(2));
        assert_eq!(before("ab │\n│ cd".as_bytes(), 10), Some(2));
        assert_eq!(before(b"ab  cd", 4), None);
    }
}
