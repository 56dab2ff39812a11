//! What earlier datasets of the lake made of its drives: a drive keeps its split.

use std::collections::BTreeMap;

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use driveloop_lake::{Lake, sql_literal};

use super::copies::Copies;
use super::{SPLITS, TEST, TRAIN, VALIDATION};
use crate::error::{Error, Result};

/// What errors call the query.
const SUBJECT: &str = "splits of earlier datasets";

/// The splits that drives were in, by the first name of each.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<String, Past>);

/// The splits that one drive was in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past {
    /// In other datasets than the one that is being frozen, by the place of the split in [`SPLITS`].
    elsewhere: [bool; SPLITS.len()],
    /// In the dataset that is being frozen, where the lake has it already.
    own: Option<usize>,
}

impl Memory {
    /// Reads the splits of all datasets of a lake, and apart from them those of the dataset that is being frozen.
    pub(super) async fn read(lake: &Lake, dataset: &str, copies: &Copies) -> Result<Self> {
        let sql = format!(
            "SELECT DISTINCT host_log_id, CASE WHEN source = 'real' THEN log_id ELSE host_log_id END, split, dataset = {}
             FROM with_composed.sample",
            sql_literal(dataset)
        );
        let mut memory = Self::default();
        for batch in lake.query(&sql).await? {
            let text = |column: usize| {
                cast(batch.column(column), &DataType::Utf8)
                    .map_err(|source| Error::query(SUBJECT, source.into()))
            };
            // A sample of a composed drive stands for its host alone, one of a copy for both of its names.
            let (hosts, drives, splits) = (text(0)?, text(1)?, text(2)?);
            let splits = splits.as_string::<i32>();
            let is_own = batch.column(3).as_boolean();
            for row in 0..batch.num_rows() {
                let name = splits.value(row);
                let Some(split) = SPLITS.iter().position(|split| *split == name) else {
                    continue;
                };
                for names in [&hosts, &drives] {
                    let drive = copies.first(names.as_string::<i32>().value(row));
                    memory.add(drive, split, is_own.value(row));
                }
            }
        }
        // What was removed and comes back is where it was.
        for lost in lake.lost_drives().await? {
            let split = SPLITS.iter().position(|split| *split == lost.split);
            if let Some(split) = split {
                memory.add(copies.first(&lost.log_id), split, lost.dataset == dataset);
            }
        }
        Ok(memory)
    }

    /// Adds that a drive was in a split, by its place in [`SPLITS`].
    pub(super) fn add(&mut self, drive: &str, split: usize, is_own: bool) {
        let past = self.0.entry(drive.to_owned()).or_default();
        if is_own {
            past.own = Some(split);
        } else {
            past.elsewhere[split] = true;
        }
    }

    /// What is known of a drive, by its first name.
    pub(super) fn of(&self, drive: &str) -> Past {
        self.0.get(drive).copied().unwrap_or_default()
    }
}

impl Past {
    /// The split that the drive keeps; `None` where no dataset had it. What ever tested a model tests; of the rest, what ever
    /// trained one trains. A dataset that is frozen again has the splits that it has.
    pub(super) fn kept(self) -> Option<usize> {
        self.first_of([TEST, TRAIN, VALIDATION])
    }

    /// The same where a condition says that the drive is no test drive.
    pub(super) fn kept_outside_test(self) -> Option<usize> {
        self.first_of([TRAIN, VALIDATION])
    }

    /// Whether it was a test drive of another dataset.
    pub(super) fn tested(self) -> bool {
        self.elsewhere[TEST]
    }

    /// Whether a model of another dataset was trained or chosen on it.
    pub(super) fn trained(self) -> bool {
        self.elsewhere[TRAIN] || self.elsewhere[VALIDATION]
    }

    fn first_of<const N: usize>(self, splits: [usize; N]) -> Option<usize> {
        let own = self.own.filter(|own| splits.contains(own));
        own.or_else(|| splits.into_iter().find(|split| self.elsewhere[*split]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_that_ever_tested_tests_and_one_that_ever_trained_trains() {
        let past = |elsewhere, own| Past { elsewhere, own }.kept();
        assert_eq!(past([false; 3], None), None);
        assert_eq!(past([true, true, true], None), Some(TEST));
        assert_eq!(past([true, true, false], None), Some(TRAIN));
        assert_eq!(past([false, true, false], None), Some(VALIDATION));
        assert_eq!(past([true, true, true], Some(VALIDATION)), Some(VALIDATION));
        let condition = Past {
            elsewhere: [false, false, true],
            own: Some(TEST),
        };
        assert_eq!(condition.kept_outside_test(), None);
        assert!(condition.tested() && !condition.trained());
    }
}
