//! The state machine: budgets, the ledger, and recovery from every prefix of a journal.

use driveloop_train_orchestrator::Retries;
use driveloop_train_orchestrator::state::{
    Action, Event, EventKind, Exit, Moment, Monotonic, Owner, Phase, Policy, State,
};

const POLICY: Policy = Policy {
    retries: Retries {
        user_errors: 1,
        lost_workers: 2,
        out_of_memory: 1,
        preemptions: 2,
        backoff_s: 1.0,
        backoff_max_s: 3.0,
        jitter: 0.0,
    },
    jitter_seed: 0,
    predicts: false,
};
/// The same with a trainer that has a predict step.
const PREDICTS: Policy = Policy {
    predicts: true,
    ..POLICY
};

/// A world in which an attempt ends as the script says; the last entry goes on.
#[derive(Clone)]
struct World {
    policy: Policy,
    exits: Vec<Exit>,
    /// By the monotonic clock.
    now_ns: i64,
    /// By how much the wall clock is wrong, one entry of the journal after the other, again and again.
    wall_errors_ns: Vec<i64>,
}

impl World {
    fn new(exits: &[Exit], now_ns: i64) -> Self {
        Self::of(POLICY, exits, now_ns)
    }

    fn of(policy: Policy, exits: &[Exit], now_ns: i64) -> Self {
        Self {
            policy,
            exits: exits.to_vec(),
            now_ns,
            wall_errors_ns: vec![0],
        }
    }

    fn note(&mut self, journal: &mut Vec<Event>, kind: EventKind) {
        self.now_ns += 7;
        let error_ns = self.wall_errors_ns[journal.len() % self.wall_errors_ns.len()];
        let mut at = moment("boot", self.now_ns);
        at.at_ns += error_ns;
        journal.push(Event { at, kind });
    }

    /// Time since submission.
    fn elapsed_ns(&self, journal: &[Event]) -> i64 {
        self.now_ns - monotonic_ns(&journal[0])
    }

    /// What the next attempt meets: an orphaned one met nothing.
    fn next_exit(&self, journal: &[Event]) -> Exit {
        let is_exit = |event: &&Event| match &event.kind {
            EventKind::Exited { exit, .. } => !matches!(exit, Exit::Orphaned { .. }),
            _ => false,
        };
        let met = journal.iter().filter(is_exit).count();
        self.exits[met.min(self.exits.len() - 1)].clone()
    }

    /// Drives a journal to its end, the way `train` does. A worker of a cut journal is gone.
    fn drive(&mut self, journal: &mut Vec<Event>) -> State {
        let mut worker_is_there = false;
        if State::replay(self.policy, &*journal).unwrap().phase == Phase::New {
            self.note(journal, submitted());
        }
        self.note(journal, adopted());
        loop {
            let state = State::replay(self.policy, &*journal).unwrap();
            let is_predicting = state.phase == Phase::Predicting;
            let Some(action) = state.next() else {
                assert_eq!(
                    state.ledger.wall_ns(),
                    self.elapsed_ns(journal),
                    "the wall time is that of the clock"
                );
                assert_eq!(
                    state.ledger.booked_ns(),
                    state.ledger.wall_ns(),
                    "and is booked once"
                );
                return state;
            };
            match action {
                Action::Start {
                    attempt,
                    not_before_ns,
                } => {
                    worker_is_there = true;
                    let wait_ns = not_before_ns.saturating_sub(self.elapsed_ns(journal));
                    self.now_ns += wait_ns.max(0);
                    self.note(journal, EventKind::Started { attempt });
                }
                Action::Predict {
                    attempt,
                    not_before_ns,
                } => {
                    worker_is_there = true;
                    let wait_ns = not_before_ns.saturating_sub(self.elapsed_ns(journal));
                    self.now_ns += wait_ns.max(0);
                    let weights_digest = "0123".to_owned();
                    let started = EventKind::PredictStarted {
                        attempt,
                        weights_digest,
                    };
                    self.note(journal, started);
                }
                Action::Watch | Action::Stop if worker_is_there && is_predicting => {
                    worker_is_there = false;
                    let exit = self.next_exit(journal);
                    self.note(journal, exited(exit));
                }
                Action::Watch | Action::Stop if worker_is_there => {
                    worker_is_there = false;
                    let exit = self.next_exit(journal);
                    self.note(journal, EventKind::Stepping { step: 0 });
                    self.note(journal, EventKind::Checkpointed { step: 10 });
                    self.note(journal, exited(exit));
                }
                Action::Watch | Action::Stop => {
                    let elapsed_ns = self.elapsed_ns(journal);
                    let exit = Exit::Orphaned {
                        kept_until_ns: Some(elapsed_ns + 2),
                        last_alive_ns: elapsed_ns + 3,
                    };
                    self.note(journal, exited(exit));
                }
                Action::Succeed => self.note(journal, EventKind::Succeeded),
                Action::Fail { reason } => self.note(journal, EventKind::Failed { reason }),
                Action::Cancel => self.note(journal, EventKind::Cancelled),
                Action::Collect => {
                    let model_id = "m".into();
                    self.note(journal, EventKind::Collected { model_id });
                }
            }
        }
    }
}

