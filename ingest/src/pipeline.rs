//! From a source to the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driveloop_lake::{Commit, Lake};
use driveloop_schemas::Severity;
use futures::{StreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::apart::Apart;
use crate::blob::{Blobs, Pass, Progress};
use crate::commit::Batch;
use crate::decide::{Decision, Known};
use crate::decoded::{Identity, ReadDrive};
use crate::error::{Error, Result};
use crate::found::Found;
use crate::limits::Limits;
use crate::options::IngestOptions;
use crate::parting::part;
use crate::report::{DriveOutcome, DriveReport, IngestEvent, IngestReport};
use crate::sink::LakeSink;
use crate::source::{Claimed, DriveFiles, LogSource, Name};

/// Reads the logs of a source into the lake.
///
/// `source` is a folder, a file, or a prefix of an object store; it is listed with everything below it. Drives that the lake has with the
/// same bytes are left alone; those that a listing shows to be as they were are not read again for that. One drive that cannot be read
/// fails by itself: see [`DriveReport`]. A run that was killed is completed by the next one.
///
/// # Errors
/// When there is nothing at the source, nothing in it is recognised, the mapping or a CAN database is wrong, or the lake fails.
pub async fn ingest(
    lake: &Lake,
    source: &str,
    options: &IngestOptions,
    on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
) -> Result<IngestReport> {
    let found = Found::list(source, options).await?;
    for entry in &found.unlisted {
        on_event(&IngestEvent::Unlisted {
            path: entry.path.clone(),
            reason: entry.reason.clone(),
        });
    }
    found.is_recognised(source)?;
    ingest_found(lake, found, options, on_event).await
}

/// Reads the logs that were found into the lake.
pub(crate) async fn ingest_found(
    lake: &Lake,
    found: Found,
    options: &IngestOptions,
    on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
) -> Result<IngestReport> {
    let (progress, mut read) = unbounded_channel();
    let run = Run {
        lake: lake.clone(),
        blobs: Arc::new(Blobs::new(
            found.store,
            Handle::current(),
            progress,
            options.limits.spool_bytes_max,
        )),
        options: options.clone(),
    };
    let parted = part(found.claimed, &run.blobs, &options.limits).await;
    let mut unrecognised = found.unrecognised;
    unrecognised.extend(parted.unrecognised);
    let bytes = parted.drives.iter().map(|(_, files)| files.bytes()).sum();
    on_event(&IngestEvent::Found {
        drives: parted.drives.len() + parted.failed.len(),
        bytes,
        unrecognised: unrecognised.len(),
    });
    let failed = parted.failed.iter();
    let failed = failed
        .map(|(files, error)| run.failed(files, error))
        .collect();
    let drives = Box::pin(run.all(parted.drives, failed, on_event));
    Ok(IngestReport {
        drives: watched(drives, &mut read, on_event).await?,
        unrecognised,
        unlisted: found.unlisted.into_iter().map(Into::into).collect(),
        bytes,
    })
}

/// Waits for something, and passes on meanwhile how much was read.
async fn watched<T>(
    future: impl Future<Output = T>,
    read: &mut UnboundedReceiver<Progress>,
    on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        tokio::select! {
            Some(Progress { pass, bytes }) = read.recv() => match pass {
                Pass::Digest => on_event(&IngestEvent::Digested { bytes }),
                Pass::Decode => on_event(&IngestEvent::Read { bytes }),
                // The bytes of a drive, as they were announced, are those of its own files.
                Pass::Index => {}
            },
            done = &mut future => return done,
        }
    }
}

struct Run {
    lake: Lake,
    blobs: Arc<Blobs>,
    options: IngestOptions,
}

