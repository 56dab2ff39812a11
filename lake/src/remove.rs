//! Removing drives: their rows in every table, and all that was made of them.
//!
//! The rows of `drive` go first, so that no drive is seen in part: what other tables still hold of it is hidden from then on. What a
//! removal that was killed left is taken up by the next one of the same drives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use driveloop_schemas::{DRIVE_TABLES, Drive, Row as _, Sample, SyntheticItem, TABLES, TableSpec};
use futures::future::try_join_all;

use crate::commit::Commit;
use crate::digest::sql_literal;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::transactions::TransactionIds;
use crate::visible::{DriveTransaction, next_transaction, removal_of};

/// What the transactions begin with that say which drives a dataset lost.
const LOST: &str = "lost/";

/// The transactions of tables, by name.
type ByTable = BTreeMap<&'static str, Arc<TransactionIds>>;

/// A drive that a frozen dataset lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostDrive {
    /// The dataset.
    pub dataset: String,
    /// The split that the drive was in.
    pub split: String,
    /// The drive.
    pub log_id: String,
}

impl LostDrive {
    /// What a transaction says: `lost/<dataset>/<split>/` and the transaction of the drive.
    fn parse(id: &str) -> Option<Self> {
        let (dataset, rest) = id.strip_prefix(LOST)?.split_once('/')?;
        let (split, id) = rest.split_once('/')?;
        Some(Self {
            dataset: dataset.to_owned(),
            split: split.to_owned(),
            log_id: DriveTransaction::parse(id)?.log_id.to_owned(),
        })
    }

    fn transaction(&self, id: &str) -> String {
        format!("{LOST}{}/{}/{id}", self.dataset, self.split)
    }
}

/// What a removal took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// The drives that were asked for and were there, whole or in part.
    pub drives: BTreeSet<String>,
    /// Drives that were composed of them, by log id.
    pub composed: BTreeSet<String>,
    /// Rows that are gone, by table.
    pub rows: BTreeMap<String, u64>,
    /// Samples that frozen datasets lost, by dataset.
    pub samples: BTreeMap<String, u64>,
}

/// A removal under way.
struct Taken<'a> {
    /// The drives that were asked for.
    hosts: BTreeSet<&'a str>,
    /// The same, and those that were composed of them.
    drives: BTreeSet<&'a str>,
    /// Their transactions, in whichever table.
    transactions: BTreeSet<&'a str>,
    /// Other drives of the lake, whose names begin like one of these.
    longer: Vec<String>,
}

impl Lake {
    /// Removes drives, and what was made of them: episodes, composed drives, the samples of frozen datasets with their predictions and
    /// metrics. Nothing is seen of a drive from the first commit on. Earlier versions of the tables, and the media packs, are there until
    /// [`Lake::vacuum`] removes them. `commit` says stage, parameters and run.
    ///
    /// A removal that was killed is completed by the next one of the same drives. Names that the lake does not know are left out of
    /// what is returned.
    ///
    /// # Errors
    /// When a table or the store fails.
    pub async fn remove_drives(
        &self,
        log_ids: &BTreeSet<String>,
        commit: &Commit,
    ) -> Result<Removal> {
        if log_ids.is_empty() {
            return Ok(Removal::default());
        }
        let by_table = self.transactions_of_drives().await?;
        let composed = self.composed_of(log_ids).await?;
        let drives: BTreeSet<&str> = log_ids
            .iter()
            .chain(&composed)
            .map(String::as_str)
            .collect();
        let is_of = |id: &&str| {
            DriveTransaction::parse(id).is_some_and(|parts| drives.contains(parts.log_id))
        };
        let there = by_table.values();
        let there = there.flat_map(|ids| ids.iter().filter(is_of));
        let transactions: BTreeSet<&str> = there.collect();
        let known = transactions.iter();
        let known: BTreeSet<&str> = known
            .filter_map(|id| Some(DriveTransaction::parse(id)?.log_id))
            .collect();
        let is_known = |log_id: &&String| known.contains(log_id.as_str());
        let mut removal = Removal {
            drives: log_ids.iter().filter(is_known).cloned().collect(),
            composed: composed.clone(),
            ..Removal::default()
        };
        if removal.drives.is_empty() {
            return Ok(removal);
        }
        let taken = Taken {
            longer: self.longer_names(&drives).await?,
            hosts: log_ids.iter().map(String::as_str).collect(),
            drives,
            transactions,
        };
        // `drive` is the first of them.
        for spec in TABLES {
            let there = by_table.get(spec.name).map(Arc::as_ref);
            self.remove_from(spec, &taken, there, commit, &mut removal)
                .await?;
        }
        Ok(removal)
    }