/// A time of a machine whose two clocks agree.
fn moment(boot: &str, ns: i64) -> Moment {
    let boot = boot.to_owned();
    Moment {
        at_ns: ns,
        monotonic: Some(Monotonic { boot, ns }),
    }
}

fn monotonic_ns(event: &Event) -> i64 {
    event.at.monotonic.as_ref().unwrap().ns
}

fn exited(exit: Exit) -> EventKind {
    EventKind::Exited {
        exit,
        cpu_ns: None,
        gpu_ns: None,
    }
}

/// The events of an older version, which knew the wall clock alone.
fn by_wall<const N: usize>(events: [(i64, EventKind); N]) -> Vec<Event> {
    let event = |(at_ns, kind)| Event {
        at: Moment::by_wall(at_ns),
        kind,
    };
    events.map(event).into()
}

fn adopted() -> EventKind {
    let [host, folder, token] = ["here", "folder", "token"].map(str::to_owned);
    let owner = Owner {
        host,
        process: 1,
        folder,
        token,
    };
    EventKind::Adopted { owner }
}

fn submitted() -> EventKind {
    let [name, spec_digest, dataset_digest] = ["a", "b", "c"].map(str::to_owned);
    EventKind::Submitted {
        name,
        spec_digest,
        dataset_digest,
        spec: None,
    }
}

fn lost() -> Exit {
    Exit::Lost {
        reason: "killed by signal 9".into(),
        rank: 0,
    }
}

fn user_error() -> Exit {
    Exit::UserError {
        reason: "exit status 1".into(),
        rank: 0,
    }
}

fn preempted() -> Exit {
    Exit::Preempted {
        reason: "made room for job `b`".into(),
    }
}

fn failed(reason: &str) -> Phase {
    let reason = reason.into();
    Phase::Failed { reason }
}

