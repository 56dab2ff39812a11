//! What a person sees of an ingest: a bar for each stage on a terminal, plain lines elsewhere, and how it went at the end.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use driveloop_ingest::{DriveOutcome, IngestEvent, IngestReport};

use crate::progress::{Bars, Progress, Unit};
use crate::words::{bytes, count};

/// Time between plain lines: a log file of thousands of drives stays short.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// The stages of an ingest as it runs.
pub(crate) struct View {
    bars: Bars,
    stages: Mutex<Stages>,
    begun: Instant,
}

struct Stages {
    listing: Option<Progress>,
    hashing: Progress,
    reading: Progress,
    committing: Progress,
    drives: Drives,
    last_line: Instant,
}

/// What is known of the source so far.
#[derive(Debug, Default, Clone, Copy)]
struct Drives {
    found: usize,
    decoded: usize,
    /// Bytes of all drives.
    bytes: u64,
    /// Bytes of the drives that are not in the lake already.
    new_bytes: u64,
}

impl View {
    /// An ingest that begins by listing its source.
    pub(crate) fn new(source: &str) -> Self {
        let bars = Bars::new();
        let listing = bars.start("listing", Unit::Items);
        listing.beside(source);
        let stages = Stages {
            listing: Some(listing),
            hashing: bars.start("hashing", Unit::Bytes),
            reading: bars.start("reading", Unit::Bytes),
            committing: bars.start("committing", Unit::Items),
            drives: Drives::default(),
            last_line: Instant::now(),
        };
        Self {
            bars,
            stages: Mutex::new(stages),
            begun: Instant::now(),
        }
    }

    /// Shows an event.
    pub(crate) fn show(&self, event: &IngestEvent) {
        let Ok(mut stages) = self.stages.lock() else {
            return;
        };
        if let IngestEvent::Found {
            drives,
            bytes,
            unrecognised,
        } = event
        {
            self.bars.note(&found(*drives, *bytes, *unrecognised));
        }
        if let IngestEvent::Unlisted { path, reason } = event {
            self.bars.note(&format!("passed over: {path}: {reason}"));
        }
        if let IngestEvent::Failed { log_id, reason, .. } = event {
            self.bars.note(&format!("failed: {log_id}: {reason}"));
        }
        stages.take(event);
        if self.bars.is_plain() && stages.last_line.elapsed() >= LINE_EVERY {
            stages.last_line = Instant::now();
            eprintln!("{}", stages.line());
        }
    }

    /// Takes the bars away. The time since the beginning.
    pub(crate) fn finish(self) -> Duration {
        self.begun.elapsed()
    }
}

impl Stages {
    fn take(&mut self, event: &IngestEvent) {
        match event {
            IngestEvent::Found { drives, bytes, .. } => {
                self.listing = None;
                self.drives.found = *drives;
                self.drives.bytes = *bytes;
                self.drives.new_bytes = *bytes;
                self.hashing.total(*bytes);
                self.reading.total(*bytes);
                self.committing.total(*drives as u64);
            }
            IngestEvent::Digested { bytes } => self.hashing.advance(*bytes),
            IngestEvent::AlreadyThere {
                bytes, is_digested, ..
            } => {
                self.leave_out(*bytes, *is_digested);
                self.committing.advance(1);
            }
            IngestEvent::Failed { .. } => self.committing.advance(1),
            IngestEvent::Read { bytes } => self.reading.advance(*bytes),
            IngestEvent::Decoded { .. } => {
                self.drives.decoded += 1;
                let decoded = count(self.drives.decoded, "drive");
                self.reading.beside(&format!("{decoded} decoded"));
            }
            IngestEvent::Committing { drives } => {
                self.committing.beside(&count(*drives, "drive"));
            }
            IngestEvent::Committed { drives } => {
                self.committing.advance(*drives as u64);
                self.committing.beside("");
            }
            _ => {}
        }
    }

    /// A drive that is there already is not read, or only for its digest.
    fn leave_out(&mut self, bytes: u64, is_digested: bool) {
        if !is_digested {
            self.drives.bytes = self.drives.bytes.saturating_sub(bytes);
            self.hashing.total(self.drives.bytes);
        }
        self.drives.new_bytes = self.drives.new_bytes.saturating_sub(bytes);
        self.reading.total(self.drives.new_bytes);
    }

    fn line(&self) -> String {
        if self.listing.is_some() {
            return "listing".to_owned();
        }
        let of = |done: &Progress, all: u64| format!("{} of {}", bytes(done.done()), bytes(all));
        if self.reading.done() == 0 {
            return format!("hashed {}", of(&self.hashing, self.drives.bytes));
        }
        format!(
            "read {}; {} of {} decoded, {} in the lake",
            of(&self.reading, self.drives.new_bytes),
            self.drives.decoded,
            count(self.drives.found, "drive"),
            self.committing.done()
        )
    }
}

fn found(drives: usize, size: u64, unrecognised: usize) -> String {
    let others = if unrecognised > 0 {
        format!("; {} of no known format", count(unrecognised, "file"))
    } else {
        String::new()
    };
    format!("found {}, {}{others}", count(drives, "drive"), bytes(size))
}

