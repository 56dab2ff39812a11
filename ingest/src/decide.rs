//! Which drives of a source are read: those that the lake lacks, and where it was asked for those that changed.
//!
//! A drive is known by the log's own name, or else by the place of the log; its bytes and the options that it was read with are its
//! version. All of it stands in the transactions of the tables, so that no row is read for a decision.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{DriveTransaction, Lake, TransactionIds, next_transaction, start_of};
use driveloop_schemas::{DRIVE_TABLES, Drive, Row as _};
use futures::future::try_join_all;

use crate::decoded::Identity;
use crate::error::{Error, Result};

/// What becomes of a drive.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It is read, and takes the place of those that it replaces.
    Read(Identity),
    /// The lake has it.
    AlreadyThere {
        /// Whether it was read with other options than those of this ingest.
        otherwise: bool,
    },
    Refused(Error),
}

/// A drive that is in the lake, or that an earlier log of the source becomes.
struct Version {
    digest: String,
    options: Option<String>,
    /// Whether a log of the source is it: another one of the name does not take its place.
    is_of_this_source: bool,
}

/// The drives that a lake knows of.
#[derive(Default)]
pub(crate) struct Known {
    of_drive: std::sync::Arc<TransactionIds>,
    /// By log id.
    drives: BTreeMap<String, Version>,
    /// Log ids by the place of a log that has no name of its own; those of killed ingests too.
    places: BTreeMap<String, BTreeSet<String>>,
    /// Log ids by what a listing said of the files.
    listings: BTreeMap<String, String>,
    /// Transactions of killed ingests, by log id: some tables have them, and `drive` has not.
    begun: BTreeMap<String, BTreeSet<String>>,
    /// Drives that `drive` says are removed, and that some table still has.
    half_removed: BTreeSet<String>,
    /// Names and digests of the drives that were removed.
    removed: BTreeSet<(String, String)>,
}

impl Known {
    /// What the lake knows.
    pub(crate) async fn read(lake: &Lake) -> Result<Self> {
        let mut known = Self {
            of_drive: lake.transactions(Drive::SPEC.name).await?,
            ..Self::default()
        };
        let of_drive = std::sync::Arc::clone(&known.of_drive);
        for id in of_drive.iter() {
            known.add_drive(id);
        }
        let tables = DRIVE_TABLES.iter();
        let tables = tables.map(|spec| lake.transactions(spec.name));
        for of_table in try_join_all(tables).await? {
            for id in of_table.iter() {
                known.add_rows(id, &of_table);
            }
        }
        Ok(known)
    }

    /// A transaction of `drive`.
    fn add_drive(&mut self, id: &str) {
        let Some(parts) = DriveTransaction::parse(id) else {
            return;
        };
        let (log_id, digest) = (parts.log_id.to_owned(), digest_of(&parts));
        if self.of_drive.is_removed(id) {
            self.removed.insert((log_id, digest));
            return;
        }
        self.add_place(&parts);
        if let Some(listing) = parts.listing {
            self.listings.insert(listing.to_owned(), log_id.clone());
        }
        let version = Version {
            digest,
            options: parts.options.map(str::to_owned),
            is_of_this_source: false,
        };
        self.drives.insert(log_id, version);
    }

    /// A transaction of another table.
    fn add_rows(&mut self, id: &str, of_table: &TransactionIds) {
        let Some(parts) = DriveTransaction::parse(id) else {
            return;
        };
        let log_id = parts.log_id.to_owned();
        if self.of_drive.is_removed(id) {
            if !of_table.is_removed(id) {
                self.half_removed.insert(log_id);
            }
        } else if !self.of_drive.contains(id) {
            self.add_place(&parts);
            self.begun.entry(log_id).or_default().insert(id.to_owned());
        }
    }

    fn add_place(&mut self, parts: &DriveTransaction<'_>) {
        if let Some(place) = parts.place {
            let there = self.places.entry(place.to_owned()).or_default();
            there.insert(parts.log_id.to_owned());
        }
    }