#[test]
fn a_journal_that_is_cut_anywhere_is_driven_to_the_same_end() {
    let no_such_file = Exit::CannotStart {
        reason: "no such file".into(),
    };
    let budgets_hold = vec![
        lost(),
        user_error(),
        preempted(),
        lost(),
        preempted(),
        Exit::Success,
    ];
    // The first success is that of the training.
    let in_predict_step = |exits: Vec<Exit>| [vec![Exit::Success], exits].concat();
    for (policy, exits, end) in [
        (POLICY, vec![Exit::Success], Phase::Collected),
        (POLICY, budgets_hold.clone(), Phase::Collected),
        (POLICY, vec![user_error()], failed("exit status 1")),
        (POLICY, vec![lost()], failed("killed by signal 9")),
        (POLICY, vec![preempted()], failed("made room for job `b`")),
        (POLICY, vec![no_such_file.clone()], failed("no such file")),
        (PREDICTS, vec![Exit::Success], Phase::Collected),
        (PREDICTS, budgets_hold.clone(), Phase::Collected),
        (PREDICTS, in_predict_step(budgets_hold), Phase::Collected),
        (
            PREDICTS,
            in_predict_step(vec![user_error()]),
            failed("exit status 1"),
        ),
        (
            PREDICTS,
            in_predict_step(vec![no_such_file]),
            failed("no such file"),
        ),
    ] {
        let mut whole = Vec::new();
        let state = World::of(policy, &exits, 100).drive(&mut whole);
        assert_eq!(state.phase, end);
        assert_eq!(
            state.is_predicted,
            policy.predicts && end == Phase::Collected
        );
        // Whoever reads the journal with other budgets reads the same.
        for budget in [0, 100] {
            let mut other = policy;
            other.predicts = budget == 0;
            other.retries.user_errors = budget;
            other.retries.lost_workers = budget;
            other.retries.preemptions = budget;
            let state = State::replay(other, &whole).unwrap();
            assert_eq!(state.phase, end, "{budget}: {whole:?}");
        }
        for cut in 0..whole.len() {
            let mut journal = whole[..cut].to_vec();
            let now_ns = journal.last().map_or(100, monotonic_ns) + 1000;
            let state = World::of(policy, &exits, now_ns).drive(&mut journal);
            assert_eq!(state.phase, end, "cut after {cut} of {whole:?}");
        }
    }
}

#[test]
fn a_journal_of_an_older_version_has_its_predictions_made_now() {
    // A run that had ended, and whose predictions could not be brought home: they were made by the trainer itself.
    let mut journal: Vec<Event> = [
        submitted(),
        adopted(),
        EventKind::Started { attempt: 1 },
        exited(Exit::Success),
        EventKind::Succeeded,
    ]
    .map(|kind| Event {
        at: moment("boot", 1),
        kind,
    })
    .into();
    let next = |policy| State::replay(policy, &journal).unwrap().next();
    assert_eq!(next(POLICY), Some(Action::Collect));
    assert!(matches!(next(PREDICTS), Some(Action::Predict { .. })));
    let state = World::of(PREDICTS, &[Exit::Success], 2).drive(&mut journal);
    assert_eq!((state.phase, state.is_predicted), (Phase::Collected, true));
}

#[test]
fn a_run_that_is_cancelled_anywhere_ends_and_is_not_begun_again() {
    for policy in [POLICY, PREDICTS] {
        let mut whole = Vec::new();
        let exits = vec![lost(), Exit::Success];
        World::of(policy, &exits, 100).drive(&mut whole);
        for cut in 1..whole.len() {
            let mut journal = whole[..cut].to_vec();
            let mut world = World::of(policy, &exits, monotonic_ns(&journal[cut - 1]));
            world.note(&mut journal, EventKind::CancelAsked { by: "me".into() });
            let started = |events: &[Event]| {
                let is_start = |event: &&Event| {
                    matches!(
                        event.kind,
                        EventKind::Started { .. } | EventKind::PredictStarted { .. }
                    )
                };
                events.iter().filter(is_start).count()
            };
            let state = world.drive(&mut journal);
            assert_eq!(started(&journal), started(&whole[..cut]), "cut after {cut}");
            // What it had done already is brought home.
            let is_done = |event: &&Event| {
                matches!(
                    event.kind,
                    EventKind::Exited {
                        exit: Exit::Success,
                        ..
                    }
                )
            };
            let steps = if policy.predicts { 2 } else { 1 };
            let done = whole[..cut].iter().filter(is_done).count();
            let end = if done == steps {
                Phase::Collected
            } else {
                Phase::Cancelled
            };
            assert_eq!(state.phase, end, "cut after {cut}");
        }
    }
}

/// Notes the start and the end of an attempt at a time in seconds, and gives the state after it.
fn end(journal: &mut Vec<Event>, exit: Exit, at_s: i64) -> State {
    let state = State::replay(POLICY, &*journal).unwrap();
    let at = moment("boot", at_s * 1_000_000_000);
    let attempt = state.attempts + 1;
    for kind in [EventKind::Started { attempt }, exited(exit)] {
        let at = at.clone();
        journal.push(Event { at, kind });
    }
    State::replay(POLICY, &*journal).unwrap()
}

