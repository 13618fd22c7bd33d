//! Finds seams, the points where a terminal, an editor, a shell's backslash or a string concatenation in code
//! broke a secret over two lines.

/// Maximum length of a seam in bytes: quotes, marks and the indentation of the next line.
const LONGEST: usize = 160;

/// Returns where the text continues if a line ends here. `None` if no line ends here, or the next
/// one starts something else.
pub fn over(text: &[u8], at: usize) -> Option<usize> {
    let end = text.len().min(at + LONGEST);
    let text = &text[..end];
    let (quote, mut here) = quote(text, at);
    here = skip(text, here, b" \t");
    if let Some(quote) = quote {
        let joined = skip_one(text, here, b"+.");
        let next = skip(text, joined, b" \t");
        // "one" + "two" on a single line.
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

/// Skips the frame that terminals draw around text.
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

/// Returns the position before the seam if a line starts here. This is the reverse of [`over`], without its
/// quotes.
pub fn before(text: &[u8], at: usize) -> Option<usize> {
    let here = margin(&text[..at], b" \t");
    let line = here.checked_sub(1).filter(|newline| text[*newline] == b'\n')?;
    Some(margin(&text[..line], b" \t\r\\"))
}

/// Returns the end of the text without trailing whitespace, frames and other line-end marks.
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
    fn a_line_continues_after_indentation_frames_and_joined_strings() {
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