impl Run {
    /// `failed` are the reports of drives that could not even be told apart.
    async fn all(
        &self,
        drives: Vec<Claimed>,
        failed: Vec<DriveReport>,
        on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
    ) -> Result<Vec<DriveReport>> {
        let jobs = self.options.jobs.max(1);
        failed
            .iter()
            .for_each(|failed| on_event(&event(failed, true)));
        let mut reports = failed;
        let mut known = Known::read(&self.lake).await?;
        let todo = self.unlisted(drives, &mut known, &mut reports, on_event);
        // A drive is identified a little before its turn, and what was fetched for that is held until it was read.
        let identities = stream::iter(todo)
            .map(|(at, drive)| async move { (at, self.identify(drive).await) })
            .buffered(jobs);
        let reading = identities.map(|(at, (held, identity))| {
            let (report, identity) = self.decide(&mut known, &held.drive.1, identity);
            async move {
                let read = match identity {
                    Some(identity) => Some(self.read(held, identity).await),
                    None => None,
                };
                (at, report, read)
            }
        });
        let mut read = std::pin::pin!(reading.buffered(jobs));
        let mut batch = Pending::default();
        while let Some((at, report, drive)) = read.next().await {
            reports[at] = report;
            match drive {
                None => on_event(&event(&reports[at], true)),
                Some(Ok(read)) => {
                    describe(&mut reports[at], &read);
                    on_event(&IngestEvent::Decoded {
                        log_id: read.identity.log_id.to_string(),
                        bytes: read.identity.source_bytes,
                        rows: reports[at].rows.values().sum(),
                    });
                    batch.reports.push(at);
                    batch.rows.add(read);
                }
                // The lake failed: that is no fault of the drive.
                Some(Err(Error::Lake(error))) => return Err(error.into()),
                Some(Err(error)) => {
                    reports[at].outcome = DriveOutcome::Failed {
                        reason: error.with_causes(),
                    };
                    on_event(&event(&reports[at], true));
                }
            }
            if batch.is_full(&self.options.limits) {
                self.commit(std::mem::take(&mut batch), &mut reports, on_event)
                    .await?;
            }
        }
        self.commit(batch, &mut reports, on_event).await?;
        Ok(reports)
    }

    /// The drives of which the listing does not say that the lake has them, with the places of their reports. Every drive gets a report.
    fn unlisted(
        &self,
        drives: Vec<Claimed>,
        known: &mut Known,
        reports: &mut Vec<DriveReport>,
        on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
    ) -> Vec<(usize, Claimed)> {
        let (store, options) = (self.blobs.store(), self.options.version());
        let mut todo = Vec::new();
        for (format, files) in drives {
            let listing = format.listing(&files, store).ok();
            let there = listing.and_then(|listing| {
                known.listed(&listing, options.as_deref(), self.options.replace)
            });
            let name = there.as_ref().map_or(&files.path, |(log_id, _)| log_id);
            let mut report = report(name, &files.uri(store), files.bytes());
            if let Some((_, otherwise)) = there {
                report.outcome = DriveOutcome::AlreadyThere;
                report.read_otherwise = otherwise;
                on_event(&event(&report, false));
            } else {
                todo.push((reports.len(), (format, files)));
            }
            reports.push(report);
        }
        todo
    }

    /// Reads a drive's bytes for their digest, and finds its name.
    async fn identify(&self, drive: Claimed) -> (Held, Result<Identity>) {
        let (blobs, options) = (Arc::clone(&self.blobs), self.options.clone());
        let (format, files) = drive.clone();
        let held = Held {
            drive,
            blobs: Arc::clone(&blobs),
        };
        let task = tokio::task::spawn_blocking(move || {
            identity(format.as_ref(), &files, &blobs, &options)
        });
        let identity = task.await.unwrap_or_else(|error| {
            Err(Error::Decoder {
                log_id: held.drive.1.path.clone(),
                reason: error.to_string(),
            })
        });
        (held, identity)
    }

    /// What becomes of a drive, as far as it is known before it is read, and who it is where it is read.
    fn decide(
        &self,
        known: &mut Known,
        files: &DriveFiles,
        identity: Result<Identity>,
    ) -> (DriveReport, Option<Identity>) {
        let identity = match identity {
            Ok(identity) => identity,
            Err(error) => return (self.failed(files, &error), None),
        };
        let mut report = report(
            &identity.log_id,
            &identity.source_uri,
            identity.source_bytes,
        );
        match known.decide(identity, self.options.replace) {
            Decision::Read(identity) => {
                report.replaced.clone_from(&identity.replaces);
                return (report, Some(identity));
            }
            Decision::AlreadyThere { otherwise } => {
                report.outcome = DriveOutcome::AlreadyThere;
                report.read_otherwise = otherwise;
            }
            Decision::Refused(error) => {
                report.outcome = DriveOutcome::Failed {
                    reason: error.with_causes(),
                };
            }
        }
        (report, None)
    }

    /// Reads a drive whole; its media goes to the lake's packs on the way.
    async fn read(&self, held: Held, identity: Identity) -> Result<ReadDrive> {
        let (lake, limits) = (self.lake.clone(), self.options.limits.clone());
        let log_id = identity.log_id.to_string();
        let task = tokio::task::spawn_blocking(move || {
            let read = |day, apart: Option<&Apart>| {
                let mut sink = LakeSink::new(lake.clone(), &identity, day, Handle::current());
                let (format, files) = &held.drive;
                let decoded = format.decode(files, &held.blobs, &limits, &mut sink, apart)?;
                Ok::<_, Error>((decoded, sink))
            };
            let (mut decoded, mut sink) = read(None, None)?;
            // Records of another time are found at the end; what was sent ahead by then is left to the vacuum.
            let apart = decoded.apart.take();
            if apart.is_some() {
                (decoded, sink) = read(None, apart.as_ref())?;
            }
            let first = decoded.finish(identity.clone(), sink.finish()?)?;
            // Rows were sent ahead before the earliest stamp was met, and that is of another day: the same.
            let Some(day) = first.wrong_day() else {
                return Ok(first);
            };
            let (decoded, sink) = read(Some(day), apart.as_ref())?;
            decoded.finish(identity, sink.finish()?)
        });
        task.await.map_err(|error| Error::Decoder {
            log_id,
            reason: error.to_string(),
        })?
    }

