//! How much of what the simulator caused is mined, and how much of what is mined happened: per scenario, against the truth
//! files, at default parameters.
//!
//! `DRIVELOOP_RECALL_DRIVES=40` asks for that many drives of 60 s in place of the few of the test, and
//! `DRIVELOOP_RECALL_SEED` for another seed: thresholds are developed on seeds from 1000 on.

use std::collections::BTreeMap;

use driveloop_tests::setting;
use serde_json::Value;

use crate::harness::Bench;

/// The kinds of a truth file, and the scenarios that look for them.
const KINDS: [(&str, &str); 4] = [
    ("lead_hard_brake", "lead_hard_brake"),
    ("cut_in", "cut_in"),
    ("pedestrian_crossing", "pedestrian_crossing_ahead"),
    ("stationary_object", "stationary_object_ahead"),
];
/// Drives of the test, and their seed.
const DRIVES: usize = 6;
const SEED: u64 = 1003;
/// What the few drives of the test must reach: one event missed among a handful is no regression.
const SHARE_MIN: f64 = 0.8;
/// What many drives must reach.
const SHARE_MIN_OF_MANY: f64 = 0.95;
/// From so many drives on, the shares are worth that.
const MANY: usize = 40;

/// Something that happens to a track for a while.
#[derive(Debug)]
struct Happening {
    log_id: String,
    track_id: String,
    start_ns: i64,
    end_ns: i64,
}

impl Happening {
    fn is_same(&self, other: &Self) -> bool {
        let overlaps = self.start_ns <= other.end_ns && other.start_ns <= self.end_ns;
        self.log_id == other.log_id && self.track_id == other.track_id && overlaps
    }
}

/// How a scenario did.
#[derive(Debug, Default)]
struct Score {
    told: usize,
    hit: usize,
    found: usize,
    caused: usize,
    of_itself: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        share(self.hit, self.told)
    }

    /// What happened of itself in the same traffic happened too.
    fn precision(&self) -> f64 {
        share(self.caused + self.of_itself, self.found)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// The happenings of the truth files, by list and kind.
fn truth(bench: &Bench) -> BTreeMap<(String, String), Vec<Happening>> {
    let mut happenings: BTreeMap<_, Vec<Happening>> = BTreeMap::new();
    for entry in std::fs::read_dir(bench.path("logs")).expect("the logs are there") {
        let path = entry.expect("an entry").path();
        if !path.display().to_string().ends_with(".truth.json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a truth file");
        let truth: Value = serde_json::from_str(&text).expect("JSON");
        for list in ["events", "unseen", "aside", "natural"] {
            for event in truth[list].as_array().expect("a list") {
                let key = (list.to_owned(), text_of(&event["kind"]));
                happenings.entry(key).or_default().push(Happening {
                    log_id: text_of(&truth["log_id"]),
                    track_id: text_of(&event["track_ids"][0]),
                    start_ns: event["start_ns"].as_i64().expect("a stamp"),
                    end_ns: event["end_ns"].as_i64().expect("a stamp"),
                });
            }
        }
    }
    happenings
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The episodes of a scenario; the other than the ego is the actor.
fn episodes(bench: &Bench, scenario: &str) -> Vec<Happening> {
    let sql = format!(
        "SELECT log_id, replace(actors[2], '-', '') AS track_id, start_ns, end_ns FROM episode \
         WHERE scenario = '{scenario}'"
    );
    let rows = bench.lines(&sql);
    rows.iter()
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            Happening {
                log_id: cells[0].to_owned(),
                track_id: cells[1].to_owned(),
                start_ns: cells[2].parse().expect("a stamp"),
                end_ns: cells[3].parse().expect("a stamp"),
            }
        })
        .collect()
}

fn score(
    truth: &BTreeMap<(String, String), Vec<Happening>>,
    kind: &str,
    found: &[Happening],
) -> Score {
    let list = |name: &str| {
        let key = (name.to_owned(), kind.to_owned());
        truth.get(&key).map(Vec::as_slice).unwrap_or_default()
    };
    let is_in = |episode: &Happening, names: &[&str]| {
        let mut told = names.iter().flat_map(|name| list(name));
        told.any(|event| event.is_same(episode))
    };
    let mut score = Score {
        told: list("events").len(),
        found: found.len(),
        ..Score::default()
    };
    for event in list("events") {
        score.hit += usize::from(found.iter().any(|episode| episode.is_same(event)));
    }
    for episode in found {
        if is_in(episode, &["events", "unseen", "aside"]) {
            score.caused += 1;
        } else if is_in(episode, &["natural"]) {
            score.of_itself += 1;
        }
    }
    score
}

#[test]
fn what_happened_is_found_and_what_is_found_happened() {
    let drives = setting("DRIVELOOP_RECALL_DRIVES", DRIVES);
    let seed = setting("DRIVELOOP_RECALL_SEED", SEED);
    let bench = Bench::new();
    bench.simulate(drives, 60, seed, "logs");
    bench.ok(&["ingest", "logs"]);
    let mut mine = vec!["mine"];
    mine.extend(
        KINDS
            .iter()
            .flat_map(|(_, scenario)| ["--scenario", *scenario]),
    );
    bench.ok(&mine);
    let truth = truth(&bench);
    eprintln!("{drives} drives of 60 s, seed {seed}");
    eprintln!("scenario                   told   hit recall found caused of-itself precision");
    let mut scores = Vec::new();
    for (kind, scenario) in KINDS {
        let score = score(&truth, kind, &episodes(&bench, scenario));
        eprintln!(
            "{scenario:<26} {:>4} {:>5} {:>6.3} {:>5} {:>6} {:>9} {:>9.3}",
            score.told,
            score.hit,
            score.recall(),
            score.found,
            score.caused,
            score.of_itself,
            score.precision()
        );
        scores.push((scenario, score));
    }
    let least = if drives >= MANY {
        SHARE_MIN_OF_MANY
    } else {
        SHARE_MIN
    };
    let told: usize = scores.iter().map(|(_, score)| score.told).sum();
    assert!(told > 0, "the simulator caused nothing");
    for (scenario, score) in scores {
        let is_good = score.recall() >= least && score.precision() >= least;
        assert!(is_good, "{scenario}: {score:?}, expected {least} of both");
    }
}
