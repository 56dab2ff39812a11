//! The worker as a process, in a folder of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::ipc::reader::FileReader;
use driveloop_schemas::ColumnValue;
use driveloop_schemas::forecast::inputs_file;

use crate::fixture;

/// A folder with the files of one run.
pub(crate) struct Job {
    pub(crate) folder: PathBuf,
    pub(crate) dataset: PathBuf,
    pub(crate) params: &'static str,
}

impl Job {
    pub(crate) fn new(root: &Path, name: &str, params: &'static str) -> Self {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            dataset: root.join("dataset"),
            params,
        }
    }

    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driveloop-worker"));
        command
            .arg(verb)
            .env("DRIVELOOP_DATASET_DIR", &self.dataset)
            .env("DRIVELOOP_INPUTS", inputs_file(&self.dataset))
            .env("DRIVELOOP_WEIGHTS", self.weights())
            .env("DRIVELOOP_CHECKPOINT_DIR", self.folder.join("checkpoints"))
            .env("DRIVELOOP_CHECKPOINT_EVERY_STEPS", "20")
            .env("DRIVELOOP_METRICS", self.folder.join("metrics.jsonl"))
            .env("DRIVELOOP_MODEL_OUT", self.weights())
            .env(
                "DRIVELOOP_PREDICTIONS_OUT",
                self.folder.join("predictions.arrow"),
            )
            .env("DRIVELOOP_SEED", "7")
            .env("DRIVELOOP_DEVICE", "cpu")
            .env("DRIVELOOP_PARAMS", self.params);
        command
    }

    pub(crate) fn train(&self) -> Output {
        let output = self.command("train").output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    pub(crate) fn train_error(&self) -> String {
        let output = self.command("train").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn weights(&self) -> PathBuf {
        self.folder.join("model.safetensors")
    }

    pub(crate) fn metrics(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.join("metrics.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        self.metrics()
            .into_iter()
            .filter(|line| line["event"] == name)
            .collect()
    }

    /// Predicts with the weights of a file.
    pub(crate) fn predict(&self, weights: &Path) {
        let mut command = self.command("predict");
        let output = command.env("DRIVELOOP_WEIGHTS", weights).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Predicts with its own weights: the positions of each sample in the map frame.
    pub(crate) fn predictions(&self) -> BTreeMap<String, (Vec<f64>, Vec<f64>)> {
        self.predict(&self.weights());
        self.predicted()
    }

    /// What was predicted last.
    pub(crate) fn predicted(&self) -> BTreeMap<String, (Vec<f64>, Vec<f64>)> {
        let file = File::open(self.folder.join("predictions.arrow")).unwrap();
        let mut predictions = BTreeMap::new();
        for batch in FileReader::try_new(file, None).unwrap() {
            let batch = batch.unwrap();
            let column = |name: &str| batch.column_by_name(name).unwrap().clone();
            let ids = String::read(&column("input_id")).unwrap();
            let x_m = Vec::<f64>::read(&column("x_m")).unwrap();
            let y_m = Vec::<f64>::read(&column("y_m")).unwrap();
            for (input_id, path) in ids.iter().zip(x_m.iter().zip(&y_m)) {
                let index = input_id.strip_prefix("input-").unwrap().parse().unwrap();
                let sample = fixture::sample(index, "test");
                let path = fixture::in_map(&sample, path.0, path.1);
                predictions.insert(sample.sample_id, path);
            }
        }
        predictions
    }
}
