//! From a source to the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driveloop_lake::{Commit, Lake, digest};
use driveloop_schemas::Severity;
use futures::{StreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::apart::Apart;
use crate::argoverse::Argoverse2;
use crate::blob::{Blobs, Pass, Progress};
use crate::commit::Batch;
use crate::dbc::{Buses, DatabaseFile};
use crate::decide::{Decision, Known};
use crate::decoded::{Identity, ReadDrive};
use crate::error::{Error, Result};
use crate::kitti::Kitti;
use crate::limits::Limits;
use crate::nuscenes::NuScenes;
use crate::parting::part;
use crate::report::{DriveOutcome, DriveReport, IngestEvent, IngestReport};
use crate::sink::LakeSink;
use crate::source::{Claimed, DriveFiles, LogSource, Name, Registry, list, short};
use crate::topics::{DEFAULT_MAPPING, File, Folder, Session, TopicOptions};

/// How to ingest.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// The run, as the lineage of the commits names it.
    pub run_id: String,
    /// Drives that are read at once; at least one.
    pub jobs: usize,
    /// Bounds on what a log may ask for.
    pub limits: Limits,
    /// Mapping of topics to tables, as TOML; the built-in one where `None` ([`crate::DEFAULT_MAPPING`]).
    pub mapping: Option<String>,
    /// CAN databases by which bus frames become signals, with the buses that they are for.
    pub databases: Vec<DatabaseFile>,
    /// Whether every number of a topic that the mapping passes over becomes a signal.
    pub all_signals: bool,
    /// Whether drives are read anew, and take the place of what the lake has of them, that have other bytes now, that are to be read with
    /// another mapping, other databases or other signals, or that were removed. Without it they are left as they are, and it is said.
    pub replace: bool,
}

impl IngestOptions {
    /// Options of a run: two jobs, the default limits and mapping.
    #[must_use]
    pub fn new(run_id: impl Into<String>) -> Self {
        Self {
            run_id: run_id.into(),
            jobs: 2,
            limits: Limits::default(),
            mapping: None,
            databases: Vec::new(),
            all_signals: false,
            replace: false,
        }
    }

    fn mapping(&self) -> &str {
        self.mapping.as_deref().unwrap_or(DEFAULT_MAPPING)
    }

    /// What the rows depend on besides the logs.
    fn digest(&self) -> String {
        let parts = [self.mapping().to_owned(), self.limits.text(), self.flags()];
        digest(parts.into_iter().chain(self.databases()))
    }

    /// What a drive is read with, where it is not what every log is: it tells versions of a drive apart, and a newer program, whose own
    /// mapping and limits are others, has none of its own.
    fn version(&self) -> Option<String> {
        let is_usual = self.mapping.is_none() && self.databases.is_empty() && !self.all_signals;
        let mapping = self.mapping.clone().unwrap_or_default();
        let parts = [mapping, self.flags()].into_iter();
        (!is_usual).then(|| short(&digest(parts.chain(self.databases()))))
    }

    fn flags(&self) -> String {
        format!("all_signals={}", self.all_signals)
    }

    fn databases(&self) -> impl Iterator<Item = String> {
        self.databases.iter().map(|file| match &file.topic {
            None => digest([&file.bytes]),
            Some(topic) => digest([topic.as_bytes(), &file.bytes]),
        })
    }
}

