//! The state machine: budgets, the ledger, and recovery from every prefix of a journal.

use driveloop_train_orchestrator::Retries;
use driveloop_train_orchestrator::state::{
    Action, Event, EventKind, Exit, Owner, Phase, Policy, State,
};

const POLICY: Policy = Policy {
    retries: Retries {
        user_errors: 1,
        lost_workers: 2,
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
    now_ns: i64,
}

impl World {
    fn note(&mut self, journal: &mut Vec<Event>, kind: EventKind) {
        self.now_ns += 7;
        journal.push(Event {
            at_ns: self.now_ns,
            kind,
        });
    }

    /// What the next attempt meets: an orphaned one met nothing.
    fn next_exit(&self, journal: &[Event]) -> Exit {
        let is_exit = |event: &&Event| match &event.kind {
            EventKind::Exited { exit } => !matches!(exit, Exit::Orphaned { .. }),
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
                    self.now_ns - journal[0].at_ns,
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
                    self.now_ns = self.now_ns.max(not_before_ns);
                    self.note(journal, EventKind::Started { attempt });
                }
                Action::Predict {
                    attempt,
                    not_before_ns,
                } => {
                    worker_is_there = true;
                    self.now_ns = self.now_ns.max(not_before_ns);
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
                    self.note(journal, EventKind::Exited { exit });
                }
                Action::Watch | Action::Stop if worker_is_there => {
                    worker_is_there = false;
                    let exit = self.next_exit(journal);
                    self.note(journal, EventKind::Stepping { step: 0 });
                    self.note(journal, EventKind::Checkpointed { step: 10 });
                    self.note(journal, EventKind::Exited { exit });
                }
                Action::Watch | Action::Stop => {
                    let exit = Exit::Orphaned {
                        kept_until_ns: Some(self.now_ns + 2),
                        last_alive_ns: self.now_ns + 3,
                    };
                    self.note(journal, EventKind::Exited { exit });
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
        let exits_of = || exits.clone();
        let state = World {
            policy,
            exits: exits_of(),
            now_ns: 100,
        }
        .drive(&mut whole);
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
            let now_ns = journal.last().map_or(100, |event| event.at_ns) + 1000;
            let exits = exits_of();
            let state = World {
                policy,
                exits,
                now_ns,
            }
            .drive(&mut journal);
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
        EventKind::Exited {
            exit: Exit::Success,
        },
        EventKind::Succeeded,
    ]
    .map(|kind| Event { at_ns: 1, kind })
    .into();
    let next = |policy| State::replay(policy, &journal).unwrap().next();
    assert_eq!(next(POLICY), Some(Action::Collect));
    assert!(matches!(next(PREDICTS), Some(Action::Predict { .. })));
    let state = World {
        policy: PREDICTS,
        exits: vec![Exit::Success],
        now_ns: 2,
    }
    .drive(&mut journal);
    assert_eq!((state.phase, state.is_predicted), (Phase::Collected, true));
}

#[test]
fn a_run_that_is_cancelled_anywhere_ends_and_is_not_begun_again() {
    for policy in [POLICY, PREDICTS] {
        let mut whole = Vec::new();
        let exits = vec![lost(), Exit::Success];
        let mut world = World {
            policy,
            exits: exits.clone(),
            now_ns: 100,
        };
        world.drive(&mut whole);
        for cut in 1..whole.len() {
            let mut journal = whole[..cut].to_vec();
            let mut world = World {
                policy,
                exits: exits.clone(),
                now_ns: journal[cut - 1].at_ns,
            };
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
                        exit: Exit::Success
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
    let at_ns = at_s * 1_000_000_000;
    let attempt = state.attempts + 1;
    for kind in [EventKind::Started { attempt }, EventKind::Exited { exit }] {
        journal.push(Event { at_ns, kind });
    }
    State::replay(POLICY, &*journal).unwrap()
}

#[test]
fn failures_are_repeated_within_their_own_budgets_and_ever_later() {
    let mut journal = vec![Event {
        at_ns: 0,
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
            submitted(),
            EventKind::Started { attempt: 1 },
            EventKind::Exited { exit: lost() },
        ];
        let events = events.map(|kind| Event { at_ns: 0, kind });
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
    let exited = |exit: Exit| EventKind::Exited { exit };
    let orphaned = Exit::Orphaned {
        kept_until_ns: Some(66),
        last_alive_ns: 70,
    };
    let journal: Vec<Event> = [
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
    ]
    .map(|(at_ns, kind)| Event { at_ns, kind })
    .into();
    let ledger = State::replay(POLICY, &journal).unwrap().ledger;
    assert_eq!(
        (ledger.productive_ns, ledger.lost_ns, ledger.waiting_ns),
        (38, 19, 42)
    );
    assert_eq!((ledger.wall_ns(), ledger.booked_ns()), (99, 99));
}

#[test]
fn steps_whose_checkpoint_is_gone_are_lost_after_all() {
    let journal = [
        (0, submitted()),
        (0, EventKind::Started { attempt: 1 }),
        (0, EventKind::Stepping { step: 0 }),
        (40, EventKind::Checkpointed { step: 8 }),
        (50, EventKind::Exited { exit: lost() }),
        (50, EventKind::Started { attempt: 2 }),
        (55, EventKind::Stepping { step: 2 }),
    ]
    .map(|(at_ns, kind)| Event { at_ns, kind });
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
        at_ns: 0,
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
    let event = Event {
        at_ns: 5,
        kind: EventKind::Exited { exit: lost() },
    };
    let json = serde_json::to_string(&event).unwrap();
    let expected = r#"{"at_ns":5,"event":"exited","exit":{"exit":"lost","reason":"killed by signal 9","rank":0}}"#;
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    let of_older = json.replace(r#","rank":0"#, "");
    assert_eq!(serde_json::from_str::<Event>(&of_older).unwrap(), event);
}
