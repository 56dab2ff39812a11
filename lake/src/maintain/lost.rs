//! Commits that others were made with or after, and that are not there.
//!
//! A table whose last commit is lost is whole by itself: it is as it was before. That there was more is known by other tables. A
//! commit says which versions of other tables were read for it, and which had its transactions already.

use std::collections::{BTreeMap, BTreeSet};

use super::{CheckReport, Problem, Wrong};
use crate::commit::Versions;
use crate::error::Result;
use crate::history::CommitRecord;
use crate::lake::Lake;

/// The commits of tables, by name.
pub(super) type Histories = BTreeMap<String, Vec<CommitRecord>>;

/// What is lost, by table and version or transaction, with who names it.
type Lost = BTreeMap<(String, String), String>;

impl Lake {
    /// The commits of the tables that can be read.
    pub(super) async fn histories(&self, report: &CheckReport) -> Result<Histories> {
        let mut histories = Histories::new();
        for table in &report.tables {
            let history = self.history(&table.table).await?;
            histories.insert(table.table.clone(), history);
        }
        Ok(histories)
    }

    /// Every version and transaction of a table that a commit of another names is there. What is named of a table that cannot be read
    /// is not known.
    pub(super) async fn check_commits(
        &self,
        histories: &Histories,
        report: &mut CheckReport,
    ) -> Result<()> {
        let unreadable = |problem: &&Problem| problem.wrong == Wrong::LogUnreadable;
        let unreadable: BTreeSet<String> = report
            .problems
            .iter()
            .filter(unreadable)
            .map(|problem| problem.table.clone())
            .collect();
        let latest = report.tables.iter();
        let latest: Versions = latest
            .map(|table| (table.table.clone(), table.version))
            .collect();
        let mut lost = Lost::new();
        for (table, history) in histories {
            for commit in history {
                let named = format!("version {} of `{table}` was made with it", commit.version);
                self.check_named(commit, &named, &latest, &mut lost).await?;
            }
        }
        let lost = lost.into_iter();
        let lost = lost.filter(|((table, _), _)| !unreadable.contains(table));
        report
            .problems
            .extend(lost.map(|((table, subject), detail)| Problem {
                table,
                wrong: Wrong::CommitMissing,
                subject,
                detail,
            }));
        Ok(())
    }

    /// What a commit names of other tables.
    async fn check_named(
        &self,
        commit: &CommitRecord,
        named: &str,
        latest: &Versions,
        lost: &mut Lost,
    ) -> Result<()> {
        for (table, &version) in commit.inputs.iter().chain(&commit.beside) {
            let last = latest.get(table);
            if last < Some(&version) {
                let last = last.map_or("there is no table".to_owned(), |last| {
                    format!("the last one is {last}")
                });
                let subject = (table.clone(), format!("version {version}"));
                lost.insert(subject, format!("{named}; {last}"));
            }
        }
        for (table, version) in &commit.beside {
            // Where the version is not there, its transactions need not be named too.
            if latest.get(table) < Some(version) {
                continue;
            }
            let there = self.log(table).lock().await.ids().await?;
            let missing = commit.transactions.iter();
            let missing = missing.filter(|id| !there.contains(id));
            lost.extend(missing.map(|id| ((table.clone(), id.clone()), named.to_owned())));
        }
        Ok(())
    }
}
