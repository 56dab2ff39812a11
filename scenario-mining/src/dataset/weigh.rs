//! What a sample weighs in training.

use std::collections::BTreeMap;

use super::SPLITS;
use super::candidates::Candidate;
use super::freeze::FreezeOptions;

/// Largest weight of an evened-out group, and the inverse of the smallest: three samples of a scenario are not a third of a training.
const BALANCE_MAX: f64 = 100.0;
/// Names of the groups without a scenario; no scenario is called so.
const BACKGROUND: &str = "(background)";
const QUERIED: &str = "(query)";

/// Whether weights even out the scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// They are as the options say.
    AsWeighted,
    /// Every scenario, what else was selected, and the background weigh the same in the training split as a whole, whatever
    /// their number of samples. A sample of several scenarios has the weight of the rarest. Weights stay between 0.01 and 100.
    Scenarios,
}

/// Sets the weights; the samples have their splits.
pub(super) fn weigh(candidates: &mut [Candidate], options: &FreezeOptions) {
    match options.balance {
        Balance::AsWeighted => {
            for candidate in candidates {
                candidate.sample.weight = weight_as_asked(candidate, options);
            }
        }
        Balance::Scenarios => even_out(candidates),
    }
}

fn weight_as_asked(candidate: &Candidate, options: &FreezeOptions) -> f64 {
    let scenarios = candidate.sample.scenarios.iter();
    let named = scenarios.filter_map(|name| options.scenario_weights.get(name));
    named
        .copied()
        .reduce(f64::max)
        .unwrap_or(if candidate.is_chosen {
            options.scenario_weight
        } else {
            1.0
        })
}

fn even_out(candidates: &mut [Candidate]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut samples = 0;
    for candidate in candidates.iter().filter(|c| c.sample.split == SPLITS[0]) {
        samples += 1;
        for group in groups(candidate) {
            *counts.entry(group.to_owned()).or_default() += 1;
        }
    }
    let share = f64::from(samples) / counts.len().max(1) as f64;
    let weight_of = |group: &str| {
        let count = counts.get(group).map(|count| *count as f64);
        count.map(|count| (share / count).clamp(1.0 / BALANCE_MAX, BALANCE_MAX))
    };
    for candidate in candidates {
        let weights = groups(candidate).into_iter().filter_map(weight_of);
        let weight = weights.reduce(f64::max).unwrap_or(1.0);
        candidate.sample.weight = weight;
    }
}

fn groups(candidate: &Candidate) -> Vec<&str> {
    let scenarios = &candidate.sample.scenarios;
    match (scenarios.is_empty(), candidate.is_chosen) {
        (false, _) => scenarios.iter().map(String::as_str).collect(),
        (true, true) => vec![QUERIED],
        (true, false) => vec![BACKGROUND],
    }
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::Sample;
    use driveloop_schemas::time::Day;

    use super::*;

    fn candidate(split: &str, scenarios: &[&str], is_chosen: bool) -> Candidate {
        let sample = Sample {
            dataset: "d".into(),
            dataset_digest: String::new(),
            sample_id: "s".into(),
            split: split.into(),
            source: "real".into(),
            log_id: "l".into(),
            host_log_id: "l".into(),
            day: Day(0),
            track_id: "t".into(),
            stamp_ns: 0,
            category: "BUS".into(),
            ego_distance_m: 0.0,
            speed_mps: 0.0,
            scenarios: scenarios.iter().map(|name| (*name).to_owned()).collect(),
            weight: 1.0,
            composed: Some(false),
        };
        Candidate { sample, is_chosen }
    }

    #[test]
    fn groups_weigh_the_same_and_a_sample_of_two_as_the_rarer() {
        let mut candidates = Vec::new();
        candidates.extend((0..6).map(|_| candidate("train", &["a"], true)));
        candidates.extend((0..2).map(|_| candidate("train", &["a", "b"], true)));
        candidates.extend((0..8).map(|_| candidate("train", &[], false)));
        candidates.extend((0..4).map(|_| candidate("train", &[], true)));
        candidates.push(candidate("test", &["c"], true));
        let mut options = FreezeOptions::new("d", "run");
        options.balance = Balance::Scenarios;
        weigh(&mut candidates, &options);
        // Twenty samples in four groups, five for each: eight of a, two of b, eight of the background, four of the query.
        let weights: Vec<f64> = candidates.iter().map(|c| c.sample.weight).collect();
        assert_eq!(weights[0], 0.625);
        assert_eq!(weights[6], 2.5);
        assert_eq!(weights[8], 0.625);
        assert_eq!(weights[16], 1.25);
        assert_eq!(weights[20], 1.0, "a scenario that training does not have");
    }

    #[test]
    fn one_sample_of_a_scenario_is_not_a_share_of_the_training() {
        let mut candidates: Vec<_> = (0..999).map(|_| candidate("train", &[], false)).collect();
        candidates.push(candidate("train", &["a"], true));
        even_out(&mut candidates);
        assert_eq!(candidates[999].sample.weight, BALANCE_MAX);
    }
}
