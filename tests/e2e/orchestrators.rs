//! Jobs by the command line: trainers that fail, ask for too much, are cancelled; two orchestrators on one lake; a trainer in Python.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use driveloop_tests::peers_python;

use crate::harness::{Bench, Run, peer};
use crate::killed_training::bench_with_dataset;

/// A job whose trainer is a shell script.
pub(crate) fn script(bench: &Bench, file: &str, head: &str, text: &str) {
    let text =
        format!("dataset = 'small'\n{head}\n[trainer]\ncommand = ['sh', '-c', '''{text}''']\n");
    bench.write(file, text);
}

fn spawn(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.command(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

pub(crate) fn ended(child: Child) -> Run {
    Run::of(&child.wait_with_output().expect("it ends"))
}

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A way to leave outputs without a model.
pub(crate) const OUTPUTS: &str = "printf weights > \"$DRIVELOOP_MODEL_OUT\"";

#[test]
fn a_command_that_always_fails_stops_after_its_budget_with_the_end_of_its_log() {
    let bench = bench_with_dataset();
    let head = "name = 'broken'\nretries = { user_errors = 2, backoff_s = 0.01 }";
    script(
        &bench,
        "job.toml",
        head,
        "echo attempt $DRIVELOOP_ATTEMPT; echo the reason >&2; exit 5",
    );
    let run = bench.run(&["train", "job.toml"]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr
            .contains("job `broken` failed after 3 attempts: exit status 5"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("attempt-3.log:\nattempt 3\nthe reason"),
        "{}",
        run.stderr
    );
    let status = bench.ok(&["status", "--format", "csv"]);
    assert!(
        status.contains("broken,failed,") && status.contains("exit status 5"),
        "{status}"
    );
    assert_eq!(bench.ok(&["logs", "broken"]), "attempt 3\nthe reason\n");
    assert_eq!(
        bench.ok(&["logs", "broken", "--attempt", "2"]),
        "attempt 2\nthe reason\n"
    );
    let run = bench.run(&["logs", "broken", "--rank", "1"]);
    assert!(
        run.status == 1 && run.stderr.contains("no rank 1"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_job_that_asks_for_more_than_there_is_says_so_at_once() {
    let bench = bench_with_dataset();
    for (resources, what) in [
        ("resources = { gpus = 99 }", "asks for 99 GPUs"),
        ("resources = { cpus = 100000 }", "asks for 100000 CPUs"),
        (
            "resources = { memory_mib = 1000000000 }",
            "asks for 1000000000 MiB of memory",
        ),
        (
            "processes = 1000\nresources = { cpus = 1000 }",
            "asks for 1000000 CPUs",
        ),
    ] {
        script(
            &bench,
            "job.toml",
            &format!("name = 'large'\n{resources}"),
            "true",
        );
        let run = bench.run(&["train", "job.toml"]);
        assert_eq!(run.status, 1);
        assert!(
            run.stderr.contains(what) && run.stderr.contains("hint:"),
            "{}",
            run.stderr
        );
        assert!(
            !bench.path("lake-work").exists(),
            "nothing was begun, and no data exported"
        );
    }
    assert!(!bench.ok(&["status"]).contains("large"));
}

#[test]
fn two_orchestrators_on_one_lake_never_run_one_job_twice() {
    let bench = bench_with_dataset();
    let notes = bench.path("notes");
    let text = format!(
        "echo begins >> {notes}; while ! test -e {go}; do sleep 0.05; done; echo ends >> {notes}; {OUTPUTS}",
        notes = notes.display(),
        go = bench.path("go").display()
    );
    script(&bench, "job.toml", "name = 'one'", &text);
    // Not even the folder for their work do they share.
    let mut orchestrators: Vec<Child> = ["a", "b", "c"]
        .iter()
        .map(|work| {
            spawn(
                &bench,
                &["train", "job.toml", "--work", work, "--format", "csv"],
            )
        })
        .collect();
    let written = || std::fs::read_to_string(&notes).unwrap_or_default();
    until("one has begun", || written() == "begins\n");
    let refused = bench.run(&["train", "job.toml", "--work", "d", "--no-wait"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("job `one` is driven by process"),
        "{}",
        refused.stderr
    );

    // The one that has it is killed; one of the others goes on with it.
    let status = bench.ok(&["status", "--format", "csv"]);
    assert!(status.contains("one,running,"), "{status}");
    let has_worker = |child: &Child| {
        let children = format!("/proc/{}/task", child.id());
        let threads = std::fs::read_dir(children).into_iter().flatten().flatten();
        let mut lists =
            threads.map(|thread| std::fs::read_to_string(thread.path().join("children")));
        lists.any(|list| list.is_ok_and(|list| !list.trim().is_empty()))
    };
    let owner = orchestrators
        .iter()
        .position(has_worker)
        .expect("one has it");
    let mut owner = orchestrators.remove(owner);
    owner.kill().expect("SIGKILL");
    owner.wait().expect("it ends");
    until("another goes on", || written() == "begins\nbegins\n");
    bench.write("go", "");
    let runs: Vec<Run> = orchestrators.into_iter().map(ended).collect();
    for run in &runs {
        assert_eq!(run.status, 0, "{}", run.stderr);
        let model = run
            .stdout
            .lines()
            .nth(1)
            .and_then(|line| line.split(',').next());
        assert!(
            model.is_some_and(|model| model.starts_with("one-")),
            "{}",
            run.stdout
        );
        assert!(run.stderr.contains("no predict step"), "{}", run.stderr);
    }
    assert_eq!(written(), "begins\nbegins\nends\n", "no third one began");
    let attempts = "SELECT attempts FROM training_run WHERE name = 'one'";
    assert_eq!(bench.cell(attempts), "2");
    let models = "SELECT count(*) FROM checkpoint WHERE model_id LIKE 'one-%'";
    assert_eq!(bench.cell(models), "1");
}

#[test]
fn a_run_is_followed_and_cancelled_from_elsewhere() {
    let bench = bench_with_dataset();
    let text = "echo I am here; echo '{\"event\": \"checkpoint\", \"step\": 7}' >> \"$DRIVELOOP_METRICS\"; sleep 600";
    script(&bench, "job.toml", "name = 'endless'\ngrace_s = 0.5", text);
    let training = spawn(&bench, &["train", "job.toml"]);
    until("it has a checkpoint", || {
        let json = bench.ok(&["status", "--format", "json"]);
        json.contains("\"step\":7")
    });
    let (status, logs) = (
        spawn(&bench, &["status", "--follow"]),
        spawn(&bench, &["logs", "endless", "--follow"]),
    );
    std::thread::sleep(Duration::from_millis(1500));
    let cancelled = bench.ok(&["cancel", "endless", "--format", "csv"]);
    assert!(
        cancelled.starts_with("job,run,state\nendless,") && cancelled.ends_with(",cancelled\n"),
        "{cancelled}"
    );
    let training = ended(training);
    assert_eq!(training.status, 1);
    assert!(
        training.stderr.contains("job `endless` was cancelled"),
        "{}",
        training.stderr
    );
    let status = ended(status);
    assert_eq!(status.status, 0, "{}", status.stderr);
    let lines: Vec<_> = status.stdout.lines().collect();
    assert_eq!(
        lines.first(),
        Some(&"endless: running, attempt 1, checkpoint at step 7")
    );
    assert_eq!(lines.last(), Some(&"endless: cancelled"));
    assert_eq!(ended(logs).stdout, "I am here\n");
    let again = bench.run(&["cancel", "endless"]);
    assert!(
        again.status == 1 && again.stderr.contains("no unfinished run `endless`"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_trainer_in_python_keeps_the_contract() {
    let Some(python) = peers_python() else {
        return;
    };
    let bench = bench_with_dataset();
    let job = |name: &str, params: &str| {
        let program = peer("small_trainer.py");
        let text = format!(
            "[[job]]\nname = '{name}'\ndataset = 'small'\ncheckpoint_every_steps = 5\n\
             retries = {{ backoff_s = 0.01 }}\nparams = {{ {params} }}\n\
             trainer = {{ command = ['python3', '{program}'], predict = ['python3', '{program}', 'predict'] }}\n",
            program = program.display()
        );
        text
    };
    bench.write(
        "jobs.toml",
        job("straight", "steps = 40") + &job("broken-off", "steps = 40, die_at = 23"),
    );
    let mut train = bench.command(&["train", "jobs.toml", "--format", "json"]);
    train.envs(
        python
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let run = Run::of(&train.output().expect("the binary starts"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    let rows: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let attempts: Vec<_> = rows.iter().map(|row| row["attempts"].as_i64()).collect();
    assert_eq!(attempts, [Some(1), Some(2)]);
    let digests = bench.lines("SELECT DISTINCT weights_digest FROM checkpoint");
    assert_eq!(
        digests.len(),
        1,
        "killed and unbroken, the weights are the same"
    );
    let model = rows[0]["model"].as_str().expect("a model");
    let evaluated = bench.ok(&[
        "evaluate",
        model,
        "--dataset",
        "small",
        "--resamples",
        "100",
        "--format",
        "csv",
    ]);
    assert!(
        evaluated.lines().any(|line| line.starts_with("all,")),
        "{evaluated}"
    );
}