    /// The drive that a listing shows to be there, with whether it was read with other options; none where it has to be looked into. A
    /// drive that is there is remembered as one of the source.
    pub(crate) fn listed(
        &mut self,
        listing: &str,
        options: Option<&str>,
        replace: bool,
    ) -> Option<(String, bool)> {
        let log_id = self.listings.get(listing)?;
        let there = self.drives.get_mut(log_id)?;
        let otherwise = there.options.as_deref() != options;
        if replace && otherwise || self.half_removed.contains(log_id) {
            return None;
        }
        there.is_of_this_source = true;
        Some((log_id.clone(), otherwise))
    }

    /// Decides about a drive, and remembers it: the same log may come twice in a source.
    pub(crate) fn decide(&mut self, identity: Identity, replace: bool) -> Decision {
        let log_id = identity.log_id.to_string();
        let here = start_of(&identity.source_digest).to_owned();
        let mut replaces = BTreeSet::new();
        match self.drives.get_mut(&log_id) {
            Some(there) if there.digest == here => {
                let otherwise = there.options != identity.options;
                if !(replace && otherwise) || there.is_of_this_source {
                    there.is_of_this_source = true;
                    return Decision::AlreadyThere { otherwise };
                }
                replaces.insert(log_id.clone());
            }
            Some(there) if there.is_of_this_source => {
                let there = there.digest.clone();
                return Decision::Refused(Error::LogIdTwice {
                    log_id,
                    there,
                    here,
                });
            }
            Some(there) if !replace => {
                let there = there.digest.clone();
                return Decision::Refused(Error::LogIdTaken {
                    log_id,
                    there,
                    here,
                });
            }
            Some(_) => {
                replaces.insert(log_id.clone());
            }
            None if !replace && self.removed.contains(&(log_id.clone(), here.clone())) => {
                return Decision::Refused(Error::Removed { log_id });
            }
            None => {}
        }
        let elsewhere = self.begun_otherwise(&identity);
        if let (Some(begun), false) = (&elsewhere, replace) {
            let begun = begun.clone();
            return Decision::Refused(Error::LogIdBegun {
                log_id,
                begun,
                here,
            });
        }
        if elsewhere.is_some() || self.half_removed.contains(&log_id) {
            replaces.insert(log_id.clone());
        }
        let at_the_place = identity
            .place
            .as_ref()
            .and_then(|place| self.places.get(place));
        let changed = at_the_place.into_iter().flatten();
        let changed: BTreeSet<String> = changed.filter(|was| **was != log_id).cloned().collect();
        if let (Some(was), false) = (changed.first().cloned(), replace) {
            let source_uri = identity.source_uri;
            return Decision::Refused(Error::LogChanged { source_uri, was });
        }
        replaces.extend(changed);
        self.admit(identity, replaces)
    }

    /// The digest of another version of the drive, whose ingest was killed.
    fn begun_otherwise(&self, identity: &Identity) -> Option<String> {
        let ids = self.begun.get(identity.log_id.as_str())?.iter();
        let mut parts = ids.filter_map(|id| DriveTransaction::parse(id));
        let here = start_of(&identity.source_digest);
        let other = parts.find(|parts| {
            parts.digest != Some(here) || parts.options != identity.options.as_deref()
        })?;
        Some(digest_of(&other))
    }

    fn admit(&mut self, mut identity: Identity, replaces: BTreeSet<String>) -> Decision {
        let log_id = identity.log_id.to_string();
        let begun = self.begun.get(&log_id);
        let first = identity.first_transaction();
        identity.transaction = match begun.and_then(|begun| begun.first()) {
            // What a killed ingest of the same left is gone on with, but where all of the drive's rows go first.
            Some(begun) if !replaces.contains(&log_id) => begun.clone(),
            _ => {
                let is_used = |id: &str| {
                    self.of_drive.contains(id)
                        || self.of_drive.is_removed(id)
                        || begun.is_some_and(|begun| begun.contains(id))
                };
                next_transaction(&first, is_used)
            }
        };
        identity.replaces = replaces;
        let version = Version {
            digest: start_of(&identity.source_digest).to_owned(),
            options: identity.options.clone(),
            is_of_this_source: true,
        };
        self.drives.insert(log_id, version);
        Decision::Read(identity)
    }
}