#[test]
fn failures_are_repeated_within_their_own_budgets_and_ever_later() {
    let mut journal = vec![Event {
        at: moment("boot", 0),
        kind: submitted(),
    }];
    let mut wait_s = |exit: Exit, at_s: i64| {
        let state = end(&mut journal, exit, at_s);
        let next = state.next();
        let Some(Action::Start { not_before_ns, .. }) = next else {
            panic!("{next:?}")
        };
        (not_before_ns as f64 / 1e9 - at_s as f64).max(0.0)
    };
    assert_eq!(wait_s(lost(), 10), 1.0);
    assert_eq!(wait_s(user_error(), 20), 2.0);
    assert_eq!(wait_s(lost(), 30), 3.0, "bounded");
    let orphaned = Exit::Orphaned {
        kept_until_ns: None,
        last_alive_ns: 0,
    };
    assert_eq!(wait_s(orphaned, 40), 0.0, "no failure");
    assert_eq!(wait_s(preempted(), 50), 0.0, "no failure either");
    let given_up = Some(Action::Fail {
        reason: "exit status 1".into(),
    });
    assert_eq!(end(&mut journal, user_error(), 60).next(), given_up);
}

#[test]
fn a_share_of_a_wait_is_left_to_chance_by_the_seed() {
    let wait_s = |jitter_seed: u64| {
        let mut policy = POLICY;
        policy.retries.jitter = 0.5;
        policy.jitter_seed = jitter_seed;
        let events = [
            (0, submitted()),
            (0, EventKind::Started { attempt: 1 }),
            (0, exited(lost())),
        ];
        let events = by_wall(events);
        State::replay(policy, &events).unwrap().not_before_ns as f64 / 1e9
    };
    let waits: Vec<f64> = (0..100).map(wait_s).collect();
    assert!(
        waits.iter().all(|wait_s| (0.5..=1.0).contains(wait_s)),
        "{waits:?}"
    );
    let mean_s = waits.iter().sum::<f64>() / 100.0;
    assert!((0.7..0.8).contains(&mean_s), "{mean_s}");
    assert_eq!(wait_s(7), wait_s(7));
}

#[test]
fn time_is_booked_where_it_belongs() {
    let orphaned = Exit::Orphaned {
        kept_until_ns: Some(66),
        last_alive_ns: 70,
    };
    let journal = by_wall([
        (0, submitted()),
        (4, adopted()),
        (10, EventKind::Started { attempt: 1 }), // 10 waiting
        (15, EventKind::Stepping { step: 0 }),   // 5 lost: the start
        (45, EventKind::Checkpointed { step: 3 }), // 30 productive
        (52, exited(lost())),                    // 7 lost: will be done again
        (60, EventKind::Started { attempt: 2 }), // 8 waiting
        (62, EventKind::Stepping { step: 3 }),   // 2 lost
        (80, adopted()),
        (90, exited(orphaned)), // 4 productive: there was a checkpoint; 4 lost, 20 waiting
        (90, EventKind::Started { attempt: 3 }),
        (91, EventKind::Stepping { step: 3 }), // 1 lost
        (95, exited(Exit::Success)),           // 4 productive
        (80, EventKind::Succeeded),            // the clock went back
        (
            99,
            EventKind::Collected {
                model_id: "m".into(),
            },
        ), // 4 waiting
    ]);
    let ledger = State::replay(POLICY, &journal).unwrap().ledger;
    assert_eq!(
        (ledger.productive_ns, ledger.lost_ns, ledger.waiting_ns),
        (38, 19, 42)
    );
    assert_eq!((ledger.wall_ns(), ledger.booked_ns()), (99, 99));
}

