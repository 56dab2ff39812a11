//! Which drive is in which split.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::digest;
use driveloop_schemas::Sample;

use super::SPLITS;
use crate::error::{Error, Result};

/// Assigns each host to a split: hosts are ordered by a seeded hash and the order is cut by the fractions of
/// train, validation and test. With three hosts or more no split is empty; with two there are train and test; with one,
/// train alone. Composed drives go with their host, so nothing of a drive is on both sides of a cut.
///
/// Where drives are held out, the test split is those among the hosts, and the others are train and validation.
pub(super) fn split_hosts<'a>(
    hosts: &BTreeSet<&'a str>,
    held_out: Option<&BTreeSet<String>>,
    mut fractions: [f64; 3],
    seed: i64,
) -> BTreeMap<&'a str, &'static str> {
    let is_held_out = |host: &str| held_out.is_some_and(|held_out| held_out.contains(host));
    if held_out.is_some() {
        fractions[2] = 0.0;
    }
    let (test, mut ranked): (Vec<&str>, Vec<&str>) =
        hosts.iter().partition(|host| is_held_out(host));
    let seed = seed.to_string();
    ranked.sort_by_cached_key(|host| digest(["split", seed.as_str(), host]));
    let counts = counts(ranked.len(), fractions);
    let names = SPLITS
        .iter()
        .zip(counts)
        .flat_map(|(name, count)| std::iter::repeat_n(*name, count));
    let test = test.into_iter().map(|host| (host, SPLITS[2]));
    ranked.into_iter().zip(names).chain(test).collect()
}

/// That no host is in two splits and every sample is in one: asserted of what is about to be written, however it came about.
pub(super) fn check_splits(dataset: &str, rows: &[Sample]) -> Result<()> {
    let wrong = |reason: String| {
        Err(Error::Dataset {
            dataset: dataset.to_owned(),
            reason,
        })
    };
    let mut split_of: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows {
        if !SPLITS.contains(&row.split.as_str()) {
            return wrong(format!("sample `{}` is in no split", row.sample_id));
        }
        for drive in [row.host_log_id.as_str(), row.log_id.as_str()] {
            let split = *split_of.entry(drive).or_insert(&row.split);
            if split != row.split {
                return wrong(format!(
                    "drive `{drive}` is in the splits {split} and {}",
                    row.split
                ));
            }
        }
    }
    Ok(())
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
        let split = |seed| split_hosts(&hosts, None, [0.6, 0.2, 0.2], seed);
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
        assert_eq!(split(1).len(), 20);
    }

    #[test]
    fn a_drive_on_both_sides_of_a_cut_is_refused() {
        let row = |log_id: &str, host: &str, split: &str| Sample {
            dataset: "d".into(),
            dataset_digest: String::new(),
            sample_id: format!("{log_id}/t/0").into(),
            split: split.into(),
            source: "real".into(),
            log_id: log_id.into(),
            host_log_id: host.into(),
            day: driveloop_schemas::time::Day(0),
            track_id: "t".into(),
            stamp_ns: 0,
            category: "BUS".into(),
            ego_distance_m: 0.0,
            speed_mps: 0.0,
            scenarios: Vec::new(),
            weight: 1.0,
            composed: Some(false),
        };
        let check = |rows: &[Sample]| check_splits("d", rows).map_err(|error| error.to_string());
        let (a, b) = (row("a", "a", "train"), row("b", "b", "test"));
        assert_eq!(
            check(&[a.clone(), b.clone(), row("c", "a", "train")]),
            Ok(())
        );
        let leak = check(&[a.clone(), b, row("c", "a", "test")]).unwrap_err();
        assert!(
            leak.contains("drive `a` is in the splits train and test"),
            "{leak}"
        );
        assert!(
            check(&[a, row("e", "e", "")])
                .unwrap_err()
                .contains("no split")
        );
    }

    #[test]
    fn held_out_drives_are_the_test_split() {
        let hosts = BTreeSet::from(["a", "b", "c", "d"]);
        let held_out = BTreeSet::from(["b".to_owned(), "elsewhere".to_owned()]);
        let split = split_hosts(&hosts, Some(&held_out), [0.6, 0.2, 0.2], 1);
        assert_eq!(split["b"], "test");
        let count = |name| split.values().filter(|split| **split == name).count();
        assert_eq!(
            (count("train"), count("validation"), count("test")),
            (2, 1, 1)
        );
    }
}
