//! A literal: one text, looked for in bytes of transcripts that mostly do not hold it.
//!
//! Its two rarest bytes are looked for first, at their distance, in stretches: whether a stretch holds both anywhere is asked at
//! once, with wide registers where the processor has them. Only where it does is the text itself looked for.

use crate::fs::before_cache_line;
use memchr::arch::all::packedpair::{HeuristicFrequencyRank, Pair};
use memchr::memmem::{Finder, FinderBuilder};
use multiversion::multiversion;

/// The most frequent bytes of transcripts, roughly in this order: counted in recorded ones and in those of the benches.
const FREQUENT: &[u8] = br#""e trasnoi:dc,mup\0l-f12bh4359687y/vx{}_kw.g[q()]"#;
/// Bytes that are asked about at once. Measured from 256 to 2048.
const STRETCH: usize = 1024;
/// Most stretches in which the text itself is looked for at once, the first of which holds both: where the two are frequent, they
/// are in the next ones too.
const MOST_CLOSER: usize = 64;

/// How often bytes are in transcripts.
struct Transcripts;

impl HeuristicFrequencyRank for Transcripts {
    fn rank(&self, byte: u8) -> u8 {
        memchr::memchr(byte, FREQUENT).map_or(0, |at| u8::MAX - u8::try_from(at).unwrap_or(u8::MAX))
    }
}

/// A text, with what finds it.
#[derive(Debug)]
pub struct Literal {
    finder: Box<Finder<'static>>,
    /// Places of its two rarest bytes; a text of one byte has none.
    pair: Option<[usize; 2]>,
}

impl Literal {
    /// What finds this text.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let finder = FinderBuilder::new().build_forward_with_ranker(Transcripts, text).into_owned();
        let pair =
            Pair::with_ranker(text, Transcripts).map(|pair| [pair.index1().into(), pair.index2().into()]);
        Self { finder: Box::new(finder), pair }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.finder.needle()
    }

    /// Whether these bytes hold it.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let text = self.text();
        let Some([one, other]) = self.pair else { return self.finder.find(bytes).is_some() };
        let mut bytes = bytes;
        let mut closer = 1;
        // The text begins at one of so many places, or nowhere.
        while let Some(places) = (bytes.len() + 1).checked_sub(text.len()) {
            let (first, second) = (&bytes[one..one + places], &bytes[other..other + places]);
            let from = places_without(first, second, text[one], text[other]);
            closer = if from > 0 { 1 } else { MOST_CLOSER.min(2 * closer) };
            let to = from + closer * STRETCH;
            if self.finder.find(&bytes[from..bytes.len().min(to + text.len() - 1)]).is_some() {
                return true;
            }
            bytes = bytes.get(to..).unwrap_or_default();
        }
        false
    }
}

/// So many places at the beginning, of whole stretches, have not `one` in the first where they have `other` in the second.
// With AVX-512 the macro means what processors from Ice Lake on have; older ones with some of it take AVX2.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn places_without(first: &[u8], second: &[u8], one: u8, other: u8) -> usize {
    // Numbers and no early end: what the compiler turns into wide registers.
    let holds = |(first, second): (&[u8; STRETCH], &[u8; STRETCH])| {
        let both = |(first, second): (&u8, &u8)| u8::from(*first == one) & u8::from(*second == other);
        first.iter().zip(second).fold(0, |any, bytes| any | both(bytes)) != 0
    };
    // From a cache line on, what is read of the first crosses none: a quarter less time. A part of the first stretch is asked about
    // twice for it.
    let line = before_cache_line(first);
    if line > 0 && first.first_chunk().zip(second.first_chunk()).is_none_or(holds) {
        return 0;
    }
    let [from_line, beside] =
        [first, second].map(|bytes| bytes.get(line..).unwrap_or_default().as_chunks().0);
    let passed = from_line.iter().zip(beside).position(holds).unwrap_or(from_line.len());
    if line > 0 { STRETCH.max(line + passed * STRETCH) } else { passed * STRETCH }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::CACHE_LINE;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_found_at_every_place_around_the_ends_of_stretches() {
        let text = b"xyzzy-7f";
        let literal = Literal::new(text);
        for length in
            [0, 7, 8, 9, STRETCH - 1, STRETCH, STRETCH + 7, STRETCH + 8, 2 * STRETCH + 20, 9 * STRETCH + 9]
        {
            let without = vec![b'.'; length];
            assert!(!literal.is_in(&without), "{length}");
            for at in (0..(length + 1).saturating_sub(text.len()))
                .filter(|at| at % 97 == 0 || (at + 40) % STRETCH < 80 || at + 80 > length)
            {
                let mut with = without.clone();
                with[at..at + text.len()].copy_from_slice(text);
                assert!(literal.is_in(&with), "{length} {at}");
                // Wherever in a cache line they begin.
                let line = at % CACHE_LINE;
                assert!(at < line || literal.is_in(&with[line..]), "{length} {at}");
                with[at + 3] = b'.';
                assert!(!literal.is_in(&with), "{length} {at}");
            }
        }
    }

    #[test]
    fn a_text_is_found_behind_many_stretches_that_hold_its_two_bytes() {
        let text = b"xyzzy-7f";
        let literal = Literal::new(text);
        let [one, other] = literal.pair.unwrap();
        let mut both = [b'.'; 8];
        (both[one], both[other]) = (text[one], text[other]);
        let mut bytes = both.repeat(3 * MOST_CLOSER * STRETCH / both.len());
        for without in [0, 5 * STRETCH + 3, 40] {
            bytes.extend(vec![b'.'; without]);
            assert!(!literal.is_in(&bytes), "{without}");
            let with = [bytes.as_slice(), text, &both.repeat(200)].concat();
            assert!(literal.is_in(&with), "{without}");
            bytes.extend(both.repeat(200));
        }
    }

    #[test]
    fn a_text_is_found_at_every_place_behind_what_only_looks_like_it() {
        let text = b"xyzzy-7f";
        let literal = Literal::new(text);
        let [one, other] = literal.pair.unwrap();
        for alike in [0, 3 * STRETCH - 20] {
            for at in (STRETCH..=6 * STRETCH).step_by(STRETCH).flat_map(|end| end - 9..=end + 9) {
                let mut bytes = vec![b'.'; 7 * STRETCH];
                (bytes[alike + one], bytes[alike + other]) = (text[one], text[other]);
                assert!(!literal.is_in(&bytes));
                bytes[at..at + text.len()].copy_from_slice(text);
                assert!(literal.is_in(&bytes), "{alike} {at}");
            }
        }
    }

    #[test]
    fn texts_of_any_length_are_found() {
        for length in [0, 1, 2, 3, 254, 255, 256, 257, 600] {
            // Its rarest bytes are at its end.
            let mut text = [vec![b'e'; length], b"QX".to_vec()].concat().split_off(2);
            let literal = Literal::new(&text);
            let around = vec![b'e'; 3000];
            assert!(literal.is_in(&[around.as_slice(), &text, &around].concat()), "{length}");
            if let Some(last) = text.last_mut() {
                *last = b'Y';
                assert!(!literal.is_in(&[around.as_slice(), &text, &around].concat()), "{length}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_literal_says_what_a_search_byte_by_byte_says(
            text in "[ab]{1,6}", bytes in proptest::collection::vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'b')], 0..6000),
            line in 0..CACHE_LINE,
        ) {
            let bytes = &bytes[line.min(bytes.len())..];
            let held = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            prop_assert_eq!(Literal::new(text.as_bytes()).is_in(bytes), held);
        }
    }
}
