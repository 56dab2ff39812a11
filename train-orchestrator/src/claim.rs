//! Who drives a run: one orchestrator at a time, on whatever machine.
//!
//! The owner is the last `adopted` entry of the journal, which is written by conditional put: of two that want a run, one
//! gets it. The owner beats: it writes an object anew, again and again. Another may take the run over when the owner is seen
//! to be dead, which is when
//!
//! * on the same machine, nobody has the lock of the folder that the owner named, as the system releases it with the process; or
//! * elsewhere, the object has not changed for the length of a lease, by the monotonic clock of the one who waits.
//!
//! An owner that cannot beat for two thirds of a lease gives up by itself. So clocks are never compared.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use driveloop_lake::{Lake, Store};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::clock::{Clock, Moment};
use crate::error::{Error, Result};
use crate::event::{EventKind, Owner};
use crate::folder::{Folder, Hold};
use crate::options::TrainOptions;
use crate::record::Record;
use crate::state::Phase;
use crate::sweep::sweep;

/// However short a lease is, the lake is not written to more often.
const BEAT_EVERY_MIN: Duration = Duration::from_millis(50);
/// Distinguishes the claims of one process.
static CLAIMS: AtomicU64 = AtomicU64::new(0);

/// A run that this process drives.
pub(crate) struct Claim {
    pub(crate) folder: Folder,
    pub(crate) beat: Beat,
    /// Who drove it before, and when the lake last heard of it.
    pub(crate) before: Option<(Owner, Option<Moment>)>,
}

/// What came of a try.
pub(crate) enum Tried {
    /// The run is ours.
    Ours(Claim),
    /// Another orchestrator drives it.
    Busy(String),
    /// Somebody wrote first: look again.
    Again,
}

/// One that wants a run.
pub(crate) struct Claimant<'a> {
    lake: &'a Lake,
    options: &'a TrainOptions,
    run_id: &'a str,
    silence: Silence,
}

impl<'a> Claimant<'a> {
    pub(crate) fn new(lake: &'a Lake, options: &'a TrainOptions, run_id: &'a str) -> Self {
        Self {
            lake,
            options,
            run_id,
            silence: Silence::default(),
        }
    }

    /// Takes the run where nobody has it; submits it where that is to be done first.
    pub(crate) async fn try_once(
        &mut self,
        record: &mut Record,
        submission: &EventKind,
    ) -> Result<Tried> {
        let number = CLAIMS.fetch_add(1, Ordering::Relaxed);
        let now_ns = self.options.clock.monotonic_ns();
        let process = std::process::id();
        let token = format!("{}/{process}/{now_ns}/{number}", self.options.host);
        let Some(folder) = Folder::lock(&self.options.work_dir, self.run_id, &token)? else {
            let by = record.state.owner.as_ref().map(ToString::to_string);
            return Ok(Tried::Busy(
                by.unwrap_or_else(|| "a process of this machine".to_owned()),
            ));
        };
        if let (true, Some(owner)) = (record.state.phase.is_live(), record.state.owner.clone())
            && self.is_alive(&owner, &folder).await?
        {
            return Ok(Tried::Busy(owner.to_string()));
        }
        let before = record.state.owner.clone();
        let is_live = record.state.phase.is_live() || record.state.phase == Phase::Collected;
        if !is_live && record.try_note(submission.clone()).await?.is_none() {
            return Ok(Tried::Again);
        }
        let owner = Owner {
            host: self.options.host.clone(),
            process,
            folder: folder.root().to_string_lossy().into_owned(),
            token: token.clone(),
        };
        if record
            .try_note(EventKind::Adopted { owner })
            .await?
            .is_none()
        {
            return Ok(Tried::Again);
        }
        record.drive_as(&token);
        // What a dead owner left running in another folder of this machine.
        let store = self.lake.store();
        let before = match before {
            Some(before) => {
                if before.host == self.options.host {
                    sweep(Path::new(&before.folder)).await?;
                }
                let beat = Beaten::last(store, self.run_id).await?;
                let beat = beat.filter(|beat| beat.token == before.token);
                Some((before, beat.map(|beat| beat.at)))
            }
            None => None,
        };
        let beat = Beat::start(
            store.clone(),
            self.run_id,
            token,
            self.options.lease,
            self.options.clock.clone(),
        );
        Ok(Tried::Ours(Claim {
            folder,
            beat,
            before,
        }))
    }

