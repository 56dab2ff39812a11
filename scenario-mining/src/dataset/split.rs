//! Which drive is in which split.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use driveloop_lake::digest;
use driveloop_schemas::Sample;

use super::memory::Memory;
use super::{SPLITS, TEST, TRAIN, VALIDATION};
use crate::error::{Error, Result};

/// The splits in the order in which they get a drive where there are few: there is nothing without training, and little without a test.
const BY_URGENCY: [usize; SPLITS.len()] = [TRAIN, TEST, VALIDATION];
/// Drives that a note names; of others it says how many there are.
const NAMED_MAX: usize = 20;

/// What decides the split of a host. Composed drives go with their host, and all copies of a log are one host, so nothing of a drive
/// is on both sides of a cut.
#[derive(Debug, Default)]
pub(super) struct SplitRule {
    /// Shares of train, validation and test among the hosts that no dataset had before.
    pub(super) fractions: [f64; SPLITS.len()],
    /// Seed of the hash.
    pub(super) seed: i64,
    /// The test drives, where a condition says which they are; the others are then for training and validation.
    pub(super) held_out: Option<BTreeSet<String>>,
    /// The validation drives, where a condition says which they are; but a test drive stays one: what is chosen on a drive is not
    /// judged on it. The others are then for training.
    pub(super) chosen_on: Option<BTreeSet<String>>,
    /// What earlier datasets made of the hosts.
    pub(super) memory: Memory,
}

/// The splits of the hosts of a dataset.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    /// By host.
    pub(super) splits: BTreeMap<String, &'static str>,
    /// What a reader should know: hosts that did not keep their split, splits without a host.
    pub(super) notes: Vec<String>,
}

/// A host on its way to a split.
struct Placed<'a> {
    host: &'a str,
    split: usize,
    /// Its place between 0 and 1, where no dataset and no condition decided; such a host can be moved to a split that has none.
    point: Option<f64>,
}

impl SplitRule {
    /// Assigns each host to a split.
    ///
    /// A condition decides first, then the datasets that had the host before: it keeps its split. Another host has a point between 0
    /// and 1, a hash of its name and the seed, and the fractions cut that range, so that its split does not depend on what else is in
    /// the lake. A split that would be empty gets the nearest of these hosts: with three of them or more no split is empty, with two
    /// there are train and test.
    pub(super) fn assign(&self, hosts: &BTreeSet<&str>) -> Assignment {
        let fractions = self.fractions();
        let mut placed: Vec<Placed<'_>> = hosts
            .iter()
            .map(|host| self.place(host, fractions))
            .collect();
        fill(&mut placed, fractions);
        let mut notes = self.moved(&placed);
        notes.extend(self.empty(&placed, fractions));
        let splits = placed.iter();
        let splits = splits.map(|placed| (placed.host.to_owned(), SPLITS[placed.split]));
        Assignment {
            splits: splits.collect(),
            notes,
        }
    }

    /// The shares of the hosts that the hash places, in all one.
    fn fractions(&self) -> [f64; SPLITS.len()] {
        let mut fractions = self.fractions;
        if self.held_out.is_some() {
            fractions[TEST] = 0.0;
        }
        if self.chosen_on.is_some() {
            fractions[VALIDATION] = 0.0;
        }
        let whole: f64 = fractions.iter().sum();
        fractions.map(|fraction| fraction / whole)
    }

