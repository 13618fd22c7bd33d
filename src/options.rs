//! Parses the option objects of the exported functions.

use crate::error::{Code, Error};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Parses the options of an exported function. A missing or `null` object counts as empty.
///
/// Every type parsed here denies unknown fields: `prune({ dryrun: true })` must not delete what
/// `dryRun` would have listed.
///
/// # Errors
///
/// Returns [`Code::Usage`] for anything but an object, for an unknown option, and for a value of the wrong
/// type.
pub fn read_options<O: DeserializeOwned>(options: Option<Value>) -> Result<O, Error> {
    let options = options.filter(|options| !options.is_null()).unwrap_or_else(|| json!({}));
    // Serde would accept an array as the fields in their order.
    if !options.is_object() {
        return Err(Error::new(Code::Usage, "options are not an object"));
    }
    serde_path_to_error::deserialize(options).map_err(|error| {
        let within = error.path().to_string();
        let message = error.inner().to_string();
        unknown_option(&within, &message)
            .unwrap_or_else(|| Error::new(Code::Usage, format!("{within}: {message}")))
    })
}

/// Extracts the unknown field and the known ones from a serde message:
/// ``unknown field `a`, expected `b` or `c` ``.
pub(crate) fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut names = message.strip_prefix("unknown field `")?.split('`');
    let unknown = names.next()?;
    // Every second part is the text between two names.
    Some((unknown, names.skip(1).step_by(2).collect()))
}

fn unknown_option(within: &str, message: &str) -> Option<Error> {
    let (unknown, known) = unknown_field(message)?;
    let owner = within.strip_suffix(unknown).map(|owner| owner.trim_end_matches('.')).unwrap_or_default();
    let place = if owner.is_empty() { String::new() } else { format!(" in {owner}") };
    let error = Error::new(Code::Usage, format!("unknown option \"{unknown}\"{place}"));
    Some(match closest(unknown, &known) {
        Some(name) => error.hint(format!("did you mean \"{name}\"?")),
        None if known.is_empty() => error.hint("this object has no options"),
        None => error.hint(format!("the options are {}", known.join(", "))),
    })
}

/// Returns the known name that was probably intended: a name that is equal except for case and separators or,
/// without one, the name with the fewest edits, if these are at most a third of the letters.
pub(crate) fn closest<'n>(unknown: &str, names: &[&'n str]) -> Option<&'n str> {
    let plain =
        |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(unknown);
    let distance = |name: &&&str| edits(&wanted, &plain(name));
    let best = names.iter().min_by_key(distance)?;
    (distance(&best) <= wanted.len().div_ceil(3)).then_some(*best)
}

/// Returns the Levenshtein distance: letters to insert, delete or replace to turn one word into another.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, counterpart) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *counterpart);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rescue::export::ExportOptions;
    use crate::rescue::kill::KillOptions;
    use crate::rescue::prune::PruneOptions;

    fn refusal<O: DeserializeOwned>(options: Value) -> (Code, String, Option<String>) {
        let Err(error) = read_options::<O>(Some(options)) else { panic!("the options were accepted") };
        (error.code, error.message, error.hint)
    }

    #[test]
    fn an_unknown_option_is_rejected_with_a_suggestion() {
        for (options, unknown, meant) in [
            (json!({"dryrun": true}), "unknown option \"dryrun\"", "did you mean \"dryRun\"?"),
            (json!({"dry-run": true}), "unknown option \"dry-run\"", "did you mean \"dryRun\"?"),
            (json!({"maxByte": 1}), "unknown option \"maxByte\"", "did you mean \"maxBytes\"?"),
        ] {
            let (code, message, hint) = refusal::<PruneOptions>(options);
            assert_eq!((code, message.as_str(), hint.as_deref()), (Code::Usage, unknown, Some(meant)));
        }
        let (_, message, hint) = refusal::<PruneOptions>(json!({"banana": 1}));
        assert_eq!(message, "unknown option \"banana\"");
        assert!(hint.unwrap().starts_with("the options are exportsDays, "));
    }

    #[test]
    fn options_of_other_verbs_and_nested_options_are_checked() {
        assert_eq!(refusal::<ExportOptions>(json!({"al": true})).2.as_deref(), Some("did you mean \"all\"?"));
        let expected = json!({"pid": 1, "startToken": "", "session": "", "sesion": ""});
        let (code, message, hint) = refusal::<KillOptions>(json!({"target": "x", "expected": expected}));
        assert_eq!((code, hint.as_deref()), (Code::Usage, Some("did you mean \"session\"?")));
        assert!(message.starts_with("unknown option \"sesion\" in expected"), "{message}");
    }

    #[test]
    fn options_must_be_an_object_or_missing() {
        assert!(read_options::<PruneOptions>(None).is_ok());
        assert!(read_options::<PruneOptions>(Some(Value::Null)).is_ok());
        for other in [json!([]), json!("dryRun"), json!(true)] {
            assert_eq!(refusal::<PruneOptions>(other).0, Code::Usage);
        }
    }
}
