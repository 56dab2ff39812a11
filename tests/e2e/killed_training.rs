//! A training whose worker and orchestrator are killed, again and again, ends with the weights of an unbroken one, and its ledger
//! is whole.
//!
//! `DRIVELOOP_TRAINING_KILLS` is how often the worker is killed, the orchestrator half as often.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use driveloop_tests::setting;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::harness::{Bench, Place};

const TRAIN: [&str; 2] = ["train", "job.toml"];
/// The part of an unbroken training that the workers which are killed have in all; the rest is for the last one.
const SHARE_KILLED: f64 = 0.8;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Worker,
    Orchestrator,
}

/// A small dataset in a lake, and a second lake with the same.
pub(crate) fn bench_with_dataset() -> Bench {
    let bench = Bench::new();
    bench.simulate(6, 14, 5, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["dataset", "freeze", "small"]);
    bench
}

fn job(steps: u64) -> String {
    format!(
        "name = 'forecaster'\ndataset = 'small'\nseed = 3\ndevice = 'cpu'\ncheckpoint_every_steps = 10\n\
         [retries]\nlost_workers = 1000\nbackoff_s = 0.05\nbackoff_max_s = 0.2\n\
         [price]\nper_cpu_hour = 3600.0\n\
         [params]\nsteps_max = {steps}\nbatch = 128\npatience = 1000000\n"
    )
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn start(bench: &Bench, place: &Place) -> Child {
    let mut command = bench.command_at(place, &TRAIN);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("the binary starts")
}

/// The worker of a job in the work folder, other than one that is known.
fn worker(work: &Path, known: Option<i32>) -> Option<i32> {
    let mark = format!("DRIVELOOP_JOB_DIR={}", work.display());
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|process| Some(*process) != known)
        .find(|process| {
            let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry.starts_with(mark.as_bytes()))
        })
}

#[expect(unsafe_code, reason = "std kills the processes alone that it started")]
fn kill(process: i32) {
    // SAFETY: kill takes two integers; the process is a worker that was found a moment ago.
    unsafe {
        libc::kill(process, libc::SIGKILL);
    }
}

/// The entries of the training journal of a job of a lake.
pub(crate) fn journal(lake: &Path, job: &str) -> Vec<serde_json::Value> {
    let journals = std::fs::read_dir(lake.join("journal"))
        .expect("journals")
        .flatten();
    let train = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("train-"))
    };
    let folders = journals.map(|entry| entry.path()).filter(train);
    let mut journals = folders.map(|folder| entries(&folder));
    let of_job = |entries: &Vec<serde_json::Value>| entries[0]["name"] == job;
    journals.find(of_job).expect("a journal")
}

fn entries(folder: &Path) -> Vec<serde_json::Value> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("entries")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort_unstable();
    let read = |path: &PathBuf| {
        let text = std::fs::read(path).expect("an entry");
        serde_json::from_slice(&text).expect("JSON")
    };
    paths.iter().map(read).collect()
}

fn exits(journal: &[serde_json::Value], how: &str) -> usize {
    journal
        .iter()
        .filter(|event| event["exit"]["exit"] == how)
        .count()
}

/// The only cell of a query's answer on a lake.
fn cell(bench: &Bench, place: &Place, column: &str) -> String {
    let sql = format!("SELECT {column} FROM training_run");
    let csv = bench.ok_at(place, &["sql", &sql, "--format", "csv"]);
    csv.lines().nth(1).unwrap_or_default().to_owned()
}

pub(crate) fn number(bench: &Bench, place: &Place, column: &str) -> f64 {
    cell(bench, place, column).parse().expect("a number")
}