/// Reads the logs of a source into the lake.
///
/// `source` is a folder, a file, or a prefix of an object store; it is listed with everything below it. Drives that the lake has with the
/// same bytes are left alone. One drive that cannot be read fails by itself: see [`DriveReport`]. A run that was killed
/// is completed by the next one.
///
/// # Errors
/// When there is nothing at the source, nothing in it is recognised, the mapping or a CAN database is wrong, or the lake fails.
pub async fn ingest(
    lake: &Lake,
    source: &str,
    options: &IngestOptions,
    on_event: &(dyn Fn(&IngestEvent) + Send + Sync),
) -> Result<IngestReport> {
    let topics = Arc::new(TopicOptions::new(
        options.mapping(),
        Buses::parse(&options.databases)?,
        options.all_signals,
    )?);
    let registry = Registry::new(vec![
        Arc::new(Argoverse2),
        Arc::new(NuScenes),
        Arc::new(Kitti),
        Arc::new(Folder::new(Arc::clone(&topics))),
        Arc::new(File::mcap(Arc::clone(&topics))),
        Arc::new(File::bag(Arc::clone(&topics))),
        Arc::new(Session::new(topics)),
    ]);
    let listing = list(source).await?;
    for entry in &listing.unlisted {
        on_event(&IngestEvent::Unlisted {
            path: entry.path.clone(),
            reason: entry.reason.clone(),
        });
    }
    let (files, example) = (listing.files.len(), listing.files[0].path.clone());
    let (claimed, mut unrecognised) = registry.split(listing.files);
    if claimed.is_empty() {
        let (uri, supported) = (source.to_owned(), registry.supported());
        return Err(Error::NothingRecognised {
            uri,
            files,
            example,
            supported,
        });
    }
    let (progress, mut read) = unbounded_channel();
    let run = Run {
        lake: lake.clone(),
        blobs: Arc::new(Blobs::new(listing.store, Handle::current(), progress)),
        options: options.clone(),
    };
    let parted = part(claimed, &run.blobs, &options.limits).await;
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
        unlisted: listing.unlisted.into_iter().map(Into::into).collect(),
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
        let identities = stream::iter(drives)
            .map(|drive| self.identify(drive))
            .buffered(jobs);
        let identified: Vec<_> = identities.collect().await;
        failed.iter().for_each(|failed| on_event(&event(failed)));
        let mut reports = failed;
        let mut todo = Vec::new();
        let mut known = Known::read(&self.lake).await?;
        for (drive, identity) in identified {
            let (decided, identity) = self.decide(&mut known, &drive.1, identity);
            reports.push(decided);
            match identity {
                Some(identity) => todo.push((reports.len() - 1, drive, identity)),
                None => reports
                    .last()
                    .into_iter()
                    .for_each(|done| on_event(&event(done))),
            }
        }
        let reading = stream::iter(todo)
            .map(|(at, drive, identity)| async move { (at, self.read(drive, identity).await) });
        let mut read = std::pin::pin!(reading.buffered(jobs));
        let mut batch = Pending::default();
        while let Some((at, drive)) = read.next().await {
            match drive {
                Ok(read) => {
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
                Err(Error::Lake(error)) => return Err(error.into()),
                Err(error) => {
                    reports[at].outcome = DriveOutcome::Failed {
                        reason: error.with_causes(),
                    };
                    on_event(&event(&reports[at]));
                }
            }
            let limits = &self.options.limits;
            let full = batch.rows.drives() >= limits.commit_drives_max
                || batch.rows.bytes() >= limits.commit_bytes_max;
            if full {
                self.commit(std::mem::take(&mut batch), &mut reports, on_event)
                    .await?;
            }
        }
        self.commit(batch, &mut reports, on_event).await?;
        Ok(reports)
    }

    /// Reads a drive's bytes for their digest, and finds its name.
    async fn identify(&self, (format, files): Claimed) -> (Claimed, Result<Identity>) {
        let (blobs, options) = (Arc::clone(&self.blobs), self.options.clone());
        let drive = (Arc::clone(&format), files.clone());
        let task = tokio::task::spawn_blocking(move || {
            identity(format.as_ref(), &files, &blobs, &options)
        });
        let identity = task.await.unwrap_or_else(|error| {
            Err(Error::Decoder {
                log_id: drive.1.path.clone(),
                reason: error.to_string(),
            })
        });
        (drive, identity)
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
    async fn read(&self, (format, files): Claimed, identity: Identity) -> Result<ReadDrive> {
        let (lake, blobs, limits) = (
            self.lake.clone(),
            Arc::clone(&self.blobs),
            self.options.limits.clone(),
        );
        let log_id = identity.log_id.to_string();
        let task = tokio::task::spawn_blocking(move || {
            let read = |day, apart: Option<&Apart>| {
                let mut sink = LakeSink::new(lake.clone(), &identity, day, Handle::current());
                let decoded = format.decode(&files, &blobs, &limits, &mut sink, apart)?;
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

/// Drives that were read and not yet committed, with the places of their reports.
#[derive(Default)]
struct Pending {
    rows: Batch,
    reports: Vec<usize>,
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
fn event(report: &DriveReport) -> IngestEvent {
    let (log_id, bytes) = (report.log_id.clone(), report.bytes);
    match &report.outcome {
        DriveOutcome::Failed { reason } => IngestEvent::Failed {
            log_id,
            bytes,
            reason: reason.clone(),
        },
        DriveOutcome::Committed | DriveOutcome::AlreadyThere => {
            IngestEvent::AlreadyThere { log_id, bytes }
        }
    }
}
