//! Logs that keep landing: a source that is looked at again and again.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Lake, Store};

use crate::error::{Error, Result};
use crate::found::Found;
use crate::options::IngestOptions;
use crate::pipeline::ingest_found;
use crate::report::{DriveOutcome, IngestEvent, IngestReport};
use crate::source::{Claimed, DriveFiles};

/// Looks of a log that failed are at most this far apart.
const LOOKS_BETWEEN_MAX: u64 = 64;

/// A source that is looked at again and again. Each look takes up the logs that are whole and were not taken up before.
///
/// A log is whole when two looks in turn see the same of it (files, sizes, times of change, entity tags), or, where a marker is asked
/// for, when that lies beside it. What was taken up before this watch began is known by the lake and not read again, so that a watch that
/// was stopped or killed goes on where it was. A log that failed is tried again when it changes, and else after 1, 2, 4, … looks.
#[derive(Debug)]
pub struct Watch {
    source: String,
    /// The name of the object that says that a log is whole.
    marker: Option<String>,
    looks: u64,
    /// By the place of the log: a folder, a file, or several that are looked into together.
    seen: BTreeMap<String, Seen>,
}

/// What a look did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// What was taken up, or could not be. Logs that earlier looks settled are not in it.
    pub report: IngestReport,
    /// Places of logs that are not whole yet, as paths in the source.
    pub waiting: Vec<String>,
    /// Whether there is nothing at the source.
    pub is_empty: bool,
}

/// A log as the last look saw it.
#[derive(Debug)]
struct Seen {
    listing: String,
    is_taken: bool,
    /// How often it failed, and the look that tries again.
    failed: u32,
    due: u64,
}

impl Watch {
    /// A watch of a source, which need not be there yet. `marker` is the name of an object that whoever writes a log puts beside it when it
    /// is whole: into its folder, or, for a log that is one file, into the folder of the file; a name that begins with a dot may also follow
    /// the name of the log (`drive.mcap.done`).
    #[must_use]
    pub fn new(source: impl Into<String>, marker: Option<String>) -> Self {
        Self {
            source: source.into(),
            marker,
            looks: 0,
            seen: BTreeMap::new(),
        }
    }

    /// Looks once, and takes up what is whole.
    ///
    /// # Errors
    /// Those of [`crate::ingest`], but that it is no error where nothing is there yet. The next look tries again.
    pub async fn look(
        &mut self,
        lake: &Lake,
        options: &IngestOptions,
        on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
    ) -> Result<Look> {
        let mut found = match Found::list(&self.source, options).await {
            Err(Error::SourceMissing { .. }) => {
                return Ok(Look {
                    is_empty: true,
                    ..Look::default()
                });
            }
            found => found?,
        };
        self.looks += 1;
        let (now, waiting) = self.sort_out(&mut found);
        if now.is_empty() {
            let report = IngestReport {
                unrecognised: found.unrecognised,
                unlisted: found.unlisted.into_iter().map(Into::into).collect(),
                ..IngestReport::default()
            };
            return Ok(Look {
                report,
                waiting,
                is_empty: false,
            });
        }
        found.claimed = now;
        let places: Vec<_> = found
            .claimed
            .iter()
            .map(|(_, files)| files.clone())
            .collect();
        let store = found.store.clone();
        let report = ingest_found(lake, found, options, on_event).await?;
        for files in places {
            self.settle(&files, &store, &report);
        }
        Ok(Look {
            report,
            waiting,
            is_empty: false,
        })
    }

    /// What is taken up now, and the places of what is not whole yet.
    fn sort_out(&mut self, found: &mut Found) -> (Vec<Claimed>, Vec<String>) {
        let mut left = std::mem::take(&mut self.seen);
        let (mut now, mut waiting) = (Vec::new(), Vec::new());
        for claimed in std::mem::take(&mut found.claimed) {
            let files = &claimed.1;
            let listing = files.listing(&found.store);
            let before = left.remove(&files.path);
            let is_same = before.as_ref().is_some_and(|seen| seen.listing == listing);
            let seen = before.filter(|_| is_same).unwrap_or(Seen {
                listing,
                is_taken: false,
                failed: 0,
                due: 0,
            });
            let is_whole = match &self.marker {
                Some(marker) => is_marked(files, marker, &found.unrecognised),
                None => is_same,
            };
            let is_due = !seen.is_taken && self.looks >= seen.due;
            self.seen.insert(files.path.clone(), seen);
            match (is_whole, is_due) {
                (true, true) => now.push(claimed),
                (true, false) => {}
                (false, _) => waiting.push(claimed.1.path),
            }
        }
        (now, waiting)
    }

    /// Remembers what became of a log.
    fn settle(&mut self, files: &DriveFiles, store: &Store, report: &IngestReport) {
        let Some(seen) = self.seen.get_mut(&files.path) else {
            return;
        };
        let paths = std::iter::once(&files.path).chain(files.files.iter().map(|file| &file.path));
        let places: BTreeSet<String> = paths
            .map(|path| store.object_url(path).to_string())
            .collect();
        // The fragment tells the drives of one folder apart.
        let is_of_it = |uri: &str| places.contains(uri.split('#').next().unwrap_or(uri));
        let mut failed = report
            .drives
            .iter()
            .filter(|drive| matches!(drive.outcome, DriveOutcome::Failed { .. }));
        let has_failed = failed.any(|drive| is_of_it(&drive.source_uri));
        seen.is_taken = !has_failed;
        if has_failed {
            let pause = 1_u64.checked_shl(seen.failed).unwrap_or(LOOKS_BETWEEN_MAX);
            seen.due = self.looks + pause.min(LOOKS_BETWEEN_MAX);
            seen.failed += 1;
        }
    }
}

/// Whether the marker lies beside a log.
fn is_marked(files: &DriveFiles, marker: &str, unrecognised: &[String]) -> bool {
    let is_there = |path: &str| {
        let is_it = |other: &String| other == path;
        unrecognised.iter().any(is_it) || files.files.iter().any(|file| file.path == path)
    };
    let below = |folder: &str| match folder {
        "" => marker.to_owned(),
        folder => format!("{folder}/{marker}"),
    };
    let folder = files.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    is_there(&below(&files.path))
        || is_there(&below(folder))
        || marker.starts_with('.') && is_there(&format!("{}{marker}", files.path))
}

#[cfg(test)]
mod tests {
    use driveloop_lake::ObjectEntry;

    use super::*;

    #[test]
    fn a_marker_lies_in_the_folder_or_follows_the_name() {
        let entry = |path: &str| ObjectEntry {
            path: path.to_owned(),
            size: 1,
            fingerprint: String::new(),
        };
        let marked = |path: &str, marker: &str, others: &[&str]| {
            let files = DriveFiles::new(path.to_owned(), vec![entry(path)]);
            let others: Vec<_> = others.iter().map(|path| (*path).to_owned()).collect();
            is_marked(&files, marker, &others)
        };
        assert!(marked("a/log.mcap", "_SUCCESS", &["a/_SUCCESS"]));
        assert!(marked("log.mcap", "_SUCCESS", &["_SUCCESS"]));
        assert!(marked("a/bag", "done", &["a/bag/done"]));
        assert!(marked("a/log.mcap", ".done", &["a/log.mcap.done"]));
        assert!(!marked(
            "a/log.mcap",
            "_SUCCESS",
            &["_SUCCESS", "b/_SUCCESS"]
        ));
        assert!(!marked(
            "a/log.mcap",
            "done",
            &["a/log.mcapdone", "a/x.done"]
        ));
    }
}
