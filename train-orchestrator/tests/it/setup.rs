//! A lake, a dataset and a clock for a test.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use driveloop_lake::Lake;
use driveloop_train_orchestrator::{
    Clock, JobSpec, Result, Retries, TrainEvent, TrainOptions, TrainReport, Trainer, train,
};

use crate::fixture;

pub(crate) struct Setup {
    pub(crate) root: tempfile::TempDir,
    pub(crate) lake: Lake,
    pub(crate) options: TrainOptions,
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos() as i64
    })
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
        let mut options = TrainOptions::new(
            folder("work"),
            "no-worker",
            folder("dataset"),
            "digest-1",
            clock(),
        );
        options.inputs = [("sample".to_owned(), 3)].into();
        options.price_per_cpu_hour = 1.0;
        Self {
            root,
            lake,
            options,
        }
    }

    pub(crate) async fn train(&self, spec: &JobSpec) -> Result<TrainReport> {
        train(&self.lake, spec, &self.options, &|_| ()).await
    }

    /// Trains, and gives what was seen too.
    pub(crate) async fn train_and_watch(
        &self,
        spec: &JobSpec,
    ) -> (Result<TrainReport>, Vec<TrainEvent>) {
        let seen = Mutex::new(Vec::new());
        let see = |event: &TrainEvent| seen.lock().unwrap().push(event.clone());
        let report = train(&self.lake, spec, &self.options, &see).await;
        (report, seen.into_inner().unwrap())
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
    spec
}
