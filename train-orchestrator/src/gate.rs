//! Where the jobs of one orchestrator wait for slots: the edge of [`crate::schedule`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::Result;
use crate::schedule::{Decision, Entry, Standing, decide};
use crate::slots::{Held, SlotLocks};

/// How often slots that other orchestrators may have left are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The jobs of this orchestrator and their slots.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: SlotLocks,
    queue: Mutex<Vec<Place>>,
    changed: Notify,
}

/// What the gate knows of a job.
#[derive(Debug)]
struct Place {
    entry: Entry,
    /// Whether it is known what the job wants first.
    is_known: bool,
    called: Arc<Notify>,
    answer: Option<Answer>,
    /// The job that wants its slots.
    room_for: Option<usize>,
    model_id: Option<String>,
}

#[derive(Debug)]
enum Answer {
    Granted(BTreeSet<u32>, Held),
    Denied(usize),
}

/// What comes of asking for slots.
#[derive(Debug)]
pub(crate) enum Admission<'a> {
    /// The job may run.
    Granted(Grant<'a>),
    /// It cannot, because this other job did not succeed.
    Denied(usize),
}

/// Slots of a job, until this is dropped.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    gate: &'a Gate,
    job: usize,
    pub(crate) gpus: BTreeSet<u32>,
    _held: Held,
}

impl Gate {
    pub(crate) fn new(slots: SlotLocks, entries: impl IntoIterator<Item = Entry>) -> Self {
        let place = |entry| Place {
            entry,
            is_known: false,
            called: Arc::default(),
            answer: None,
            room_for: None,
            model_id: None,
        };
        Self {
            slots,
            queue: Mutex::new(entries.into_iter().map(place).collect()),
            changed: Notify::new(),
        }
    }

    /// Grants and denies for ever; the others wait for what this does.
    pub(crate) async fn serve(&self) -> Result<()> {
        loop {
            self.decide()?;
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Waits until the job may run. Whoever stops waiting gives up the place in the queue.
    pub(crate) async fn ask(&self, job: usize, may_make_room: bool) -> Admission<'_> {
        let waiting = Waiting { gate: self, job };
        let called = {
            let mut queue = self.queue();
            let place = &mut queue[job];
            place.is_known = true;
            place.entry.standing = Standing::Asking;
            place.entry.may_make_room = may_make_room;
            place.room_for = None;
            Arc::clone(&place.called)
        };
        self.changed.notify_one();
        loop {
            let answer = self.queue()[job].answer.take();
            match answer {
                Some(Answer::Granted(gpus, held)) => {
                    std::mem::forget(waiting);
                    return Admission::Granted(Grant {
                        gate: self,
                        job,
                        gpus,
                        _held: held,
                    });
                }
                Some(Answer::Denied(after)) => return Admission::Denied(after),
                None => called.notified().await,
            }
        }
    }

    /// The job that this one is to make room for, said once.
    pub(crate) fn room_for(&self, job: usize) -> Option<usize> {
        self.queue()[job].room_for.take()
    }

    /// Notes that a job wants nothing for now. Before this is known of all jobs, or what they want, nobody is granted anything:
    /// else the first to ask would be the first to make room.
    pub(crate) fn idle(&self, job: usize) {
        self.queue()[job].is_known = true;
        self.changed.notify_one();
    }

    /// Notes that a job ended: with a model, or without.
    pub(crate) fn end(&self, job: usize, model_id: Option<String>) {
        let mut queue = self.queue();
        queue[job].entry.standing = match model_id {
            Some(_) => Standing::Done,
            None => Standing::Failed,
        };
        queue[job].model_id = model_id;
        queue[job].is_known = true;
        drop(queue);
        self.changed.notify_one();
    }

    /// The models that the jobs before this one left, by job.
    pub(crate) fn models_before(&self, job: usize) -> Vec<(usize, String)> {
        let queue = self.queue();
        let after = queue[job].entry.after.iter();
        after
            .filter_map(|earlier| Some((*earlier, queue[*earlier].model_id.clone()?)))
            .collect()
    }

    fn decide(&self) -> Result<()> {
        let mut queue = self.queue();
        let entries: Vec<Entry> = queue.iter().map(|place| place.entry.clone()).collect();
        let is_asking = |entry: &Entry| entry.standing == Standing::Asking;
        if !queue.iter().all(|place| place.is_known) || !entries.iter().any(is_asking) {
            return Ok(());
        }
        let mut free = self.slots.free()?;
        // The locks count CPUs and GPUs; memory is counted here.
        for entry in &entries {
            if let Standing::Holding { .. } | Standing::Leaving { .. } = entry.standing {
                free.memory_mib = free.memory_mib.saturating_sub(entry.request.memory_mib);
            }
        }
        for decision in decide(&entries, &free) {
            let job = match decision {
                Decision::Grant { job, gpus } => {
                    let place = &mut queue[job];
                    let Some(held) = self.slots.hold(&place.entry.request, &gpus)? else {
                        continue; // Another orchestrator was faster.
                    };
                    place.entry.standing = Standing::Holding { gpus: gpus.clone() };
                    place.answer = Some(Answer::Granted(gpus, held));
                    job
                }
                Decision::Leave { job, room_for } => {
                    let place = &mut queue[job];
                    if let Standing::Holding { gpus } = place.entry.standing.clone() {
                        place.entry.standing = Standing::Leaving { gpus };
                    }
                    place.room_for = Some(room_for);
                    job
                }
                Decision::Deny { job, after } => {
                    queue[job].entry.standing = Standing::Idle;
                    queue[job].answer = Some(Answer::Denied(after));
                    job
                }
            };
            queue[job].called.notify_one();
        }
        Ok(())
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Place>> {
        // Nothing is left half-done under the lock, so that one who panicked with it did no harm.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job has no slots any more, and wants none.
    fn release(&self, job: usize) {
        let mut queue = self.queue();
        let place = &mut queue[job];
        place.answer = None;
        place.room_for = None;
        if !matches!(place.entry.standing, Standing::Done | Standing::Failed) {
            place.entry.standing = Standing::Idle;
        }
        drop(queue);
        self.changed.notify_one();
    }
}

/// A place in the queue, until this is dropped.
struct Waiting<'a> {
    gate: &'a Gate,
    job: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gate.release(self.job);
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        self.gate.release(self.job);
    }
}
