//! Keys that read unlike those of the other rows. A key alone never makes a row an aggregate.

use std::collections::{BTreeMap, HashMap};

use crate::rules::words;

/// How unlike the other keys a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unlike {
    /// It is like the others.
    No,
    /// It has no digits where the others have, or the other way round; it begins or ends with a word of summaries; it
    /// names a category of other rows; or the numbers of its row are none of a scene.
    Odd,
    /// It is blank, or consists of words of summaries: `average_all_frames`, `final_score`.
    Summary,
}

/// Share of the rows up to which a shape of keys is odd.
const ODD_SHARE_MAX: f64 = 0.1;
/// Rows that may be odd by their words in the smallest file.
const ODD_MIN: f64 = 4.0;
/// Keys that differ in their numbers alone, up to which they are odd: more are a numbered series of scenes.
const SERIES_MAX: usize = 2;
/// Keys that differ in their last word alone, up to which they are odd: `all-way-stop-3fa9` has many beside it.
const FAMILY_MAX: usize = 4;
/// Digits and letters `a` to `f` that a token has at least.
const TOKEN_MIN: usize = 8;

/// Words that a key of an aggregate has at least one of.
const SUMMARY_WORDS: [&str; 23] = [
    "aggregate",
    "aggregated",
    "all",
    "average",
    "avg",
    "combined",
    "count",
    "final",
    "max",
    "mean",
    "median",
    "min",
    "overall",
    "quantile",
    "result",
    "score",
    "std",
    "stddev",
    "sum",
    "summary",
    "total",
    "var",
    "variance",
];
/// Words that go with them.
const COMPANIONS: [&str; 31] = [
    "and",
    "dataset",
    "epdm",
    "epdms",
    "extended",
    "for",
    "frame",
    "global",
    "in",
    "key",
    "macro",
    "metric",
    "micro",
    "of",
    "one",
    "over",
    "pdm",
    "pdms",
    "per",
    "percentile",
    "row",
    "scenario",
    "scene",
    "split",
    "stage",
    "test",
    "the",
    "token",
    "two",
    "val",
    "weighted",
];
/// What stands between the words of a key.
pub(super) const SEPARATORS: [char; 5] = ['-', '_', ' ', '/', ':'];
/// What programs write where there is no key.
const BLANKS: [&str; 8] = ["", "-", "n/a", "na", "nan", "none", "null", "<na>"];

/// Says of each key how unlike the others it is. `named` are rows that are odd for another reason than their key's looks.
pub(super) fn unlike(keys: &[&str], named: &[Vec<usize>]) -> Vec<Unlike> {
    let mut shapes: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut series: HashMap<String, usize> = HashMap::new();
    let mut families: HashMap<&str, usize> = HashMap::new();
    for key in keys {
        *shapes.entry(Shape::of(key)).or_default() += 1;
        *series.entry(stem(key)).or_default() += 1;
        *families.entry(family(key)).or_default() += 1;
    }
    let rows_max = ODD_SHARE_MAX * keys.len() as f64;
    // No word of summaries is hexadecimal: tokens, of which there are many, need not be taken apart.
    let may_name_summary = |key: &str| {
        let is_other = |letter: char| letter.is_alphabetic() && !letter.is_ascii_hexdigit();
        key.chars().any(is_other)
    };
    let names_summary = |key: &str| {
        let words = if may_name_summary(key) {
            words(key)
        } else {
            Vec::new()
        };
        let ends = [words.first(), words.last()];
        ends.into_iter().flatten().any(|word| is_summary(word))
    };
    // Where many keys have such a word, it tells nothing.
    let naming = keys.iter().filter(|key| names_summary(key)).count();
    let words_tell = naming as f64 <= rows_max.max(ODD_MIN);
    let each = keys.iter().map(|key| {
        if is_blank(key) {
            return Unlike::Summary;
        }
        let of_series = series.get(&stem(key)).copied().unwrap_or_default();
        let of_family = families.get(family(key)).copied().unwrap_or_default();
        if of_series > SERIES_MAX || (of_family > FAMILY_MAX && !family(key).is_empty()) {
            return Unlike::No;
        }
        let words = if may_name_summary(key) {
            words(key)
        } else {
            Vec::new()
        };
        let goes_with = |word: &String| {
            is_summary(word)
                || COMPANIONS.contains(&word.as_str())
                || word.chars().all(char::is_numeric)
        };
        let odd_shape = shapes
            .get(&Shape::of(key))
            .is_some_and(|rows| *rows as f64 <= rows_max);
        if words.iter().any(|word| is_summary(word)) && words.iter().all(goes_with) {
            Unlike::Summary
        } else if odd_shape || (words_tell && names_summary(key)) {
            Unlike::Odd
        } else {
            Unlike::No
        }
    });
    let mut each: Vec<Unlike> = each.collect();
    for rows in named
        .iter()
        .filter(|rows| rows.len() as f64 <= rows_max.max(ODD_MIN))
    {
        for row in rows {
            each[*row] = each[*row].max(Unlike::Odd);
        }
    }
    each
}

