//! The scheduler: what it decides, and that a queue whose journal is cut anywhere ends the same, within the slots.

use std::collections::BTreeSet;

use driveloop_train_orchestrator::Retries;
use driveloop_train_orchestrator::schedule::{Decision, Entry, Request, Slots, Standing, decide};
use driveloop_train_orchestrator::state::{
    Action, Event, EventKind, Exit, Moment, Phase, Policy, State,
};

fn cpus(cpus: u32) -> Request {
    Request {
        cpus,
        ..Request::default()
    }
}

fn gpus(gpus: u32) -> Request {
    Request {
        gpus,
        ..Request::default()
    }
}

fn asking(priority: i32, request: Request) -> Entry {
    Entry {
        priority,
        request,
        after: Vec::new(),
        may_make_room: true,
        standing: Standing::Asking,
    }
}

fn holding(priority: i32, request: Request, gpus: &[u32]) -> Entry {
    let gpus = gpus.iter().copied().collect();
    Entry {
        standing: Standing::Holding { gpus },
        ..asking(priority, request)
    }
}

fn slots(cpus: u32, gpus: &[u32]) -> Slots {
    Slots {
        cpus,
        memory_mib: 100,
        gpus: gpus.iter().copied().collect(),
    }
}

/// `+1` for a grant, `-1>0` for a job that leaves for another, `!1` for one that is denied.
fn check(entries: &[Entry], free: &Slots, expected: &str) {
    let words = decide(entries, free)
        .into_iter()
        .map(|decision| match decision {
            Decision::Grant { job, .. } => format!("+{job}"),
            Decision::Leave { job, room_for } => format!("-{job}>{room_for}"),
            Decision::Deny { job, .. } => format!("!{job}"),
        });
    assert_eq!(words.collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn priorities_go_first_and_among_equals_the_earlier() {
    let entries = [asking(0, cpus(1)), asking(5, cpus(1)), asking(0, cpus(1))];
    check(&entries, &slots(3, &[]), "+1 +0 +2");
    check(&entries, &slots(2, &[]), "+1 +0");
    check(&entries, &slots(0, &[]), "");
}

#[test]
fn a_gang_gets_all_or_nothing_and_is_not_overtaken_by_its_equals() {
    let gang = asking(1, cpus(3));
    let entries = [gang.clone(), asking(1, cpus(1)), asking(0, cpus(1))];
    check(&entries, &slots(2, &[]), "+2");
    let unmovable = Entry {
        may_make_room: false,
        ..asking(0, cpus(1))
    };
    check(&[gang, unmovable], &slots(2, &[]), "");
}

#[test]
fn the_fewest_and_least_make_room() {
    let running = [
        holding(3, cpus(1), &[]),
        holding(1, cpus(1), &[]),
        holding(2, cpus(4), &[]),
        holding(1, cpus(1), &[]),
    ];
    let with = |entry: Entry| [running.to_vec(), vec![entry]].concat();
    check(&with(asking(4, cpus(1))), &slots(0, &[]), "-3>4");
    check(&with(asking(4, cpus(2))), &slots(1, &[]), "-3>4");
    check(&with(asking(4, cpus(4))), &slots(0, &[]), "-2>4");
    check(&with(asking(2, cpus(2))), &slots(0, &[]), "-3>4 -1>4");
    check(&with(asking(2, cpus(3))), &slots(0, &[]), "");
    check(&with(asking(1, cpus(1))), &slots(0, &[]), "");
}

#[test]
fn what_is_made_free_for_one_is_kept_for_it() {
    let leaving = Entry {
        standing: Standing::Leaving { gpus: [1].into() },
        ..holding(0, gpus(1), &[1])
    };
    let entries = [
        leaving,
        asking(5, gpus(2)),
        asking(4, gpus(1)),
        holding(3, gpus(1), &[2]),
    ];
    // Neither is another one told to leave for job 1, nor does job 2 get the GPU that job 1 waits with.
    check(&entries, &slots(0, &[0]), "-3>2");
    // Where job 1 can begin, what is coming is for job 2.
    check(&entries, &slots(0, &[0, 3]), "+1");
}

#[test]
fn a_gpu_that_is_named_is_given_or_waited_for() {
    let pinned = |gpu: u32| Request {
        pinned_gpu: Some(gpu),
        ..gpus(1)
    };
    let granted = decide(
        &[asking(0, pinned(2)), asking(0, gpus(1))],
        &slots(0, &[0, 2]),
    );
    let grant = |job: usize, gpu: u32| Decision::Grant {
        job,
        gpus: [gpu].into(),
    };
    assert_eq!(granted, [grant(0, 2), grant(1, 0)]);
    let entries = [
        asking(1, pinned(2)),
        holding(0, gpus(1), &[0]),
        holding(0, gpus(1), &[2]),
    ];
    check(&entries, &slots(0, &[1]), "-2>0");
}

#[test]
fn memory_is_a_slot_too() {
    let memory = Request {
        memory_mib: 60,
        ..cpus(1)
    };
    check(
        &[asking(0, memory), asking(0, memory)],
        &slots(4, &[]),
        "+0",
    );
}

#[test]
fn jobs_come_after_those_that_they_name() {
    let after = |earlier: usize, entry: Entry| Entry {
        after: vec![earlier],
        ..entry
    };
    let standing = |standing: Standing| Entry {
        standing,
        ..asking(0, cpus(1))
    };
    let second = after(0, asking(9, cpus(1)));
    for (first, expected) in [
        (standing(Standing::Done), "+1"),
        (standing(Standing::Failed), "!1"),
        (standing(Standing::Idle), ""),
        (standing(Standing::Asking), "+0"),
    ] {
        check(&[first, second.clone()], &slots(4, &[]), expected);
    }
}

const RETRIES: Retries = Retries {
    user_errors: 1,
    lost_workers: 1,
    out_of_memory: 1,
    preemptions: 100,
    backoff_s: 3e-9,
    backoff_max_s: 9e-9,
    jitter: 0.5,
};

fn exited(exit: Exit) -> EventKind {
    EventKind::Exited {
        exit,
        cpu_ns: None,
        gpu_ns: None,
    }
}

/// A job of the simulated queue.
struct Job {
    priority: i32,
    request: Request,
    after: Vec<usize>,
    steps: i64,
    exits: Vec<Exit>,
}

/// A machine whose clock goes by one, and the journals of its jobs in one list.
struct World {
    jobs: Vec<Job>,
    all: Slots,
    now_ns: i64,
    journal: Vec<(usize, Event)>,
    /// When the workers that run will end, and their GPUs.
    workers: Vec<Option<(i64, BTreeSet<u32>)>>,
    leaving: BTreeSet<usize>,
}

impl World {
    fn new(jobs: Vec<Job>, all: Slots, journal: Vec<(usize, Event)>) -> Self {
        let workers = jobs.iter().map(|_| None).collect();
        Self {
            now_ns: journal.last().map_or(0, |(_, event)| event.at.at_ns) + 1,
            jobs,
            all,
            journal,
            workers,
            leaving: BTreeSet::new(),
        }
    }

    fn state(&self, job: usize) -> State {
        let policy = Policy {
            retries: RETRIES,
            jitter_seed: job as u64,
            predicts: false,
        };
        let own = self.journal.iter().filter(|(of, _)| *of == job);
        State::replay(policy, own.map(|(_, event)| event)).unwrap()
    }

    fn note(&mut self, job: usize, kind: EventKind) {
        let at = Moment::by_wall(self.now_ns);
        self.journal.push((job, Event { at, kind }));
    }

    fn entry(&self, job: usize) -> Entry {
        let Job {
            priority,
            request,
            after,
            ..
        } = &self.jobs[job];
        let state = self.state(job);
        let standing = match (&state.phase, state.next(), &self.workers[job]) {
            (_, _, Some((_, gpus))) if self.leaving.contains(&job) => {
                Standing::Leaving { gpus: gpus.clone() }
            }
            (_, _, Some((_, gpus))) => Standing::Holding { gpus: gpus.clone() },
            (_, Some(Action::Start { not_before_ns, .. }), _)
                if not_before_ns <= state.elapsed_at(&Moment::by_wall(self.now_ns)) =>
            {
                Standing::Asking
            }
            (Phase::Collected, ..) => Standing::Done,
            (Phase::Failed { .. }, ..) => Standing::Failed,
            _ => Standing::Idle,
        };
        Entry {
            priority: *priority,
            request: *request,
            after: after.clone(),
            may_make_room: state.may_make_room(),
            standing,
        }
    }

    /// What is free; that it is not less than nothing is part of the test.
    fn free(&self) -> Slots {
        let mut free = self.all.clone();
        for (job, worker) in self.jobs.iter().zip(&self.workers) {
            if let Some((_, gpus)) = worker {
                free.cpus = free.cpus.checked_sub(job.request.cpus).unwrap();
                assert!(gpus.is_subset(&free.gpus), "a GPU has one job");
                free.gpus.retain(|gpu| !gpus.contains(gpu));
                assert_eq!(gpus.len(), job.request.gpus as usize);
            }
        }
        free
    }

    /// How the next attempt ends: those that were orphaned or made room met nothing.
    fn next_exit(&self, job: usize) -> Exit {
        let met = self.journal.iter().filter(|(of, event)| {
            let met = match &event.kind {
                EventKind::Exited { exit, .. } => {
                    !matches!(exit, Exit::Orphaned { .. } | Exit::Preempted { .. })
                }
                _ => false,
            };
            *of == job && met
        });
        let exits = &self.jobs[job].exits;
        exits[met.count().min(exits.len() - 1)].clone()
    }

    /// One moment: workers end, and the scheduler decides.
    fn tick(&mut self) {
        self.now_ns += 1;
        for job in 0..self.jobs.len() {
            let is_over = self.workers[job]
                .as_ref()
                .is_some_and(|(end_ns, _)| *end_ns <= self.now_ns);
            if self.leaving.remove(&job) {
                self.workers[job] = None;
                let reason = "made room".into();
                self.note(job, exited(Exit::Preempted { reason }));
            } else if is_over {
                self.workers[job] = None;
                let exit = self.next_exit(job);
                self.note(job, exited(exit));
            }
            match self.state(job).next() {
                // The orchestrator that started it is gone.
                Some(Action::Watch) if self.workers[job].is_none() => {
                    let exit = Exit::Orphaned {
                        kept_until_ns: None,
                        last_alive_ns: 0,
                    };
                    self.note(job, exited(exit));
                }
                Some(Action::Succeed) => self.note(job, EventKind::Succeeded),
                Some(Action::Collect) => self.note(
                    job,
                    EventKind::Collected {
                        model_id: "m".into(),
                    },
                ),
                Some(Action::Fail { reason }) => self.note(job, EventKind::Failed { reason }),
                _ => {}
            }
        }
        let entries: Vec<Entry> = (0..self.jobs.len()).map(|job| self.entry(job)).collect();
        for decision in decide(&entries, &self.free()) {
            match decision {
                Decision::Grant { job, gpus } => {
                    let before = &self.jobs[job].after;
                    assert!(
                        before
                            .iter()
                            .all(|earlier| self.state(*earlier).phase == Phase::Collected)
                    );
                    let attempt = self.state(job).attempts + 1;
                    self.workers[job] = Some((self.now_ns + self.jobs[job].steps, gpus));
                    self.note(job, EventKind::Started { attempt });
                }
                Decision::Leave { job, .. } => {
                    self.leaving.insert(job);
                }
                Decision::Deny { job, .. } => {
                    let reason = "one before it failed".into();
                    self.note(job, EventKind::Failed { reason });
                }
            }
        }
        self.free();
    }

    /// Runs the queue to its end.
    fn run(mut self) -> (Vec<Phase>, Vec<(usize, Event)>) {
        for job in 0..self.jobs.len() {
            if self.state(job).phase == Phase::New {
                let [name, spec_digest, dataset_digest] = ["a", "b", "c"].map(str::to_owned);
                let submitted = EventKind::Submitted {
                    name,
                    spec_digest,
                    dataset_digest,
                    spec: None,
                };
                self.note(job, submitted);
            }
        }
        let is_live =
            |world: &Self| (0..world.jobs.len()).any(|job| world.state(job).phase.is_live());
        while is_live(&self) {
            assert!(self.now_ns < 10_000, "it ends");
            self.tick();
        }
        for job in 0..self.jobs.len() {
            let ledger = self.state(job).ledger;
            assert_eq!(ledger.booked_ns(), ledger.wall_ns());
        }
        let phases = (0..self.jobs.len())
            .map(|job| self.state(job).phase)
            .collect();
        (phases, self.journal)
    }
}

/// Six jobs on three CPUs and two GPUs: one that fails for good and one after it, a gang that comes after the first and takes
/// what two others have, and one whose workers are lost once.
fn jobs() -> Vec<Job> {
    let job = |priority, request, after: &[usize], steps, exits: &[Exit]| Job {
        priority,
        request,
        after: after.to_vec(),
        steps,
        exits: exits.to_vec(),
    };
    let gpu = |cpus: u32, gpus: u32| Request {
        cpus,
        gpus,
        ..Request::default()
    };
    let lost = Exit::Lost {
        reason: "killed".into(),
        rank: 0,
    };
    let wrong = Exit::UserError {
        reason: "exit status 1".into(),
        rank: 0,
    };
    let success = Exit::Success;
    vec![
        job(0, gpu(1, 0), &[], 5, std::slice::from_ref(&success)),
        job(0, gpu(1, 1), &[], 9, &[lost, success.clone()]),
        job(0, gpu(1, 1), &[], 30, std::slice::from_ref(&success)),
        job(7, gpu(2, 2), &[0], 6, std::slice::from_ref(&success)),
        job(2, gpu(1, 0), &[], 3, std::slice::from_ref(&wrong)),
        job(9, gpu(1, 0), &[4, 3], 3, std::slice::from_ref(&success)),
    ]
}

#[test]
fn a_queue_that_is_cut_anywhere_ends_the_same_and_within_the_slots() {
    let all = || slots(3, &[0, 1]);
    let (phases, whole) = World::new(jobs(), all(), Vec::new()).run();
    let words: Vec<_> = phases.iter().map(Phase::word).collect();
    assert_eq!(
        words,
        [
            "succeeded",
            "succeeded",
            "succeeded",
            "succeeded",
            "failed",
            "failed"
        ]
    );
    let happened = |is: fn(&Exit) -> bool| {
        whole
            .iter()
            .any(|(_, event)| matches!(&event.kind, EventKind::Exited { exit, .. } if is(exit)))
    };
    assert!(
        happened(|exit| matches!(exit, Exit::Preempted { .. })),
        "one made room"
    );
    assert!(happened(|exit| matches!(exit, Exit::Lost { .. })));
    for cut in 0..whole.len() {
        let (again, _) = World::new(jobs(), all(), whole[..cut].to_vec()).run();
        assert_eq!(again, phases, "cut after {cut}");
    }
}