/// Says how it went.
pub(crate) fn conclude(report: &IngestReport, elapsed: Duration) {
    for line in losses(report).into_iter().chain(read_otherwise(report)) {
        eprintln!("{line}");
    }
    eprintln!("{}", summary(report, elapsed));
}

/// The drives that are not whole in the lake, with where to read more.
fn losses(report: &IngestReport) -> Vec<String> {
    let there = report
        .drives
        .iter()
        .filter(|drive| !matches!(drive.outcome, DriveOutcome::Failed { .. }));
    let hurt = there.filter(|drive| drive.records_lost > 0 || drive.is_damaged);
    let lines = hurt.map(|drive| {
        let damaged = if drive.is_damaged { ", damaged" } else { "" };
        format!(
            "loss: {}: {} of {}{damaged}; `SELECT * FROM finding WHERE log_id = '{}' AND severity <> 'info'` says which",
            drive.log_id,
            drive.records_lost,
            count(drive.records_in, "record"),
            drive.log_id
        )
    });
    lines.collect()
}

/// That options of this ingest say nothing of drives that were there.
fn read_otherwise(report: &IngestReport) -> Option<String> {
    let drives = report.drives.iter().filter(|drive| drive.read_otherwise);
    let drives: Vec<&str> = drives.map(|drive| drive.log_id.as_str()).collect();
    let first = drives.first()?;
    Some(format!(
        "{}, `{first}` the first, {} read with another mapping, other CAN databases or other signals than this ingest was given, and \
         {} left as before: --replace reads them anew",
        count(drives.len(), "drive"),
        if drives.len() == 1 { "was" } else { "were" },
        if drives.len() == 1 { "is" } else { "are" },
    ))
}

/// How many drives became what, in a line.
pub(crate) fn outcome(report: &IngestReport) -> String {
    let passed_over = match report.unlisted.len() {
        0 => String::new(),
        1 => ", 1 entry passed over".to_owned(),
        entries => format!(", {entries} entries passed over"),
    };
    let replacing = report.drives.iter();
    let replacing = replacing
        .filter(|drive| drive.outcome == DriveOutcome::Committed && !drive.replaced.is_empty());
    let replacing = match replacing.count() {
        0 => String::new(),
        drives => format!(" ({drives} in the place of others)"),
    };
    format!(
        "{} new{replacing}, {} there already, {} failed{passed_over}",
        count(report.committed(), "drive"),
        report.already_there(),
        report.failed()
    )
}

/// How it went: drives, rows, what was dropped, and how fast.
fn summary(report: &IngestReport, elapsed: Duration) -> String {
    let rows: u64 = report.rows().values().sum();
    let sum = |of: fn(&driveloop_ingest::DriveReport) -> u64| -> u64 {
        report.drives.iter().map(of).sum()
    };
    let records = sum(|drive| drive.records_in);
    let (dropped, lost) = (
        sum(|drive| drive.records_dropped),
        sum(|drive| drive.records_lost),
    );
    let there =
        |drive: &&driveloop_ingest::DriveReport| drive.outcome == DriveOutcome::AlreadyThere;
    let there_bytes: u64 = report
        .drives
        .iter()
        .filter(there)
        .map(|drive| drive.bytes)
        .sum();
    let read_bytes = report.bytes.saturating_sub(there_bytes);
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let per_second = |number: u64| number as f64 / seconds;
    format!(
        "{}; {}; {} read, {dropped} dropped, {lost} of them lost\n{} in {seconds:.1} s: {:.1} MB/s, {:.0} records/s",
        outcome(report),
        count(rows, "row"),
        count(records, "record"),
        bytes(read_bytes),
        per_second(read_bytes) / 1e6,
        per_second(records)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use driveloop_ingest::DriveReport;

    use super::*;

    fn report(drives: usize) -> IngestReport {
        let drive = DriveReport {
            log_id: "a".to_owned(),
            source_uri: "logs/a".to_owned(),
            outcome: DriveOutcome::Committed,
            rows: BTreeMap::from([("ego_state".to_owned(), 7)]),
            records_in: 10,
            records_dropped: 3,
            records_lost: 1,
            is_damaged: true,
            findings: BTreeMap::new(),
            bytes: 500_000,
            replaced: BTreeSet::new(),
            read_otherwise: false,
        };
        IngestReport {
            drives: vec![drive; drives],
            unrecognised: Vec::new(),
            unlisted: Vec::new(),
            bytes: 500_000 * drives as u64,
        }
    }

    #[test]
    fn the_summary_counts_and_measures() {
        assert_eq!(
            summary(&report(1), Duration::from_millis(500)),
            "1 drive new, 0 there already, 0 failed; 7 rows; 10 records read, 3 dropped, 1 of them lost\n\
             500.0 kB in 0.5 s: 1.0 MB/s, 20 records/s"
        );
        assert!(summary(&report(2), Duration::from_secs(1)).starts_with("2 drives new"));
    }

    #[test]
    fn a_loss_says_where_to_read_more() {
        let lines = losses(&report(1));
        assert_eq!(
            lines,
            [
                "loss: a: 1 of 10 records, damaged; `SELECT * FROM finding WHERE log_id = 'a' AND severity <> 'info'` says which"
            ]
        );
        assert_eq!(
            found(1, 1_000_000, 2),
            "found 1 drive, 1.0 MB; 2 files of no known format"
        );
    }
}
