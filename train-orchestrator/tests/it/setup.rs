//! A lake, a dataset and a clock for a test.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use driveloop_lake::Lake;
use driveloop_schemas::forecast::prediction_folder;
use driveloop_train_orchestrator::{
    Clock, Job, JobSpec, Machine, Price, Result, Retries, TrainEvent, TrainOptions, TrainReport,
    Trainer, train, train_all,
};

use crate::fixture;

pub(crate) struct Setup {
    pub(crate) root: tempfile::TempDir,
    pub(crate) lake: Lake,
    pub(crate) options: TrainOptions,
}

/// A machine with slots for four processes, whatever this one has.
pub(crate) fn machine() -> Machine {
    Machine {
        cpus: 4,
        memory_mib: 1 << 20,
        gpus: Vec::new(),
    }
}

/// The clocks of this process.
pub(crate) fn clock() -> Clock {
    Clock::new(wall_ns, monotonic_ns)
}

pub(crate) fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_nanos() as i64
}

pub(crate) fn monotonic_ns() -> i64 {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed().as_nanos() as i64
}

/// The worker's program beside the program of this test.
pub(crate) fn worker() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let worker = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("driveloop-worker");
    assert!(
        worker.is_file(),
        "no {}: build it first with `cargo build -p driveloop-worker`",
        worker.display()
    );
    worker
}

impl Setup {
    pub(crate) async fn new(samples: [usize; 3]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| root.path().join(name);
        fixture::write_dataset(&folder("dataset"), samples);
        let lake = Lake::open(folder("lake").to_str().unwrap()).await.unwrap();
        let mut options = TrainOptions::new(folder("work"), "no-worker", machine(), clock());
        options.inputs = [("sample".to_owned(), 3)].into();
        Self {
            root,
            lake,
            options,
        }
    }

    pub(crate) fn dataset_dir(&self) -> PathBuf {
        self.root.path().join("dataset")
    }

    /// The file that [`PREDICT`] copies.
    pub(crate) fn predictions_to_copy(&self) -> PathBuf {
        prediction_folder(&self.dataset_dir()).join("predictions.arrow")
    }

    pub(crate) fn job(&self, spec: &JobSpec) -> Job {
        Job {
            spec: spec.clone(),
            dataset_dir: self.dataset_dir(),
            dataset_digest: "digest-1".into(),
        }
    }

    /// The work folder of a job's run.
    pub(crate) fn folder(&self, spec: &JobSpec) -> PathBuf {
        self.options.work_dir.join(spec.run_id("digest-1"))
    }

    pub(crate) async fn train(&self, spec: &JobSpec) -> Result<TrainReport> {
        train(&self.lake, &self.job(spec), &self.options, &|_, _| ()).await
    }

    pub(crate) async fn train_all(&self, specs: &[JobSpec]) -> Result<Vec<Result<TrainReport>>> {
        let jobs: Vec<Job> = specs.iter().map(|spec| self.job(spec)).collect();
        train_all(&self.lake, &jobs, &self.options, &|_, _| ()).await
    }

    /// Trains, and gives what was seen too.
    pub(crate) async fn train_and_watch(
        &self,
        spec: &JobSpec,
    ) -> (Result<TrainReport>, Vec<TrainEvent>) {
        let seen = Mutex::new(Vec::new());
        let see = |_: &str, event: &TrainEvent| seen.lock().unwrap().push(event.clone());
        let report = train(&self.lake, &self.job(spec), &self.options, &see).await;
        (report, seen.into_inner().unwrap())
    }
}

/// A predict step that leaves predictions which were made before.
pub(crate) const PREDICT: &str =
    r#"cp "$(dirname "$DRIVELOOP_INPUTS")/../predictions.arrow" "$DRIVELOOP_PREDICTIONS_OUT""#;

/// A job whose trainer and predict step are shell scripts.
pub(crate) fn scripts(text: &str, predict: &str) -> JobSpec {
    let shell = |text: &str| vec!["sh".into(), "-c".into(), text.into()];
    let (command, predict) = (shell(text), shell(predict));
    JobSpec {
        trainer: Trainer::Commands { command, predict },
        ..script(text)
    }
}

/// A job whose trainer is a shell script.
pub(crate) fn script(text: &str) -> JobSpec {
    let mut spec = JobSpec::new("scripted", "demo");
    spec.trainer = Trainer::Command(vec!["sh".into(), "-c".into(), text.into()]);
    spec.retries = Retries {
        backoff_s: 0.01,
        ..Retries::default()
    };
    spec.price = Price {
        per_gpu_hour: 0.0,
        per_cpu_hour: 1.0,
    };
    spec
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let state = after_name.trim_start().chars().next();
    !matches!(state, None | Some('Z' | 'X'))
}