    /// The transactions under which drives, given by those of their first ingest or composition, are to be committed: others where
    /// they were removed since.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn next_lives(&self, ids: &[String]) -> Result<Vec<String>> {
        let of_drive = self.transactions(Drive::SPEC.name).await?;
        let next = |id: &String| next_transaction(id, |id| of_drive.is_removed(id));
        Ok(ids.iter().map(next).collect())
    }

    /// The drives that frozen datasets lost by removals since.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn lost_drives(&self) -> Result<BTreeSet<LostDrive>> {
        let of_sample = self.transactions(Sample::SPEC.name).await?;
        Ok(of_sample.iter().filter_map(LostDrive::parse).collect())
    }

    /// The transactions of the tables that drives and their provenance are committed to.
    async fn transactions_of_drives(&self) -> Result<ByTable> {
        let others = [Drive::SPEC, SyntheticItem::SPEC];
        let tables = DRIVE_TABLES.iter().copied().chain(others);
        let read = tables
            .map(|spec| async { Ok::<_, Error>((spec.name, self.transactions(spec.name).await?)) });
        Ok(try_join_all(read).await?.into_iter().collect())
    }

    /// The items that were composed of drives, whatever became of them.
    async fn composed_of(&self, log_ids: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let hosts = in_list("host_log_id", log_ids.iter().map(String::as_str));
        let items = self.read::<SyntheticItem>(Some(&hosts)).await?.into_iter();
        Ok(items.map(|item| item.item_id.to_string()).collect())
    }

    /// The drives that are named like one of these with more behind a stroke: the names of their samples begin alike.
    async fn longer_names(&self, drives: &BTreeSet<&str>) -> Result<Vec<String>> {
        let begins = drives.iter().map(|log_id| begins_with("log_id", log_id));
        let begins: Vec<_> = begins.collect();
        let found = self.read::<Drive>(Some(&begins.join(" OR "))).await?;
        let found = found.into_iter().map(|drive| drive.log_id.to_string());
        Ok(found
            .filter(|log_id| !drives.contains(log_id.as_str()))
            .collect())
    }

    /// `there` are the transactions of a table that drives are committed to.
    async fn remove_from(
        &self,
        spec: &'static TableSpec,
        taken: &Taken<'_>,
        there: Option<&TransactionIds>,
        commit: &Commit,
        removal: &mut Removal,
    ) -> Result<()> {
        let Some(predicate) = taken.predicate(spec) else {
            return Ok(());
        };
        let rows = self.rows_of(spec, &predicate).await?;
        let mut ids = there
            .map(|there| taken.removals(spec, there))
            .unwrap_or_default();
        if spec.name == Sample::SPEC.name {
            let (samples, lost) = self.samples_of(&predicate).await?;
            removal.samples = samples;
            ids = taken.lost(&lost);
            let of_sample = self.transactions(spec.name).await?;
            ids.retain(|id| !of_sample.contains(id));
        }
        if rows == 0 && ids.is_empty() {
            return Ok(());
        }
        let commit = commit.clone().with_transactions(ids);
        let none = RecordBatch::new_empty(spec.schema());
        self.replace_rows(spec, &predicate, &none, &commit).await?;
        if rows > 0 {
            removal.rows.insert(spec.name.to_owned(), rows);
        }
        Ok(())
    }

    /// How many rows of a table a predicate admits, hidden ones included.
    async fn rows_of(&self, spec: &TableSpec, predicate: &str) -> Result<u64> {
        let Some(table) = self.table(spec.name).await? else {
            return Ok(0);
        };
        let context = self.session_over_stored(&table, spec.name).await?;
        let sql = format!("SELECT 1 FROM {} WHERE {predicate}", spec.name);
        Ok(context.sql(&sql).await?.count().await? as u64)
    }

    /// The samples that a predicate admits, counted by dataset, and which datasets have some of which drive.
    async fn samples_of(
        &self,
        predicate: &str,
    ) -> Result<(BTreeMap<String, u64>, BTreeSet<LostDrive>)> {
        let (mut samples, mut lost) = (BTreeMap::new(), BTreeSet::new());
        for sample in self.read::<Sample>(Some(predicate)).await? {
            *samples.entry(sample.dataset.clone()).or_default() += 1;
            lost.insert(LostDrive {
                dataset: sample.dataset,
                split: sample.split,
                log_id: sample.log_id.to_string(),
            });
        }
        Ok((samples, lost))
    }
}