#[test]
fn ends_with_the_same_weights_and_a_whole_ledger() {
    let workers: usize = setting("DRIVELOOP_TRAINING_KILLS", 4);
    let orchestrators = workers.div_ceil(2);
    let mut victims = [
        vec![Victim::Worker; workers],
        vec![Victim::Orchestrator; orchestrators],
    ]
    .concat();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    victims.shuffle(&mut rng);
    let shares: Vec<f64> = victims.iter().map(|_| rng.random::<f64>()).collect();
    let all: f64 = shares.iter().sum();

    let bench = bench_with_dataset();
    bench.write("job.toml", job(150 * victims.len() as u64));
    copy_folder(&bench.path("lake"), &bench.path("killed"));
    let (unbroken, killed) = (Place::local("lake"), Place::local("killed"));
    bench.ok_at(&unbroken, &TRAIN);
    let worker_s = number(&bench, &unbroken, "productive_s + lost_s");

    let begun = Instant::now();
    let work = bench.path("killed-work/jobs");
    let (mut child, mut known) = (start(&bench, &killed), None);
    for (victim, share) in victims.iter().zip(&shares) {
        let deadline = Instant::now() + Duration::from_mins(2);
        let process = loop {
            if let Some(process) = worker(&work, known) {
                break process;
            }
            assert!(
                child.try_wait().expect("a child").is_none(),
                "it ended before it was killed {victims:?}"
            );
            assert!(Instant::now() < deadline, "no worker");
            std::thread::sleep(Duration::from_millis(5));
        };
        known = Some(process);
        std::thread::sleep(Duration::from_secs_f64(
            SHARE_KILLED * worker_s * share / all,
        ));
        match victim {
            Victim::Worker => kill(process),
            Victim::Orchestrator => {
                child.kill().expect("SIGKILL");
                child.wait().expect("it ends");
                child = start(&bench, &killed);
            }
        }
    }
    let status = child.wait().expect("it ends");
    let measured_s = begun.elapsed().as_secs_f64();
    assert!(status.success(), "{status}");

    let journal = journal(&bench.path("killed"), "forecaster");
    assert_eq!(
        (exits(&journal, "lost"), exits(&journal, "orphaned")),
        (workers, orchestrators)
    );
    assert_eq!(
        cell(&bench, &killed, "attempts"),
        (victims.len() + 1).to_string()
    );
    let model = |place| cell(&bench, place, "model_id");
    assert_eq!(
        model(&killed),
        model(&unbroken),
        "the digest of the weights is in the name"
    );
    let digest = |place: &Place| {
        bench.ok_at(
            place,
            &[
                "sql",
                "SELECT weights_digest FROM checkpoint",
                "--format",
                "csv",
            ],
        )
    };
    assert_eq!(digest(&killed), digest(&unbroken));

    // The ledger: whole by itself, and the wall time is that of this test's clock, and of the journal's stamps, which are of
    // the wall clock: the two clocks are read one after the other, and one of them may be corrected meanwhile.
    let number = |column: &str| number(&bench, &killed, column);
    let wall_s = number("wall_s");
    assert!(number("abs(productive_s + lost_s + waiting_s - wall_s)") < 1e-9);
    let stamp_s = |of: &str| {
        let event = journal
            .iter()
            .find(|event| event["event"] == of)
            .expect("the entry");
        event["at_ns"].as_i64().expect("a stamp") as f64 / 1e9
    };
    let journal_s = stamp_s("succeeded") - stamp_s("submitted");
    assert!(
        journal_s <= wall_s + 1e-2 && wall_s <= measured_s,
        "{journal_s} {wall_s} {measured_s}"
    );
    assert!(number("lost_s") > 0.0 && number("waiting_s") > 0.0);
    // A CPU second has the price of one.
    assert!((number("cost") - number("productive_s + lost_s")).abs() < 1e-6);
    eprintln!(
        "{workers} kills of the worker, {orchestrators} of the orchestrator; unbroken {worker_s:.1} s; wall {wall_s:.1} s = \
         productive {:.1} s + lost {:.1} s + waiting {:.1} s",
        number("productive_s"),
        number("lost_s"),
        number("waiting_s")
    );
}