/// Rows whose key, and what separates words, begins the keys of others: `highway` beside `highway-0001`.
pub(super) fn prefixes(keys: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_unstable_by_key(|row| keys[*row]);
    let begins_others = |at: usize| {
        let key = keys[order[at]];
        // All keys that begin with this one follow it in order.
        let behind = &order[at + 1..];
        let any = behind
            .first()
            .is_some_and(|next| keys[*next].starts_with(key));
        any && !key.is_empty()
            && SEPARATORS.iter().any(|separator| {
                let begin = format!("{key}{separator}");
                let from = behind.partition_point(|other| keys[*other] < begin.as_str());
                let others = behind[from..].iter().take(2);
                others
                    .filter(|other| keys[**other].starts_with(&begin))
                    .count()
                    == 2
            })
    };
    let found = (0..keys.len()).filter(|at| begins_others(*at));
    let mut rows: Vec<usize> = found.map(|at| order[at]).collect();
    rows.sort_unstable();
    rows
}

fn is_summary(word: &str) -> bool {
    SUMMARY_WORDS.contains(&word)
}

/// Blank, or a percentile as programs that describe columns write it: `25%`.
fn is_blank(key: &str) -> bool {
    let percentile = key.strip_suffix('%').map(str::parse::<f64>);
    percentile.is_some_and(|share| share.is_ok())
        || BLANKS.contains(&key.to_ascii_lowercase().as_str())
}

/// Of which kinds of characters a key is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    has_digits: bool,
    has_letters: bool,
}

impl Shape {
    fn of(key: &str) -> Self {
        let has_digits = key.chars().any(char::is_numeric);
        let hexadecimal = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
        // A token of digits alone, or of letters alone, is a token.
        if has_digits && key.len() >= TOKEN_MIN && key.chars().all(hexadecimal) {
            return Self {
                has_digits: true,
                has_letters: true,
            };
        }
        Self {
            has_digits,
            has_letters: key.chars().any(char::is_alphabetic),
        }
    }
}

/// The key without its last word.
fn family(key: &str) -> &str {
    let end = key.rfind(|letter: char| !letter.is_alphanumeric());
    end.map_or("", |end| &key[..end])
}

/// The key with a mark for each number. A key without numbers is no series.
fn stem(key: &str) -> String {
    let mut stem = String::with_capacity(key.len());
    for letter in key.chars() {
        match letter.is_numeric() {
            true if stem.ends_with('#') => {}
            true => stem.push('#'),
            false => stem.push(letter),
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_of_scenes_reads_like_scenes_whatever_it_is_called() {
        let mut keys: Vec<String> = (0..100).map(|at| format!("highway-{at:04}")).collect();
        keys.extend((0..8).map(|at| format!("all-way-stop-{at:04}")));
        keys.extend((0..4).map(|at| format!("total occlusion {at:03}")));
        keys.extend(["a1b", "b7c", "c2", "d9e", "beef"].map(|end| format!("overall stop {end}")));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert!(
            unlike(&keys, &[])
                .iter()
                .all(|unlike| *unlike == Unlike::No)
        );
    }

    #[test]
    fn a_key_that_begins_others_names_a_category() {
        let keys = [
            "stop-1", "stop-2", "stop", "stopped", "turn x", "turn", "turn y",
        ];
        assert_eq!(prefixes(&keys), [2, 5]);
        assert_eq!(prefixes(&["stop", "stop-1"]), [] as [usize; 0]);
    }

    #[test]
    fn keys_of_summaries_are_known_beside_keys_of_any_shape() {
        let tokens = ["f6195258cc20552f", "03c9f9d052defd3f", "1234567812345678"];
        let names = ["merge_left_rain", "cut_in_fog", "stopped lead"];
        for scenes in [tokens, names] {
            for key in [
                "average_all_frames",
                "avg",
                "Mean",
                "final_score",
                "extended_pdm_score_combined",
                "extended_pdm_score_stage_one",
                "",
                "NaN",
                "total",
            ] {
                let keys = [scenes[0], scenes[1], scenes[2], key];
                assert_eq!(unlike(&keys, &[])[3], Unlike::Summary, "{key}");
                assert_eq!(unlike(&keys, &[])[..3], [Unlike::No; 3], "{key}");
            }
            let keys = [scenes[0], scenes[1], scenes[2], "mean of lane changes"];
            assert_eq!(unlike(&keys, &[])[3], Unlike::Odd);
        }
        let mut keys = vec!["scene-0001"; 30];
        keys.push("lane_change");
        assert_eq!(unlike(&keys, &[])[30], Unlike::Odd);
    }
}
