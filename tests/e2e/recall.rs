//! How much of what happened around the simulated ego is mined, and how much of what is mined happened: per scenario, against
//! the truth files, at default parameters.
//!
//! `DRIVELOOP_RECALL_DRIVES=40` asks for another number of drives of 60 s, and `DRIVELOOP_RECALL_SEED` for another seed:
//! thresholds are developed on seeds from 1000 on. What is borderline by the truth file counts neither for nor against.

use std::collections::BTreeMap;
use std::path::PathBuf;

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
/// Drives of the test, and their seed. Of the rarest kind, a hundred drives have some sixty events: one that is missed costs less
/// than two of a hundred. Forty have some twenty-five, where it costs four.
const DRIVES: usize = 100;
const SEED: u64 = 1003;
/// What recall and precision must reach, each.
const SHARE_MIN: f64 = 0.95;

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
    /// What was caused, or happened of itself, for all to see; and how much of each was found.
    caused: usize,
    caused_found: usize,
    natural: usize,
    natural_found: usize,
    /// Episodes of what happened, seen or not; of what is borderline; of nothing.
    right: usize,
    borderline: usize,
    wrong: usize,
    /// What was caused and did not become an event.
    aside: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        share(
            self.caused_found + self.natural_found,
            self.caused + self.natural,
        )
    }

    fn precision(&self) -> f64 {
        share(self.right, self.right + self.wrong)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// The truth files.
fn truth_files(bench: &Bench) -> Vec<Value> {
    let entries = std::fs::read_dir(bench.path("logs")).expect("the logs are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_truth = |path: &PathBuf| path.display().to_string().ends_with(".truth.json");
    paths
        .filter(is_truth)
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a truth file");
            serde_json::from_str(&text).expect("JSON")
        })
        .collect()
}

/// The happenings of the truth files, by list and kind.
fn happenings(files: &[Value]) -> BTreeMap<(String, String), Vec<Happening>> {
    let mut happenings: BTreeMap<_, Vec<Happening>> = BTreeMap::new();
    for truth in files {
        for list in ["events", "natural", "unseen", "borderline", "aside"] {
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

/// Whether the truth and the scenario mean the same: each threshold of the truth's definition is the scenario's default.
fn assert_same_definition(bench: &Bench, truth: &Value, kind: &str, scenario: &str) {
    let shown = bench.ok(&["scenario", "show", scenario]);
    let defaults: BTreeMap<&str, f64> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("-- param: ")?.split_once(" = "))
        .filter_map(|(name, rest)| Some((name, rest.split(' ').next()?.parse().ok()?)))
        .collect();
    let figures = truth["definitions"][kind].as_object().expect("figures");
    assert!(!figures.is_empty(), "{kind}");
    for (name, figure) in figures {
        let default = defaults.get(name.as_str()).copied();
        assert_eq!(default, figure.as_f64(), "{scenario}: {name}");
    }
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
    let found_of = |name: &str| {
        let is_found = |event: &&Happening| found.iter().any(|episode| episode.is_same(event));
        list(name).iter().filter(is_found).count()
    };
    let is_in = |episode: &Happening, names: &[&str]| {
        let mut told = names.iter().flat_map(|name| list(name));
        told.any(|event| event.is_same(episode))
    };
    let mut score = Score {
        caused: list("events").len(),
        caused_found: found_of("events"),
        natural: list("natural").len(),
        natural_found: found_of("natural"),
        aside: list("aside").len(),
        ..Score::default()
    };
    for episode in found {
        if is_in(episode, &["events", "natural", "unseen"]) {
            score.right += 1;
        } else if is_in(episode, &["borderline"]) {
            score.borderline += 1;
        } else {
            score.wrong += 1;
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
    let scenarios = KINDS.iter();
    mine.extend(scenarios.flat_map(|(_, scenario)| ["--scenario", *scenario]));
    bench.ok(&mine);
    let files = truth_files(&bench);
    let truth = happenings(&files);
    eprintln!("{drives} drives of 60 s, seed {seed}");
    eprintln!(
        "scenario                       caused    of itself recall | right wrong precision | borderline aside"
    );
    let mut scores = Vec::new();
    for (kind, scenario) in KINDS {
        assert_same_definition(&bench, &files[0], kind, scenario);
        let score = score(&truth, kind, &episodes(&bench, scenario));
        eprintln!(
            "{scenario:<26} {:>4} of {:>3} {:>4} of {:>3} {:>6.3} | {:>5} {:>5} {:>9.3} | {:>10} {:>5}",
            score.caused_found,
            score.caused,
            score.natural_found,
            score.natural,
            score.recall(),
            score.right,
            score.wrong,
            score.precision(),
            score.borderline,
            score.aside,
        );
        scores.push((scenario, score));
    }
    for (scenario, score) in scores {
        assert!(score.caused > 0, "{scenario}: the simulator caused none");
        let is_good = score.recall() >= SHARE_MIN && score.precision() >= SHARE_MIN;
        assert!(
            is_good,
            "{scenario}: {score:?}, expected {SHARE_MIN} of both"
        );
    }
}
