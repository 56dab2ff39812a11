//! The state machine: budgets, the ledger, and recovery from every prefix of a journal.

use driveloop_train_orchestrator::Retries;
use driveloop_train_orchestrator::state::{Action, Event, EventKind, Exit, Phase, State};

const RETRIES: Retries = Retries {
    user_errors: 1,
    lost_workers: 2,
    backoff_s: 1.0,
    backoff_max_s: 3.0,
};

/// A world in which an attempt ends as the script says; the last entry goes on.
#[derive(Clone)]
struct World {
    exits: Vec<Exit>,
    now_ns: i64,
}

impl World {
    fn note(&mut self, journal: &mut Vec<Event>, kind: EventKind) -> Vec<Action> {
        self.now_ns += 7;
        journal.push(Event {
            at_ns: self.now_ns,
            kind,
        });
        State::replay(RETRIES, &*journal).unwrap().1
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
        let (state, mut actions) = State::replay(RETRIES, &*journal).unwrap();
        let mut worker_is_there = false;
        if state.phase == Phase::New {
            actions = self.note(journal, submitted());
        }
        while let Some(action) = actions.pop() {
            actions = match action {
                Action::Start { attempt, .. } => {
                    worker_is_there = true;
                    self.note(journal, EventKind::Started { attempt })
                }
                Action::Watch if worker_is_there => {
                    worker_is_there = false;
                    let exit = self.next_exit(journal);
                    self.note(journal, EventKind::Stepping { step: 0 });
                    self.note(journal, EventKind::Checkpointed { step: 10 });
                    self.note(journal, EventKind::Exited { exit })
                }
                Action::Watch => {
                    let exit = Exit::Orphaned {
                        last_alive_ns: self.now_ns + 3,
                    };
                    self.note(journal, EventKind::Exited { exit })
                }
                Action::Succeed => self.note(journal, EventKind::Succeeded),
                Action::Fail { reason } => self.note(journal, EventKind::Failed { reason }),
                Action::Collect => self.note(
                    journal,
                    EventKind::Collected {
                        model_id: "m".into(),
                    },
                ),
            };
        }
        let state = State::replay(RETRIES, &*journal).unwrap().0;
        let wall_ns = self.now_ns - journal[0].at_ns;
        assert_eq!(
            state.ledger.wall_ns(),
            wall_ns,
            "the ledger sums to the wall time"
        );
        state
    }
}

fn submitted() -> EventKind {
    let [name, spec_digest, dataset_digest] = ["a", "b", "c"].map(str::to_owned);
    EventKind::Submitted {
        name,
        spec_digest,
        dataset_digest,
    }
}

fn lost() -> Exit {
    Exit::Lost {
        reason: "killed by signal 9".into(),
    }
}

fn user_error() -> Exit {
    Exit::UserError {
        reason: "exit status 1".into(),
    }
}

#[test]
fn a_journal_that_is_cut_anywhere_is_driven_to_the_same_end() {
    for (exits, end) in [
        (vec![Exit::Success], Phase::Collected),
        (
            vec![lost(), user_error(), lost(), Exit::Success],
            Phase::Collected,
        ),
        (vec![user_error()], Phase::Failed),
        (vec![lost()], Phase::Failed),
        (
            vec![Exit::CannotStart {
                reason: "no such file".into(),
            }],
            Phase::Failed,
        ),
    ] {
        let mut whole = Vec::new();
        let state = World {
            exits: exits.clone(),
            now_ns: 100,
        }
        .drive(&mut whole);
        assert_eq!(state.phase, end);
        for cut in 0..whole.len() {
            let mut journal = whole[..cut].to_vec();
            let now_ns = journal.last().map_or(100, |event| event.at_ns) + 1000;
            let exits = exits.clone();
            let state = World { exits, now_ns }.drive(&mut journal);
            assert_eq!(state.phase, end, "cut after {cut} of {whole:?}");
        }
    }
}

#[test]
fn failures_are_repeated_within_their_own_budgets_and_ever_later() {
    let mut journal = Vec::new();
    let mut world = World {
        exits: Vec::new(),
        now_ns: 0,
    };
    world.note(&mut journal, submitted());
    let mut end = |exit: Exit, attempt: u32| {
        world.note(&mut journal, EventKind::Started { attempt });
        world.note(&mut journal, EventKind::Exited { exit })
    };
    let start = |attempt: u32, after_s: f64| vec![Action::Start { attempt, after_s }];
    assert_eq!(end(lost(), 1), start(2, 1.0));
    assert_eq!(end(user_error(), 2), start(3, 2.0));
    assert_eq!(end(lost(), 3), start(4, 3.0), "bounded");
    assert_eq!(
        end(Exit::Orphaned { last_alive_ns: 0 }, 4),
        start(5, 3.0),
        "no failure"
    );
    assert_eq!(
        end(user_error(), 5),
        vec![Action::Fail {
            reason: "exit status 1".into()
        }]
    );
}

#[test]
fn time_is_booked_where_it_belongs() {
    let exited = |exit: Exit| EventKind::Exited { exit };
    let journal: Vec<Event> = [
        (0, submitted()),
        (10, EventKind::Started { attempt: 1 }), // 10 waiting
        (15, EventKind::Stepping { step: 0 }),   // 5 lost: the start
        (45, EventKind::Checkpointed { step: 3 }), // 30 productive
        (52, exited(lost())),                    // 7 lost: will be done again
        (60, EventKind::Started { attempt: 2 }), // 8 waiting
        (62, EventKind::Stepping { step: 3 }),   // 2 lost
        (90, exited(Exit::Orphaned { last_alive_ns: 70 })), // 8 lost, 20 waiting
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
    let ledger = State::replay(RETRIES, &journal).unwrap().0.ledger;
    assert_eq!(
        (ledger.productive_ns, ledger.lost_ns, ledger.waiting_ns),
        (34, 23, 42)
    );
    assert_eq!(ledger.wall_ns(), 99);
}

#[test]
fn events_that_cannot_follow_are_refused() {
    let succeeded = Event {
        at_ns: 0,
        kind: EventKind::Succeeded,
    };
    let error = State::new(RETRIES)
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
    let exit = Exit::Lost {
        reason: "killed by signal 9".into(),
    };
    let event = Event {
        at_ns: 5,
        kind: EventKind::Exited { exit },
    };
    let json = serde_json::to_string(&event).unwrap();
    let expected =
        r#"{"at_ns":5,"event":"exited","exit":{"exit":"lost","reason":"killed by signal 9"}}"#;
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
}
