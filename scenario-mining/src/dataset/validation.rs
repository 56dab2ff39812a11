//! A validation split that a condition names.

use std::collections::{BTreeMap, BTreeSet};

use super::SPLITS;

/// The shares of the splits where a condition names the validation split: nothing is drawn for it.
pub(super) fn shares_without_validation(shares: [f64; 3], is_named: bool) -> [f64; 3] {
    let [train, validation, test] = shares;
    [train, if is_named { 0.0 } else { validation }, test]
}

/// Moves the hosts that are named from training to validation. A test drive stays one: what is chosen on a drive is not judged on it.
pub(super) fn name_validation(splits: &mut BTreeMap<&str, &'static str>, named: &BTreeSet<String>) {
    let [train, validation, _] = SPLITS;
    for (host, split) in splits {
        if *split == train && named.contains(*host) {
            *split = validation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_hosts_are_the_validation_split_but_for_test_drives() {
        let mut splits = BTreeMap::from([("a", "train"), ("b", "train"), ("c", "test")]);
        let named = ["b", "c", "elsewhere"].map(str::to_owned);
        name_validation(&mut splits, &named.into());
        let expected = BTreeMap::from([("a", "train"), ("b", "validation"), ("c", "test")]);
        assert_eq!(splits, expected);
        assert_eq!(
            shares_without_validation([0.6, 0.2, 0.2], true),
            [0.6, 0.0, 0.2]
        );
        assert_eq!(
            shares_without_validation([0.6, 0.2, 0.2], false),
            [0.6, 0.2, 0.2]
        );
    }
}