    async fn commit(
        &self,
        batch: Pending,
        reports: &mut [DriveReport],
        on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
    ) -> Result<()> {
        let drives = batch.rows.drives();
        if drives == 0 {
            return Ok(());
        }
        on_event(&IngestEvent::Committing { drives });
        let mut commit = Commit::new("ingest", self.options.run_id.as_str());
        commit.params_digest = self.options.digest();
        batch.rows.commit(&self.lake, &commit).await?;
        for at in batch.reports {
            reports[at].outcome = DriveOutcome::Committed;
        }
        on_event(&IngestEvent::Committed { drives });
        Ok(())
    }

    /// The report of a drive that failed before it had a name.
    fn failed(&self, files: &DriveFiles, error: &Error) -> DriveReport {
        let uri = files.uri(self.blobs.store());
        let mut failed = report(&files.path, &uri, files.bytes());
        failed.outcome = DriveOutcome::Failed {
            reason: error.with_causes(),
        };
        failed
    }
}

/// A drive that is being read. What is held of its files goes with it.
struct Held {
    drive: Claimed,
    blobs: Arc<Blobs>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.blobs.release(&self.drive.1.files);
    }
}

/// Drives that were read and not yet committed, with the places of their reports.
#[derive(Default)]
struct Pending {
    rows: Batch,
    reports: Vec<usize>,
}

impl Pending {
    fn is_full(&self, limits: &Limits) -> bool {
        self.rows.drives() >= limits.commit_drives_max
            || self.rows.bytes() >= limits.commit_bytes_max
    }
}

fn identity(
    format: &dyn LogSource,
    files: &DriveFiles,
    blobs: &Blobs,
    options: &IngestOptions,
) -> Result<Identity> {
    let source_digest = format.source_digest(files, blobs)?;
    let source_uri = files.uri(blobs.store());
    let (log_id, place) = match format.name(files, blobs, &options.limits, &source_digest)? {
        Name::Own(log_id) => (log_id, None),
        Name::OfPlace(log_id) => (log_id, files.place(blobs.store())),
    };
    Ok(Identity {
        log_id: log_id.into(),
        source_uri,
        source_digest,
        source_bytes: files.bytes(),
        format: format.format(),
        place,
        options: options.version(),
        listing: format.listing(files, blobs.store())?,
        transaction: String::new(),
        replaces: BTreeSet::new(),
    })
}

/// A drive that nothing is known of yet.
fn report(log_id: &str, source_uri: &str, bytes: u64) -> DriveReport {
    DriveReport {
        log_id: log_id.to_owned(),
        source_uri: source_uri.to_owned(),
        outcome: DriveOutcome::Failed {
            reason: "it was not reached".to_owned(),
        },
        rows: BTreeMap::new(),
        records_in: 0,
        records_dropped: 0,
        records_lost: 0,
        is_damaged: false,
        findings: BTreeMap::new(),
        bytes,
        replaced: BTreeSet::new(),
        read_otherwise: false,
    }
}

fn describe(report: &mut DriveReport, read: &ReadDrive) {
    report.rows = read.counts();
    report.records_in = read.drive.records_in as u64;
    report.records_dropped = read.drive.records_dropped as u64;
    report.is_damaged = read.is_damaged;
    for finding in read.facts.findings.iter() {
        *report.findings.entry(finding.severity.clone()).or_default() += 1;
        if finding.severity != Severity::Info.as_str() {
            report.records_lost += finding.dropped as u64;
        }
    }
}

/// What to say of a drive that is not read, or could not be.
fn event(report: &DriveReport, is_digested: bool) -> IngestEvent {
    let (log_id, bytes) = (report.log_id.clone(), report.bytes);
    match &report.outcome {
        DriveOutcome::Failed { reason } => IngestEvent::Failed {
            log_id,
            bytes,
            reason: reason.clone(),
        },
        DriveOutcome::Committed | DriveOutcome::AlreadyThere => IngestEvent::AlreadyThere {
            log_id,
            bytes,
            is_digested,
        },
    }
}