impl Taken<'_> {
    /// Which rows of a table go; none where its rows are of no drive.
    fn predicate(&self, spec: &TableSpec) -> Option<String> {
        if spec.has_column("log_id") {
            return Some(in_list("log_id", self.drives.iter().copied()));
        }
        if spec.name == SyntheticItem::SPEC.name {
            return Some(in_list("host_log_id", self.hosts.iter().copied()));
        }
        if !spec.has_column("sample_id") {
            return None;
        }
        let begins = |log_id: &str| begins_with("sample_id", log_id);
        let ours: Vec<_> = self.drives.iter().map(|log_id| begins(log_id)).collect();
        let others = self.longer.iter().map(|log_id| begins(log_id));
        let others: String = others.map(|begins| format!(" AND NOT {begins}")).collect();
        Some(format!("({}){others}", ours.join(" OR ")))
    }

    /// The transactions by which the drives go from a table: those that it has not yet, of what it has. `drive` has all of them, and
    /// what `synth` says of its items says so by `drive`.
    fn removals(&self, spec: &TableSpec, there: &TransactionIds) -> Vec<String> {
        if spec.name == SyntheticItem::SPEC.name {
            return Vec::new();
        }
        let is_here = |id: &&&str| spec.name == Drive::SPEC.name || there.contains(id);
        let removals = self.transactions.iter().filter(is_here);
        let removals = removals.map(|id| removal_of(id));
        removals.filter(|id| !there.contains(id)).collect()
    }

    /// The transactions that say which drives datasets lost.
    fn lost(&self, lost: &BTreeSet<LostDrive>) -> Vec<String> {
        let mut ids = Vec::new();
        for lost in lost {
            let is_of = |id: &&&str| {
                DriveTransaction::parse(id).is_some_and(|parts| parts.log_id == lost.log_id)
            };
            let of_drive = self.transactions.iter().filter(is_of);
            ids.extend(of_drive.map(|id| lost.transaction(id)));
        }
        ids
    }
}

fn in_list<'a>(column: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(sql_literal).collect();
    format!("{column} IN ({})", names.join(", "))
}

/// Whether a name is that of something of a drive.
fn begins_with(column: &str, log_id: &str) -> String {
    format!(
        "starts_with({column}, {})",
        sql_literal(&format!("{log_id}/"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_says_which_drives_it_lost() {
        let lost = LostDrive {
            dataset: "first".into(),
            split: "test".into(),
            log_id: "a/b".into(),
        };
        let id = lost.transaction("drive/a/b/01ab.2");
        assert_eq!(id, "lost/first/test/drive/a/b/01ab.2");
        assert_eq!(LostDrive::parse(&id), Some(lost));
        assert_eq!(LostDrive::parse("dataset/first"), None);
    }
}