    fn place<'a>(&self, host: &'a str, fractions: [f64; SPLITS.len()]) -> Placed<'a> {
        let past = self.memory.of(host);
        let decided = match &self.held_out {
            Some(held_out) if held_out.contains(host) => Some(TEST),
            Some(_) => past.kept_outside_test(),
            None => past.kept(),
        };
        let decided = match &self.chosen_on {
            Some(_) if decided == Some(TEST) => decided,
            Some(chosen_on) if chosen_on.contains(host) => Some(VALIDATION),
            Some(_) if decided == Some(VALIDATION) => Some(TRAIN),
            _ => decided,
        };
        if let Some(split) = decided {
            let point = None;
            return Placed { host, split, point };
        }
        let point = point(self.seed, host);
        let holds = |split: &usize| range(fractions, *split).contains(&point);
        Placed {
            host,
            split: (0..SPLITS.len()).find(holds).unwrap_or(TRAIN),
            point: Some(point),
        }
    }

    /// Hosts whose split is not what earlier datasets made of them, and which figures that touches.
    fn moved(&self, placed: &[Placed<'_>]) -> Vec<String> {
        let (mut released, mut burnt) = (Vec::new(), Vec::new());
        for placed in placed {
            let past = self.memory.of(placed.host);
            if placed.split != TEST && past.tested() {
                released.push(placed.host);
            }
            if placed.split == TEST && past.trained() {
                burnt.push(placed.host);
            }
        }
        let note = |what: &str, hosts: &[&str], so: &str| {
            let listed = (!hosts.is_empty()).then(|| listed(hosts))?;
            Some(format!("{what}: {} ({listed}); {so}", hosts.len()))
        };
        let released = note(
            "test drives of other datasets that are in training or validation here",
            &released,
            "what a model of this dataset scores on those test splits is too good",
        );
        let burnt = note(
            "test drives that other datasets have in training or validation",
            &burnt,
            "what a model that started from one of those scores here is too good",
        );
        released.into_iter().chain(burnt).collect()
    }

    /// Why splits have no host.
    fn empty(&self, placed: &[Placed<'_>], fractions: [f64; SPLITS.len()]) -> Vec<String> {
        let count = counts(placed);
        let all_are_known = placed.iter().all(|placed| placed.point.is_none());
        let why = |split: usize| {
            if split == TEST && self.held_out.is_some() {
                "the condition holds out no drive that has samples"
            } else if split == VALIDATION && self.chosen_on.is_some() {
                "the condition names no drive that has samples, other than test drives"
            } else if fractions[split] <= 0.0 {
                "its share is zero"
            } else if all_are_known {
                "every drive keeps the split that an earlier dataset gave it; add drives, or hold some out by a condition"
            } else {
                "there are too few drives"
            }
        };
        (0..SPLITS.len())
            .filter(|split| count[*split] == 0)
            .map(|split| format!("{} is empty: {}", SPLITS[split], why(split)))
            .collect()
    }
}

/// Moves hosts that a hash placed into splits that would be empty, each the one whose point is nearest to the split's range.
fn fill(placed: &mut [Placed<'_>], fractions: [f64; SPLITS.len()]) {
    for (urgency, split) in BY_URGENCY.into_iter().enumerate() {
        let count = counts(placed);
        if count[split] > 0 || fractions[split] <= 0.0 {
            continue;
        }
        let can_spare = |from: usize| count[from] > 1 || !BY_URGENCY[..urgency].contains(&from);
        let away = |at: &usize| -> Option<f64> {
            let point = placed[*at].point.filter(|_| can_spare(placed[*at].split))?;
            Some(distance(point, &range(fractions, split)))
        };
        let near = (0..placed.len()).filter_map(|at| Some((away(&at)?, at)));
        let nearest = near.min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, at)) = nearest {
            placed[at].split = split;
        }
    }
}