fn digest_of(parts: &DriveTransaction<'_>) -> String {
    parts.digest.unwrap_or("a composed drive").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "0a0a0a0a";

    fn identity(log_id: &str, digest: &str, place: Option<&str>) -> Identity {
        Identity {
            log_id: log_id.into(),
            source_uri: format!("file:///logs/{log_id}"),
            source_digest: digest.into(),
            source_bytes: 1,
            format: "mcap-ros2",
            place: place.map(str::to_owned),
            options: None,
            listing: "5d".into(),
            transaction: String::new(),
            replaces: BTreeSet::new(),
        }
    }

    fn known(of_drive: &[&str], of_table: &[&str]) -> Known {
        let ids = |ids: &[&str]| TransactionIds::of(ids.iter().copied());
        let (of_drive, of_table) = (ids(of_drive), ids(of_table));
        let mut known = Known {
            of_drive: std::sync::Arc::new(of_drive.clone()),
            ..Known::default()
        };
        of_drive.iter().for_each(|id| known.add_drive(id));
        of_table.iter().for_each(|id| known.add_rows(id, &of_table));
        known
    }

    fn read(decision: Decision) -> (String, Vec<String>) {
        match decision {
            Decision::Read(identity) => (
                identity.transaction,
                identity.replaces.into_iter().collect(),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_drive_is_read_once() {
        let mut known = known(&[], &[]);
        let first = read(known.decide(identity("a", "01", None), false));
        assert_eq!(first, ("drive/a/01=5d".into(), vec![]));
        let again = known.decide(identity("a", "01", None), true);
        assert!(matches!(again, Decision::AlreadyThere { otherwise: false }));
        let other = known.decide(identity("a", "02", None), true);
        assert!(matches!(other, Decision::Refused(Error::LogIdTwice { .. })));
    }

    #[test]
    fn of_two_logs_of_a_name_none_takes_the_place_of_the_other_in_turn() {
        let mut known = known(&["drive/a/01"], &["drive/a/01"]);
        let first = known.decide(identity("a", "01", None), true);
        assert!(matches!(first, Decision::AlreadyThere { .. }));
        let other = known.decide(identity("a", "02", None), true);
        assert!(matches!(other, Decision::Refused(Error::LogIdTwice { .. })));
    }

    #[test]
    fn other_bytes_of_a_name_are_refused_or_take_its_place() {
        let lake = || known(&["drive/a/01"], &["drive/a/01"]);
        let refused = lake().decide(identity("a", "02", None), false);
        assert!(matches!(
            refused,
            Decision::Refused(Error::LogIdTaken { .. })
        ));
        let replaced = read(lake().decide(identity("a", "02", None), true));
        assert_eq!(replaced, ("drive/a/02=5d".into(), vec!["a".into()]));
        let mut of_composed = known(&["3f9a"], &[]);
        let refused = of_composed.decide(identity("3f9a", "02", None), false);
        assert!(matches!(
            refused,
            Decision::Refused(Error::LogIdTaken { .. })
        ));
    }

    #[test]
    fn other_bytes_at_a_place_are_the_log_that_changed() {
        let lake = || known(&["drive/log-01/01@0a0a0a0a"], &["drive/log-01/01@0a0a0a0a"]);
        let here = || identity("log-02", "02", Some(PLACE));
        let refused = lake().decide(here(), false);
        assert!(
            matches!(&refused, Decision::Refused(Error::LogChanged { was, .. }) if was == "log-01"),
            "{refused:?}"
        );
        let replaced = read(lake().decide(here(), true));
        let expected = "drive/log-02/02@0a0a0a0a=5d".to_owned();
        assert_eq!(replaced, (expected.clone(), vec!["log-01".into()]));
        // A log that has a name of its own may lie where another lay.
        let named = read(lake().decide(identity("b", "02", None), false));
        assert_eq!(named, ("drive/b/02=5d".into(), vec![]));
        // The same bytes elsewhere are the same drive.
        let moved = lake().decide(identity("log-01", "01", Some("0b0b0b0b")), false);
        assert!(matches!(moved, Decision::AlreadyThere { .. }));
    }

    #[test]
    fn what_was_removed_comes_back_only_where_it_is_asked_for() {
        let of_drive = ["drive/a/01=5d", "removed/drive/a/01=5d"];
        let lake = || known(&of_drive, &of_drive);
        let refused = lake().decide(identity("a", "01", None), false);
        assert!(matches!(refused, Decision::Refused(Error::Removed { .. })));
        let back = read(lake().decide(identity("a", "01", None), true));
        assert_eq!(back, ("drive/a/01=5d.2".into(), vec![]));
        let other = read(lake().decide(identity("a", "02", None), false));
        assert_eq!(other, ("drive/a/02=5d".into(), vec![]));
    }

    #[test]
    fn what_a_killed_run_left_is_gone_on_with_or_taken_away() {
        let of_table = ["drive/a/01@0a0a0a0a"];
        let lake = || known(&[], &of_table);
        let again = read(lake().decide(identity("a", "01", Some("0b0b0b0b")), false));
        assert_eq!(again, ("drive/a/01@0a0a0a0a".into(), vec![]));
        let refused = lake().decide(identity("a", "02", None), false);
        assert!(matches!(
            refused,
            Decision::Refused(Error::LogIdBegun { .. })
        ));
        let replaced = read(lake().decide(identity("a", "02", None), true));
        assert_eq!(replaced, ("drive/a/02=5d".into(), vec!["a".into()]));
        // A removal that was killed is completed first.
        let half = known(
            &["drive/a/01=5d", "removed/drive/a/01=5d"],
            &["drive/a/01=5d"],
        );
        let mut half = half;
        let back = read(half.decide(identity("a", "01", None), true));
        assert_eq!(back, ("drive/a/01=5d.2".into(), vec!["a".into()]));
    }

    #[test]
    fn other_options_are_said_and_read_anew_where_it_is_asked_for() {
        let lake = || known(&["drive/a/01"], &["drive/a/01"]);
        let with = || Identity {
            options: Some("0c0c0c0c".into()),
            ..identity("a", "01", None)
        };
        let there = lake().decide(with(), false);
        assert!(matches!(there, Decision::AlreadyThere { otherwise: true }));
        let replaced = read(lake().decide(with(), true));
        assert_eq!(
            replaced,
            ("drive/a/01~0c0c0c0c=5d".into(), vec!["a".into()])
        );
        let mut same = known(&["drive/a/01~0c0c0c0c"], &[]);
        let there = same.decide(with(), true);
        assert!(matches!(there, Decision::AlreadyThere { otherwise: false }));
    }

    #[test]
    fn what_a_listing_shows_to_be_there_is_not_read() {
        let lake = || known(&["drive/a/01=5d"], &["drive/a/01=5d"]);
        let there = |otherwise| Some(("a".to_owned(), otherwise));
        assert_eq!(lake().listed("5d", None, false), there(false));
        assert_eq!(lake().listed("6e", None, false), None);
        assert_eq!(lake().listed("5d", Some("0c"), false), there(true));
        assert_eq!(lake().listed("5d", Some("0c"), true), None);
        let ids = ["drive/a/01=5d", "removed/drive/a/01=5d"];
        assert_eq!(known(&ids, &ids).listed("5d", None, false), None);
        // Another log of the name is the second one of the source, whichever comes first.
        let mut lake = lake();
        lake.listed("5d", None, true);
        let other = lake.decide(identity("a", "02", None), true);
        assert!(matches!(other, Decision::Refused(Error::LogIdTwice { .. })));
    }
}
