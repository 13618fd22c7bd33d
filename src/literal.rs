//! A literal: one text, looked for in bytes of transcripts that mostly do not hold it.
//!
//! Its two rarest bytes are looked for first, at their distance, in stretches: whether a stretch holds both anywhere is asked at
//! once, with wide registers where the processor has them. Where it does, the same is asked about its four rarest bytes, and only
//! where these are is the text itself looked for.

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
    /// Places of its rarest bytes, the first two of which differ; a text of one byte has none.
    rarest: Option<[usize; 4]>,
}

impl Literal {
    /// What finds this text.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let finder = FinderBuilder::new().build_forward_with_ranker(Transcripts, text).into_owned();
        let rarest = Pair::with_ranker(text, Transcripts).map(|pair| {
            let pair = [pair.index1(), pair.index2()].map(usize::from);
            let mut others: Vec<usize> = (0..text.len()).filter(|at| !pair.contains(at)).collect();
            others.sort_by_key(|at| Transcripts.rank(text[*at]));
            let other = |at: usize| others.get(at).copied().unwrap_or(pair[0]);
            [pair[0], pair[1], other(0), other(1)]
        });
        Self { finder: Box::new(finder), rarest }
    }

    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.finder.needle()
    }

    /// Whether these bytes hold it.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let text = self.text();
        let Some(rarest) = self.rarest else { return self.finder.find(bytes).is_some() };
        let wanted = rarest.map(|at| text[at]);
        let mut bytes = bytes;
        let mut closer = 1;
        // The text begins at one of so many places, or nowhere.
        while let Some(places) = (bytes.len() + 1).checked_sub(text.len()) {
            let from = places_without(rarest.map(|at| &bytes[at..at + places]), wanted);
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

/// So many places at the beginning have not all of the wanted bytes, each in its view: those before the first stretch that does, or
/// all. The first two bytes are asked about everywhere, the others where these are.
// With AVX-512 the macro means what processors from Ice Lake on have; older ones with some of it take AVX2.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn places_without(views: [&[u8]; 4], wanted: [u8; 4]) -> usize {
    // Numbers and no early end: what the compiler turns into wide registers.
    let pair = |stretch: &[&[u8; STRETCH]; 4]| {
        let both =
            |(first, second): (&u8, &u8)| u8::from(*first == wanted[0]) & u8::from(*second == wanted[1]);
        stretch[0].iter().zip(stretch[1]).fold(0, |any, bytes| any | both(bytes)) != 0
    };
    let all = |stretch: &[&[u8; STRETCH]; 4]| {
        let is = |view: usize, at: usize| u8::from(stretch[view][at] == wanted[view]);
        (0..STRETCH).fold(0, |any, at| any | is(0, at) & is(1, at) & is(2, at) & is(3, at)) != 0
    };
    let holds =
        |stretch: Option<[&[u8; STRETCH]; 4]>| stretch.is_none_or(|stretch| pair(&stretch) && all(&stretch));
    // From a cache line on, what is read of the first crosses none: a quarter less time. A part of the first stretch is asked about
    // twice for it.
    let line = before_cache_line(views[0]);
    if line > 0 && holds(four(views.map(<[u8]>::first_chunk))) {
        return 0;
    }
    let stretches = views.map(|bytes| bytes.get(line..).unwrap_or_default().as_chunks().0);
    let stretch = |at: usize| four(stretches.map(|stretches| stretches.get(at)));
    let whole = stretches[0].len();
    let passed = (0..whole).find(|at| holds(stretch(*at))).unwrap_or(whole);
    // The places behind the last whole stretch are asked about together with some before them.
    if passed == whole && !holds(four(views.map(<[u8]>::last_chunk))) {
        return views[0].len();
    }
    if line > 0 { STRETCH.max(line + passed * STRETCH) } else { passed * STRETCH }
}

fn four<T>(views: [Option<T>; 4]) -> Option<[T; 4]> {
    let [first, second, third, fourth] = views;
    Some([first?, second?, third?, fourth?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::CACHE_LINE;
    use proptest::prelude::*;

    /// What has its two, its three and its four rarest bytes where it has them, and nothing else of it.
    fn alikes(literal: &Literal) -> Vec<Vec<u8>> {
        let rarest = literal.rarest.unwrap();
        let alike = |count| {
            let mut bytes = vec![b'.'; literal.text().len()];
            for at in &rarest[..count] {
                bytes[*at] = literal.text()[*at];
            }
            bytes
        };
        vec![alike(2), alike(3), alike(4)]
    }

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
        for alike in alikes(&literal) {
            let mut bytes = alike.repeat(3 * MOST_CLOSER * STRETCH / alike.len());
            for without in [0, 5 * STRETCH + 3, 40] {
                bytes.extend(vec![b'.'; without]);
                assert!(!literal.is_in(&bytes), "{without}");
                let with = [bytes.as_slice(), text, &alike.repeat(200)].concat();
                assert!(literal.is_in(&with), "{without}");
                bytes.extend(alike.repeat(200));
            }
        }
    }

    #[test]
    fn a_text_is_found_at_every_place_behind_what_only_looks_like_it() {
        let text = b"xyzzy-7f";
        let literal = Literal::new(text);
        for alike in alikes(&literal) {
            for from in [0, 3 * STRETCH - 20] {
                for at in (STRETCH..=6 * STRETCH).step_by(STRETCH).flat_map(|end| end - 9..=end + 9) {
                    let mut bytes = vec![b'.'; 7 * STRETCH];
                    bytes[from..from + alike.len()].copy_from_slice(&alike);
                    assert!(!literal.is_in(&bytes));
                    bytes[at..at + text.len()].copy_from_slice(text);
                    assert!(literal.is_in(&bytes), "{from} {at}");
                }
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
