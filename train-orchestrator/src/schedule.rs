//! Who gets which slots: a pure function of the jobs and of what is free.
//!
//! * A job is granted all that its processes ask for at once, or nothing.
//! * The higher priority goes first, and among equals the earlier one. What a job waits for is not given to one of the same
//!   priority behind it. One of a lower priority may use it in the meantime, if it can be made to leave again.
//! * A job for which there is no room makes those of lower priorities leave, as few as will do, the lowest and latest first.
//!   What they leave is kept for it.
//! * A job that comes after one that failed is denied.

use std::collections::BTreeSet;

/// What a job occupies while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Request {
    /// CPU cores.
    pub cpus: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// GPUs.
    pub gpus: u32,
    /// A GPU that must be among them.
    pub pinned_gpu: Option<u32>,
}

/// Slots that nobody has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    /// CPU cores.
    pub cpus: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// GPUs by number.
    pub gpus: BTreeSet<u32>,
}

/// What a job does about slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It wants none now.
    Idle,
    /// It waits for them.
    Asking,
    /// It has them.
    Holding {
        /// Its GPUs.
        gpus: BTreeSet<u32>,
    },
    /// It has them, and was told to leave.
    Leaving {
        /// Its GPUs.
        gpus: BTreeSet<u32>,
    },
    /// It succeeded.
    Done,
    /// It ended otherwise.
    Failed,
}

/// A job as the scheduler sees it. Jobs are named by their place in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The larger number goes first.
    pub priority: i32,
    /// What it occupies.
    pub request: Request,
    /// Jobs that must be done before.
    pub after: Vec<usize>,
    /// Whether it may be told to leave.
    pub may_make_room: bool,
    /// What it does.
    pub standing: Standing,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The job gets what it asked for, and these GPUs.
    Grant {
        /// The job.
        job: usize,
        /// Its GPUs.
        gpus: BTreeSet<u32>,
    },
    /// The job is to make room.
    Leave {
        /// The job.
        job: usize,
        /// For this one.
        room_for: usize,
    },
    /// The job cannot begin any more, because this one did not succeed.
    Deny {
        /// The job.
        job: usize,
        /// The one that it comes after.
        after: usize,
    },
}

/// Decides what to do now.
#[must_use]
pub fn decide(entries: &[Entry], free: &Slots) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let mut asking: Vec<usize> = Vec::new();
    for (job, entry) in entries.iter().enumerate() {
        if entry.standing != Standing::Asking {
            continue;
        }
        let standing = |earlier: &usize| &entries[*earlier].standing;
        if let Some(after) = entry
            .after
            .iter()
            .find(|earlier| *standing(earlier) == Standing::Failed)
        {
            decisions.push(Decision::Deny { job, after: *after });
        } else if entry
            .after
            .iter()
            .all(|earlier| *standing(earlier) == Standing::Done)
        {
            asking.push(job);
        }
    }
    asking.sort_by_key(|job| (std::cmp::Reverse(entries[*job].priority), *job));
    let mut room = Room::new(entries, free.clone());
    let mut first_waiting = None;
    for job in asking {
        let entry = &entries[job];
        let is_held_back = first_waiting
            .is_some_and(|priority| priority == entry.priority || !entry.may_make_room);
        if !is_held_back && let Some(gpus) = room.free.take(&entry.request) {
            decisions.push(Decision::Grant { job, gpus });
            continue;
        }
        if !is_held_back {
            for leaving in room.make(job) {
                decisions.push(Decision::Leave {
                    job: leaving,
                    room_for: job,
                });
            }
        }
        first_waiting.get_or_insert(entry.priority);
    }
    decisions
}

impl Slots {
    /// Whether a request can be granted.
    #[must_use]
    pub fn fit(&self, request: &Request) -> bool {
        let pinned = request
            .pinned_gpu
            .is_none_or(|gpu| self.gpus.contains(&gpu));
        pinned
            && self.cpus >= request.cpus
            && self.memory_mib >= request.memory_mib
            && self.gpus.len() >= request.gpus as usize
    }

    /// Grants a request: the GPUs, or `None` where it does not fit.
    pub fn take(&mut self, request: &Request) -> Option<BTreeSet<u32>> {
        self.fit(request).then(|| self.take_most(request))
    }

