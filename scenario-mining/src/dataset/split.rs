//! Which drive is in which split.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::digest;

use super::SPLITS;

/// Assigns each host to a split: hosts are ordered by a seeded hash and the order is cut by the fractions of
/// train, validation and test. With three hosts or more no split is empty; with two there are train and test; with one,
/// train alone. Composed drives go with their host, so nothing of a drive is on both sides of a cut.
pub(super) fn split_hosts<'a>(
    hosts: &BTreeSet<&'a str>,
    fractions: [f64; 3],
    seed: i64,
) -> BTreeMap<&'a str, &'static str> {
    let mut ranked: Vec<&str> = hosts.iter().copied().collect();
    let seed = seed.to_string();
    ranked.sort_by_cached_key(|host| digest(["split", seed.as_str(), host]));
    let counts = counts(ranked.len(), fractions);
    let names = SPLITS
        .iter()
        .zip(counts)
        .flat_map(|(name, count)| std::iter::repeat_n(*name, count));
    ranked.into_iter().zip(names).collect()
}

fn counts(hosts: usize, fractions: [f64; 3]) -> [usize; 3] {
    let whole: f64 = fractions.iter().sum();
    let least = |fraction: f64| usize::from(fraction > 0.0);
    let share =
        |fraction: f64| ((hosts as f64 * fraction / whole).round() as usize).max(least(fraction));
    let (mut validation, mut test) = (share(fractions[1]), share(fractions[2]));
    // Training keeps at least one drive; with few drives the test set goes before the validation set.
    test = test.min(hosts.saturating_sub(1));
    validation = validation.min(hosts.saturating_sub(1 + test));
    [hosts - validation - test, validation, test]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_split_is_empty_where_that_is_possible() {
        let fractions = [0.6, 0.2, 0.2];
        assert_eq!(counts(0, fractions), [0, 0, 0]);
        assert_eq!(counts(1, fractions), [1, 0, 0]);
        assert_eq!(counts(2, fractions), [1, 0, 1]);
        assert_eq!(counts(3, fractions), [1, 1, 1]);
        assert_eq!(counts(10, fractions), [6, 2, 2]);
        assert_eq!(counts(10, [1.0, 0.0, 1.0]), [5, 0, 5]);
    }

    #[test]
    fn the_seed_decides() {
        let names: Vec<String> = (0..20).map(|i| format!("drive-{i}")).collect();
        let hosts: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let split = |seed| split_hosts(&hosts, [0.6, 0.2, 0.2], seed);
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
        assert_eq!(split(1).len(), 20);
    }
}