#[test]
fn steps_whose_checkpoint_is_gone_are_lost_after_all() {
    let journal = by_wall([
        (0, submitted()),
        (0, EventKind::Started { attempt: 1 }),
        (0, EventKind::Stepping { step: 0 }),
        (40, EventKind::Checkpointed { step: 8 }),
        (50, exited(lost())),
        (50, EventKind::Started { attempt: 2 }),
        (55, EventKind::Stepping { step: 2 }),
    ]);
    let state = State::replay(POLICY, &journal).unwrap();
    let ledger = state.ledger;
    assert_eq!(
        (ledger.productive_ns, ledger.lost_ns, ledger.booked_ns()),
        (10, 45, 55)
    );
    assert_eq!(state.checkpoint_step, 2);
}

#[test]
fn events_that_cannot_follow_are_refused() {
    let succeeded = Event {
        at: Moment::by_wall(0),
        kind: EventKind::Succeeded,
    };
    let error = State::new(POLICY)
        .after(&succeeded)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`Succeeded` cannot come after `New`"),
        "{error}"
    );
}

#[test]
fn an_event_is_one_readable_object() {
    let boot = "b".to_owned();
    let event = Event {
        at: Moment {
            at_ns: 5,
            monotonic: Some(Monotonic { boot, ns: 3 }),
        },
        kind: EventKind::Exited {
            exit: lost(),
            cpu_ns: Some(2),
            gpu_ns: None,
        },
    };
    let json = serde_json::to_string(&event).unwrap();
    let expected = r#"{"at_ns":5,"monotonic":{"boot":"b","ns":3},"event":"exited","exit":{"exit":"lost","reason":"killed by signal 9","rank":0},"cpu_ns":2}"#;
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    let of_older = json
        .replace(r#","rank":0"#, "")
        .replace(r#","cpu_ns":2"#, "")
        .replace(r#""monotonic":{"boot":"b","ns":3},"#, "");
    let expected = Event {
        at: Moment::by_wall(5),
        kind: exited(lost()),
    };
    assert_eq!(serde_json::from_str::<Event>(&of_older).unwrap(), expected);
}

const HOUR_NS: i64 = 3_600_000_000_000;

/// Metamorphic: however the wall clock is set meanwhile, the same happens, and is booked alike.
#[test]
fn a_wall_clock_that_is_set_changes_nothing() {
    let exits = [lost(), user_error(), preempted(), Exit::Success];
    let mut right = Vec::new();
    let expected = World::new(&exits, 100).drive(&mut right);
    let without_wall = |journal: &[Event]| {
        let entry = |event: &Event| (event.at.monotonic.clone(), event.kind.clone());
        journal.iter().map(entry).collect::<Vec<_>>()
    };
    for wall_errors_ns in [
        vec![HOUR_NS],
        vec![0, HOUR_NS],
        vec![0, 0, 0, -HOUR_NS],
        vec![HOUR_NS, 0, -HOUR_NS, 17, -5],
        vec![-24 * HOUR_NS, 24 * HOUR_NS],
    ] {
        let mut world = World::new(&exits, 100);
        world.wall_errors_ns = wall_errors_ns;
        let mut journal = Vec::new();
        let state = world.drive(&mut journal);
        assert_eq!(without_wall(&journal), without_wall(&right));
        assert_eq!(state.ledger, expected.ledger);
        // Cut anywhere, and gone on with by another process of the machine.
        for cut in 0..journal.len() {
            let mut again = journal[..cut].to_vec();
            let now_ns = again.last().map_or(100, monotonic_ns) + 1000;
            let mut of_right = right[..cut].to_vec();
            let mut other = world.clone();
            (world.now_ns, other.now_ns) = (now_ns, now_ns);
            other.wall_errors_ns = vec![0];
            assert_eq!(
                world.clone().drive(&mut again).ledger,
                other.drive(&mut of_right).ledger,
                "cut after {cut}"
            );
        }
    }
}

/// The state of a run whose orchestrator was killed at second 30 of its worker, 10 of them after a checkpoint, and which
/// another process takes up later.
fn overnight(boot: &str, pause_s: i64) -> State {
    let s = |seconds: i64| seconds * 1_000_000_000;
    let orphaned = Exit::Orphaned {
        kept_until_ns: None,
        last_alive_ns: s(30),
    };
    let journal = [
        ("evening", 0, submitted()),
        ("evening", 0, adopted()),
        ("evening", 0, EventKind::Started { attempt: 1 }),
        ("evening", 0, EventKind::Stepping { step: 0 }),
        ("evening", 20, EventKind::Checkpointed { step: 5 }),
        (boot, 30 + pause_s, adopted()),
        (boot, 30 + pause_s, exited(orphaned)),
        (boot, 31 + pause_s, EventKind::Started { attempt: 2 }),
        (boot, 31 + pause_s, EventKind::Stepping { step: 5 }),
        (boot, 41 + pause_s, exited(Exit::Success)),
    ];
    let events = journal.map(|(boot, at_s, kind)| Event {
        at: moment(boot, s(at_s)),
        kind,
    });
    State::replay(POLICY, &events).unwrap()
}

#[test]
fn a_pause_is_waiting_on_the_same_machine_and_on_another_one() {
    for boot in ["evening", "morning"] {
        let ledger = overnight(boot, 36_000).ledger;
        let in_s = [ledger.productive_ns, ledger.lost_ns, ledger.waiting_ns];
        assert_eq!(
            in_s.map(|ns| ns / 1_000_000_000),
            [30, 10, 36_001],
            "{boot}"
        );
    }
}

#[test]
fn whoever_cancels_may_have_another_clock() {
    let of = |asked: Option<Moment>| {
        let mut journal: Vec<Event> = [
            (0, submitted()),
            (0, adopted()),
            (0, EventKind::Started { attempt: 1 }),
            (3, EventKind::Stepping { step: 0 }),
        ]
        .map(|(ns, kind)| Event {
            at: moment("here", ns),
            kind,
        })
        .into();
        let by = "me".into();
        journal.extend(asked.map(|at| Event {
            at,
            kind: EventKind::CancelAsked { by },
        }));
        journal.push(Event {
            at: moment("here", 9),
            kind: exited(Exit::Stopped),
        });
        State::replay(POLICY, &journal).unwrap().ledger
    };
    let expected = of(None);
    assert_eq!((expected.lost_ns, expected.wall_ns()), (9, 9));
    for at in [
        moment("there", HOUR_NS),
        moment("there", -HOUR_NS),
        Moment::by_wall(HOUR_NS),
        moment("here", 5),
    ] {
        assert_eq!(of(Some(at.clone())), expected, "{at:?}");
    }
}

#[test]
fn want_of_memory_has_a_budget_of_its_own_and_an_interruption_has_none() {
    let out_of_memory = || Exit::OutOfMemory {
        reason: "out of memory".into(),
        rank: 0,
    };
    let interrupted = || Exit::Interrupted {
        by: "SIGTERM".into(),
    };
    let mut exits = vec![interrupted(); 50];
    exits.extend([out_of_memory(), lost(), user_error(), Exit::Success]);
    let state = World::new(&exits, 100).drive(&mut Vec::new());
    assert_eq!(state.phase, Phase::Collected);
    assert_eq!((state.attempts, state.out_of_memory), (54, 1));
    let state = World::new(&[out_of_memory()], 100).drive(&mut Vec::new());
    assert_eq!((state.phase, state.attempts), (failed("out of memory"), 2));
}

#[test]
fn what_was_measured_is_summed_over_the_attempts() {
    let exited = |exit, cpu_ns: Option<i64>| EventKind::Exited {
        exit,
        cpu_ns,
        gpu_ns: cpu_ns.map(|ns| 2 * ns),
    };
    let journal = by_wall([
        (0, submitted()),
        (0, EventKind::Started { attempt: 1 }),
        (5, exited(lost(), Some(3))),
        (5, EventKind::Started { attempt: 2 }),
        (9, exited(lost(), None)),
        (9, EventKind::Started { attempt: 3 }),
        (20, exited(Exit::Success, Some(70))),
    ]);
    let state = State::replay(POLICY, &journal).unwrap();
    assert_eq!((state.cpu_ns, state.gpu_ns), (73, Some(146)));
}