    /// Takes what there is of a request. The place of a GPU that must be among them and is not there stays empty.
    fn take_most(&mut self, request: &Request) -> BTreeSet<u32> {
        self.cpus = self.cpus.saturating_sub(request.cpus);
        self.memory_mib = self.memory_mib.saturating_sub(request.memory_mib);
        let pinned = request.pinned_gpu.filter(|gpu| self.gpus.contains(gpu));
        let others = self.gpus.iter().copied().filter(|gpu| Some(*gpu) != pinned);
        let others_max = request
            .gpus
            .saturating_sub(request.pinned_gpu.is_some().into());
        let gpus: BTreeSet<u32> = pinned
            .into_iter()
            .chain(others.take(others_max as usize))
            .collect();
        self.gpus.retain(|gpu| !gpus.contains(gpu));
        gpus
    }

    fn add(&mut self, request: &Request, gpus: &BTreeSet<u32>) {
        self.cpus += request.cpus;
        self.memory_mib += request.memory_mib;
        self.gpus.extend(gpus);
    }
}

/// What is free, and what will be.
struct Room<'a> {
    entries: &'a [Entry],
    free: Slots,
    /// Of those that were told to leave, as far as it is not kept for somebody.
    coming: Slots,
    /// Those that were told to leave just now.
    told: BTreeSet<usize>,
}

impl<'a> Room<'a> {
    fn new(entries: &'a [Entry], free: Slots) -> Self {
        let mut coming = Slots::default();
        for entry in entries {
            if let Standing::Leaving { gpus } = &entry.standing {
                coming.add(&entry.request, gpus);
            }
        }
        Self {
            entries,
            free,
            coming,
            told: BTreeSet::new(),
        }
    }

    /// Finds those that have to leave for a job, and keeps for it what is free and what is coming. Nothing is kept for a job
    /// that has to wait for others to end by themselves.
    fn make(&mut self, job: usize) -> Vec<usize> {
        let request = &self.entries[job].request;
        let Some(leaving) = self.leaving(job) else {
            return Vec::new();
        };
        for job in &leaving {
            let entry = &self.entries[*job];
            if let Standing::Holding { gpus } = &entry.standing {
                self.coming.add(&entry.request, gpus);
            }
            self.told.insert(*job);
        }
        let mut rest = *request;
        let before = self.free.clone();
        let gpus = self.free.take_most(request);
        rest.cpus -= before.cpus - self.free.cpus;
        rest.memory_mib -= before.memory_mib - self.free.memory_mib;
        rest.gpus -= gpus.len() as u32;
        rest.pinned_gpu = rest.pinned_gpu.filter(|gpu| !gpus.contains(gpu));
        self.coming.take_most(&rest);
        leaving
    }

    /// The fewest that will do; empty where what is coming anyway does; `None` where nothing does.
    fn leaving(&self, job: usize) -> Option<Vec<usize>> {
        let Entry {
            request, priority, ..
        } = &self.entries[job];
        let fits = |leaving: &[usize]| {
            let mut slots = self.free.clone();
            slots.add(&no_gpus(&self.coming), &self.coming.gpus);
            for other in leaving {
                let other = &self.entries[*other];
                if let Standing::Holding { gpus } = &other.standing {
                    slots.add(&other.request, gpus);
                }
            }
            slots.fit(request)
        };
        let mut candidates: Vec<usize> = (0..self.entries.len())
            .filter(|other| {
                let entry = &self.entries[*other];
                matches!(entry.standing, Standing::Holding { .. })
                    && entry.may_make_room
                    && entry.priority < *priority
                    && !self.told.contains(other)
            })
            .collect();
        candidates.sort_by_key(|other| (self.entries[*other].priority, std::cmp::Reverse(*other)));
        let enough = (0..=candidates.len()).find(|count| fits(&candidates[..*count]))?;
        let mut leaving = candidates[..enough].to_vec();
        // Those of the highest priority are spared first, where those before them turn out to do without.
        for place in (0..leaving.len()).rev() {
            let spared = leaving.remove(place);
            if !fits(&leaving) {
                leaving.insert(place, spared);
            }
        }
        Some(leaving)
    }
}

/// Slots as a request, without the GPUs.
fn no_gpus(slots: &Slots) -> Request {
    Request {
        cpus: slots.cpus,
        memory_mib: slots.memory_mib,
        ..Request::default()
    }
}