    async fn is_alive(&mut self, owner: &Owner, ours: &Folder) -> Result<bool> {
        if owner.host == self.options.host {
            // Where the owner's folder is the one that we have locked, it has let go of it.
            if ours.root() == Path::new(&owner.folder) {
                return Ok(false);
            }
            match Hold::of(owner) {
                Hold::Held => return Ok(true),
                Hold::Free => return Ok(false),
                Hold::Unknown => {}
            }
        }
        let TrainOptions { lease, clock, .. } = self.options;
        let beat = last_beat(self.lake.store(), self.run_id).await?;
        Ok(!self.silence.lasts(beat, *lease, clock))
    }
}

/// One that listens to the beats of an owner on another machine.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// The beat that was last seen, and since when.
    seen: Option<(Bytes, i64)>,
}

impl Silence {
    /// Whether the beat has been the same for so long, as this one saw it.
    fn lasts(&mut self, beat: Bytes, limit: Duration, clock: &Clock) -> bool {
        let now_ns = clock.monotonic_ns();
        match &self.seen {
            Some((seen, since_ns)) if *seen == beat => {
                let silent_ns = now_ns.saturating_sub(*since_ns);
                u128::from(silent_ns.unsigned_abs()) >= limit.as_nanos()
            }
            _ => {
                self.seen = Some((beat, now_ns));
                false
            }
        }
    }

    /// Listens, and says whether the owner of a run has been silent for so long.
    pub(crate) async fn of_run(
        &mut self,
        store: &Store,
        run_id: &str,
        limit: Duration,
        clock: &Clock,
    ) -> Result<bool> {
        let beat = last_beat(store, run_id).await?;
        Ok(self.lasts(beat, limit, clock))
    }
}

/// What a beat says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Beaten {
    token: String,
    number: u64,
    #[serde(flatten)]
    pub(crate) at: Moment,
}

impl Beaten {
    /// The last sign of life of a run's owner; `None` where there is none that can be read.
    pub(crate) async fn last(store: &Store, run_id: &str) -> Result<Option<Self>> {
        let beat = last_beat(store, run_id).await?;
        Ok(serde_json::from_slice(&beat).ok())
    }
}

/// The signs of life of an owner, for as long as this lives.
pub(crate) struct Beat {
    task: JoinHandle<()>,
}

impl Beat {
    fn start(store: Store, run_id: &str, token: String, lease: Duration, clock: Clock) -> Self {
        let path = path(run_id);
        let every = (lease / 6).max(BEAT_EVERY_MIN);
        let give_up_after = lease * 2 / 3;
        let task = tokio::spawn(async move {
            for number in 0_u64.. {
                let beat = Beaten {
                    token: token.clone(),
                    number,
                    at: clock.moment(),
                };
                let Ok(text) = serde_json::to_vec(&beat) else {
                    return;
                };
                let write = store.put(&path, Bytes::from(text));
                match tokio::time::timeout(give_up_after, write).await {
                    Ok(Ok(())) => tokio::time::sleep(every).await,
                    _ => return,
                }
            }
        });
        Self { task }
    }

    /// # Errors
    /// [`Error::Busy`] where the lake could not be told in time that this process lives.
    pub(crate) fn check(&self, job: &str) -> Result<()> {
        if self.task.is_finished() {
            return Err(Error::Busy {
                job: job.to_owned(),
                by:
                    "perhaps another orchestrator, as the lake could not be written to for too long"
                        .to_owned(),
            });
        }
        Ok(())
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The last sign of life of a run's owner; empty where there is none.
async fn last_beat(store: &Store, run_id: &str) -> Result<Bytes> {
    match store.get(&path(run_id)).await {
        Err(driveloop_lake::Error::NotFound { .. }) => Ok(Bytes::new()),
        beat => Ok(beat?),
    }
}

fn path(run_id: &str) -> String {
    format!("orchestrator/{run_id}.json")
}
