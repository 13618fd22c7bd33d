//! Filters by name, project and prompt with fuzzy matching.

use super::words::{name_of, name_of_gone, project_of, project_of_gone};
use crate::report::gone::GoneSession;
use crate::report::session::Session;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Returns the text that the filter matches.
#[must_use]
pub fn haystack(session: &Session) -> String {
    let prompt = session.last_prompt.as_deref().unwrap_or_default();
    let title = session.title.as_deref().unwrap_or_default();
    format!("{} {title} {} {prompt} {}", name_of(session), project_of(session), session.id)
}

/// Returns the filter text of a session without a transcript, including the prompts typed into it.
#[must_use]
pub fn haystack_of_gone(gone: &GoneSession) -> String {
    let title = gone.title.as_deref().unwrap_or_default();
    let prompts: Vec<&str> = gone.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    format!("{} {title} {} {} {}", name_of_gone(gone), project_of_gone(gone), prompts.join(" "), gone.id)
}

/// Returns the index and the score of the matching texts. A higher score is better. Words match in any order.
#[must_use]
pub fn matching<'t>(filter: &str, texts: impl Iterator<Item = &'t str>) -> Vec<(usize, u32)> {
    let pattern = Pattern::parse(filter, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    texts
        .enumerate()
        .filter_map(|(index, text)| {
            pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher).map(|score| (index, score))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_letters_match_in_order_and_words_in_any_order() {
        let texts = ["fix flaky test web", "write docs api", "flat tests"];
        let found = |filter: &str| -> Vec<usize> {
            matching(filter, texts.into_iter()).into_iter().map(|(index, _)| index).collect()
        };
        assert_eq!(found("flkt"), [0]);
        assert_eq!(found("web flaky"), [0]);
        assert_eq!(found("docs"), [1]);
        assert_eq!(found("zzz"), [] as [usize; 0]);
    }
}