/// Hosts of each split.
fn counts(placed: &[Placed<'_>]) -> [usize; SPLITS.len()] {
    let mut counts = [0; SPLITS.len()];
    for placed in placed {
        counts[placed.split] += 1;
    }
    counts
}

/// The point of a host, from 0 to below 1.
fn point(seed: i64, host: &str) -> f64 {
    let hash = digest(["split", seed.to_string().as_str(), host]);
    u64::from_str_radix(&hash[..13], 16).unwrap_or(0) as f64 / (1_u64 << 52) as f64
}

/// The points of a split.
fn range(fractions: [f64; SPLITS.len()], split: usize) -> Range<f64> {
    let start: f64 = fractions[..split].iter().sum();
    start..start + fractions[split]
}

/// How far a point outside of a range is from it.
fn distance(point: f64, range: &Range<f64>) -> f64 {
    (range.start - point).abs().min((range.end - point).abs())
}

/// Names, the first of many.
fn listed(names: &[&str]) -> String {
    let first = &names[..names.len().min(NAMED_MAX)];
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(range: Range<usize>) -> Vec<String> {
        range.map(|at| format!("drive-{at:03}")).collect()
    }

    fn rule(seed: i64) -> SplitRule {
        SplitRule {
            fractions: [0.6, 0.2, 0.2],
            seed,
            ..SplitRule::default()
        }
    }

    fn splits(rule: &SplitRule, names: &[String]) -> BTreeMap<String, &'static str> {
        let hosts = names.iter().map(String::as_str).collect();
        let assignment = rule.assign(&hosts);
        assert_eq!(assignment.splits.len(), names.len());
        assignment.splits
    }

    #[test]
    fn drives_that_a_condition_names_are_the_validation_split_but_for_test_drives() {
        let names = names(0..8);
        let named = |numbers: &[usize]| -> Option<BTreeSet<String>> {
            Some(numbers.iter().map(|at| names[*at].clone()).collect())
        };
        let rule = SplitRule {
            held_out: named(&[0, 1]),
            chosen_on: named(&[1, 2, 3]),
            ..rule(0)
        };
        let splits = splits(&rule, &names);
        let expected = [
            "test",
            "test",
            "validation",
            "validation",
            "train",
            "train",
            "train",
            "train",
        ];
        assert_eq!(splits.into_values().collect::<Vec<_>>(), expected);
    }

    fn count(splits: &BTreeMap<String, &str>) -> [usize; 3] {
        SPLITS.map(|name| splits.values().filter(|split| **split == name).count())
    }

    /// What a dataset leaves in the memory of those after it.
    fn remember(rule: &mut SplitRule, splits: &BTreeMap<String, &'static str>) {
        for (host, name) in splits {
            let split = SPLITS.iter().position(|split| split == name).unwrap();
            rule.memory.add(host, split, false);
        }
    }

    #[test]
    fn no_split_is_empty_where_that_is_possible() {
        for seed in 0..50 {
            for drives in 0..12 {
                let counts = count(&splits(&rule(seed), &names(0..drives)));
                match drives {
                    0 => assert_eq!(counts, [0, 0, 0]),
                    1 => assert_eq!(counts, [1, 0, 0]),
                    2 => assert_eq!(counts, [1, 0, 1]),
                    _ => assert!(counts.iter().all(|count| *count > 0), "{counts:?}"),
                }
            }
        }
    }

    #[test]
    fn drives_that_are_added_move_no_other_whether_it_is_remembered_or_not() {
        let few = splits(&rule(3), &names(0..16));
        assert!(count(&few).iter().all(|count| *count > 1), "none was moved");
        let many = splits(&rule(3), &names(0..1000));
        assert!(few.iter().all(|(host, split)| many[host] == *split));
        let [train, validation, test] = count(&many);
        // Within four standard deviations of the shares.
        assert!(train.abs_diff(600) < 62, "{train}");
        assert!(validation.abs_diff(200) < 51 && test.abs_diff(200) < 51);
    }

    #[test]
    fn a_drive_keeps_its_split_whatever_the_seed_and_the_shares() {
        for drives in [1, 2, 3, 16] {
            let mut later = rule(2);
            let first = splits(&rule(1), &names(0..drives));
            remember(&mut later, &first);
            for fractions in [[0.6, 0.2, 0.2], [0.1, 0.0, 0.9], [1.0, 0.0, 0.0]] {
                later.fractions = fractions;
                let second = splits(&later, &names(0..2 * drives));
                assert!(first.iter().all(|(host, split)| second[host] == *split));
            }
        }
        assert_ne!(
            splits(&rule(1), &names(0..20)),
            splits(&rule(2), &names(0..20))
        );
    }

    #[test]
    fn an_empty_split_takes_new_drives_alone_and_else_says_why_it_is_empty() {
        let mut later = rule(1);
        for name in names(0..6) {
            later.memory.add(&name, TRAIN, false);
        }
        let known: Vec<String> = names(0..6);
        let known = known.iter().map(String::as_str).collect();
        let notes = later.assign(&known).notes;
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(
            notes[1].starts_with("test is empty: every drive keeps"),
            "{notes:?}"
        );
        let with_new = splits(&later, &names(0..8));
        assert_eq!(count(&with_new), [6, 1, 1]);
        assert!(names(0..6).iter().all(|name| with_new[name] == "train"));
    }

    #[test]
    fn a_condition_decides_and_says_what_it_moved() {
        let mut later = rule(1);
        for (name, split) in names(0..6)
            .iter()
            .zip([TRAIN, TRAIN, VALIDATION, TEST, TEST, TEST])
        {
            later.memory.add(name, split, false);
        }
        later.held_out = Some(
            ["drive-000", "drive-003", "elsewhere"]
                .map(str::to_owned)
                .into(),
        );
        let all = names(0..7);
        let assignment = later.assign(&all.iter().map(String::as_str).collect());
        let of = |name: &str| assignment.splits[name];
        assert_eq!((of("drive-000"), of("drive-003")), ("test", "test"));
        assert_eq!((of("drive-001"), of("drive-002")), ("train", "validation"));
        for released in ["drive-004", "drive-005", "drive-006"] {
            assert_ne!(of(released), "test");
        }
        let expected = [
            "test drives of other datasets that are in training or validation here: 2 (drive-004, drive-005);",
            "test drives that other datasets have in training or validation: 1 (drive-000);",
        ];
        assert_eq!(
            assignment.notes.len(),
            expected.len(),
            "{:?}",
            assignment.notes
        );
        for (note, expected) in assignment.notes.iter().zip(expected) {
            assert!(note.starts_with(expected), "{note}");
        }
    }

    #[test]
    fn many_names_are_listed_up_to_a_number() {
        let names = names(0..23);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(listed(&names).ends_with("drive-019 and 3 more"));
        assert_eq!(listed(&names[..2]), "drive-000, drive-001");
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
}
