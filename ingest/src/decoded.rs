//! A drive as its format gave it, and as it is committed.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{DriveTransaction, start_of};
use driveloop_schemas::time::{Day, day_from_stamp_ns};
use driveloop_schemas::{Drive, LogId, Origin, Row as _};

use crate::actors::ActorColumns;
use crate::apart::Apart;
use crate::error::{Error, Result};
use crate::facts::{DriveFacts, Facts};
use crate::findings::Findings;
use crate::paged::Store;
use crate::sink::Spilled;

/// What a format says about a drive as a whole.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) origin: Origin,
    pub(crate) vehicle_id: Option<String>,
    pub(crate) map_id: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) software_version: Option<String>,
    pub(crate) licence: Option<String>,
}

impl Default for About {
    fn default() -> Self {
        Self {
            origin: Origin::Recorded,
            vehicle_id: None,
            map_id: None,
            region: None,
            software_version: None,
            licence: None,
        }
    }
}

/// What a format reads out of a log.
#[derive(Debug, Default)]
pub(crate) struct DecodedDrive {
    pub(crate) about: About,
    pub(crate) facts: DriveFacts,
    pub(crate) findings: Findings,
    /// Records that were read: rows, messages and their items, files.
    pub(crate) records_in: u64,
    /// Records among them that became rows, or are part of one.
    pub(crate) records_used: u64,
    /// Whether the log itself is torn or damaged, whether or not records were lost by it.
    pub(crate) is_damaged: bool,
    /// Records of another time, where there are any: the drive has to be read again without them.
    pub(crate) apart: Option<Apart>,
}

/// Identity of a drive, known before it is decoded.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) log_id: LogId,
    pub(crate) source_uri: String,
    pub(crate) source_digest: String,
    pub(crate) source_bytes: u64,
    pub(crate) format: &'static str,
    /// Digest of the place of the log, where the log has no name of its own.
    pub(crate) place: Option<String>,
    /// Digest of what it is read with, where that is not what every log is.
    pub(crate) options: Option<String>,
    /// Digest of what a listing says of the files.
    pub(crate) listing: String,
    /// The id of the drive's transaction in each table, once it is decided that it is read.
    pub(crate) transaction: String,
    /// Drives that it takes the place of, by log id.
    pub(crate) replaces: BTreeSet<String>,
}

impl Identity {
    /// The id of the drive's transaction in a lake that does not know the drive.
    pub(crate) fn first_transaction(&self) -> String {
        let transaction = DriveTransaction {
            log_id: &self.log_id,
            digest: Some(start_of(&self.source_digest)),
            place: self.place.as_deref(),
            options: self.options.as_deref(),
            listing: Some(&self.listing),
        };
        transaction.to_string()
    }

    /// What tells the drive from other versions of it, wherever its log lies and however often it came back.
    pub(crate) fn version(&self) -> String {
        let digest = start_of(&self.source_digest);
        let options = self.options.as_ref();
        options.map_or(digest.to_owned(), |options| format!("{digest}~{options}"))
    }
}

/// A drive that was read whole, ready to be committed.
pub(crate) struct ReadDrive {
    pub(crate) identity: Identity,
    pub(crate) drive: Drive,
    /// Each table in the order of its key.
    pub(crate) facts: DriveFacts,
    pub(crate) spilled: Spilled,
    pub(crate) is_damaged: bool,
}

impl DecodedDrive {
    /// A drive of which nothing was read yet, whose actors will be held in a store.
    pub(crate) fn held_in(store: &Store) -> Self {
        Self {
            facts: DriveFacts {
                actors: ActorColumns::new(store),
                ..DriveFacts::default()
            },
            ..Self::default()
        }
    }

    /// Closes the books of the drive.
    pub(crate) fn finish(mut self, identity: Identity, spilled: Spilled) -> Result<ReadDrive> {
        let log_id = &identity.log_id;
        self.facts.actors.store().check(log_id)?;
        let (used, dropped) = (self.records_used, self.findings.dropped());
        if self.records_in != used + dropped {
            return Err(Error::Unaccounted {
                log_id: log_id.to_string(),
                records_in: self.records_in,
                used,
                dropped,
            });
        }
        let records = self.records_in;
        let spans = [self.facts.span_ns(), spilled.span_ns];
        let spans = spans.into_iter().flatten();
        let span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let reasons = || self.findings.most_frequent();
        let span = span.ok_or_else(|| Error::NoRecords {
            log_id: log_id.to_string(),
            records,
            reasons: reasons().unwrap_or_else(|| "the log has none".to_owned()),
        })?;
        let day = day_from_stamp_ns(span.0);
        self.facts.findings = std::mem::take(&mut self.findings).rows(log_id, day).into();
        self.facts.sort();
        self.facts.actors.store().check(log_id)?;
        let facts = &self.facts;
        let media: [&dyn Facts; 2] = [&facts.camera_frames, &facts.lidar_sweeps];
        let has_media = media
            .into_iter()
            .any(|frames| frames.len() > 0 || spilled.rows.contains_key(frames.spec().name));
        let drive = self.drive(&identity, span, day, dropped, has_media);
        Ok(ReadDrive {
            identity,
            drive,
            facts: self.facts,
            spilled,
            is_damaged: self.is_damaged,
        })
    }

    fn drive(
        &self,
        identity: &Identity,
        span_ns: (i64, i64),
        day: Day,
        dropped: u64,
        has_media: bool,
    ) -> Drive {
        let about = self.about.clone();
        Drive {
            log_id: identity.log_id.clone(),
            day,
            composed: false,
            origin: about.origin.as_str().to_owned(),
            vehicle_id: about.vehicle_id,
            source_uri: identity.source_uri.clone(),
            source_digest: identity.source_digest.clone(),
            source_bytes: identity.source_bytes as i64,
            format: identity.format.to_owned(),
            start_ns: span_ns.0,
            end_ns: span_ns.1,
            map_id: about.map_id,
            region: about.region,
            software_version: about.software_version,
            licence: about.licence,
            privacy_state: if has_media { "unprocessed" } else { "none" }.to_owned(),
            records_in: self.records_in as i64,
            records_dropped: dropped as i64,
        }
    }
}

impl ReadDrive {
    /// Whether rows were spilled under a day that, now that the drive was read to its end, is not its own.
    pub(crate) fn wrong_day(&self) -> Option<Day> {
        let spilled = self.spilled.day?;
        (spilled != self.drive.day).then_some(self.drive.day)
    }

    /// Rows by table, for reports; tables without rows are left out.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::from([(Drive::SPEC.name.to_owned(), 1)]);
        for facts in self.facts.tables() {
            let name = facts.spec().name;
            let spilled = self.spilled.rows.get(name).copied().unwrap_or_default();
            let rows = facts.len() as u64 + spilled;
            if rows > 0 {
                counts.insert(name.to_owned(), rows);
            }
        }
        counts
    }
}
