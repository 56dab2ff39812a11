//! What a run leaves in the lake: the weights, then the rows, the `training_run` row last.

use std::fs::File;
use std::path::Path;

use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use driveloop_lake::{Commit, Lake, Versions, sql_literal};
use driveloop_schemas::forecast::HORIZON_STEPS;
use driveloop_schemas::{Checkpoint, ColumnValue, Prediction, Row as _, TrainingRun};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::metrics::Summary;
use crate::options::{Outcome, TrainReport};
use crate::spec::JobSpec;
use crate::state::{Ledger, State};

/// Digits of the weights' digest in a model id.
const MODEL_ID_DIGITS: usize = 12;
/// Seconds of an hour.
const HOUR_S: f64 = 3600.0;

/// What a finished trainer left in its folder.
pub(crate) struct Results {
    model_id: String,
    weights: Bytes,
    weights_digest: String,
    predictions: Vec<Prediction>,
    summary: Summary,
}

impl Results {
    /// Reads and checks the outputs. Weights and predictions of validation and test are held in memory.
    pub(crate) fn read(folder: &Folder, spec: &JobSpec) -> Result<Self> {
        let path = folder.weights();
        let weights = Bytes::from(std::fs::read(&path).map_err(Error::io(&path))?);
        let weights_digest = hex::encode(Sha256::digest(&weights));
        let model_id = format!("{}-{}", spec.name, &weights_digest[..MODEL_ID_DIGITS]);
        let predictions = read_predictions(&folder.predictions(), &model_id, &spec.dataset)?;
        let summary = Summary::read(&folder.metrics())?;
        Ok(Self {
            model_id,
            weights,
            weights_digest,
            predictions,
            summary,
        })
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded { model_id: String },
    Failed { reason: String },
    Cancelled,
}

/// Writes the rows of one run.
#[derive(Clone, Copy)]
pub(crate) struct Collector<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) spec: &'a JobSpec,
    pub(crate) dataset_digest: &'a str,
    pub(crate) run_id: &'a str,
    /// Table versions that the dataset was read from.
    pub(crate) inputs: &'a Versions,
    /// Run that the commits belong to.
    pub(crate) commit_run_id: &'a str,
}

impl Collector<'_> {
    /// The report of a run whose rows are all there.
    pub(crate) async fn already_there(&self) -> Result<Option<TrainReport>> {
        let missing = self
            .lake
            .missing(TrainingRun::SPEC.name, &[self.transaction()])
            .await?;
        if !missing.is_empty() {
            return Ok(None);
        }
        let filter = format!("run_id = {}", sql_literal(self.run_id));
        let Some(row) = self.lake.read::<TrainingRun>(Some(&filter)).await?.pop() else {
            return Ok(None);
        };
        let Some(model_id) = row.model_id.clone() else {
            return Ok(None);
        };
        let filter = format!("model_id = {}", sql_literal(&model_id));
        let checkpoint = self.lake.read::<Checkpoint>(Some(&filter)).await?.pop();
        let dataset = sql_literal(&row.dataset);
        let sql =
            format!("SELECT count(*) AS n FROM prediction WHERE {filter} AND dataset = {dataset}");
        let predictions = count(&self.lake.query(&sql).await?);
        let step = checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.step as u64);
        let validation_loss = checkpoint.and_then(|checkpoint| checkpoint.validation_loss);
        Ok(Some(Self::report(
            row,
            model_id,
            step,
            validation_loss,
            predictions,
            Outcome::AlreadyThere,
        )))
    }

    /// Brings the results into the lake. Each part is written once, however often this is begun.
    pub(crate) async fn collect(
        &self,
        state: &State,
        results: &Results,
        elapsed_ns: i64,
    ) -> Result<TrainReport> {
        let spec = self.spec;
        let model_id = &results.model_id;
        let weights = weights_path(model_id);
        self.lake
            .store()
            .put(&weights, results.weights.clone())
            .await?;

        let id = prediction_transaction(model_id, &spec.dataset, self.dataset_digest);
        commit_predictions(
            self.lake,
            &results.predictions,
            model_id,
            &spec.dataset,
            &self.commit(id),
        )
        .await?;

        let checkpoint = Checkpoint {
            model_id: model_id.clone(),
            run_id: self.run_id.to_owned(),
            weights,
            weights_digest: results.weights_digest.clone(),
            weights_bytes: results.weights.len() as i64,
            step: results.summary.step as i64,
            validation_loss: results.summary.validation_loss,
            dataset: spec.dataset.clone(),
            dataset_digest: self.dataset_digest.to_owned(),
            started_from: spec.start_from.clone(),
        };
        self.lake
            .append(
                &[checkpoint],
                &self.commit(format!("checkpoint/{model_id}")),
            )
            .await?;

        let end = End::Succeeded {
            model_id: model_id.clone(),
        };
        let row = self.row(end, state, &results.summary, elapsed_ns);
        let same_run = format!("run_id = {}", sql_literal(self.run_id));
        self.lake
            .replace(
                &same_run,
                std::slice::from_ref(&row),
                &self.commit(self.transaction()),
            )
            .await?;
        let Summary {
            step,
            validation_loss,
            ..
        } = results.summary;
        let predictions = results.predictions.len() as u64;
        Ok(Self::report(
            row,
            model_id.clone(),
            step,
            validation_loss,
            predictions,
            Outcome::Trained,
        ))
    }

    /// Notes that the run ended without a model. A later one that succeeds takes the row's place.
    pub(crate) async fn record_end(
        &self,
        end: End,
        state: &State,
        summary: &Summary,
        elapsed_ns: i64,
    ) -> Result<()> {
        let row = self.row(end, state, summary, elapsed_ns);
        let commit = Commit {
            transactions: Vec::new(),
            ..self.commit(String::new())
        };
        let same_run = format!("run_id = {}", sql_literal(self.run_id));
        self.lake.replace(&same_run, &[row], &commit).await?;
        Ok(())
    }

    fn transaction(&self) -> String {
        format!("train/{}", self.run_id)
    }

    fn commit(&self, transaction: String) -> Commit {
        let mut commit = Commit::new("train", self.commit_run_id)
            .with_inputs(self.inputs.clone())
            .with_transactions([transaction]);
        commit.params_digest = self.spec.digest();
        commit.seed = Some(i64::from(self.spec.seed));
        commit
    }

    /// The row of a run that ended `elapsed_ns` after its submission.
    fn row(&self, end: End, state: &State, summary: &Summary, elapsed_ns: i64) -> TrainingRun {
        let spec = self.spec;
        let ledger: Ledger = state.ledger.waiting_until(elapsed_ns);
        let seconds = |ns: i64| ns as f64 / 1e9;
        let device = summary
            .device
            .clone()
            .unwrap_or_else(|| match spec.device.as_str() {
                "auto" => "cpu".to_owned(),
                device => device.to_owned(),
            });
        let processes = f64::from(spec.processes);
        let on_gpu = u32::from(device.starts_with("cuda"));
        let gpus = processes * f64::from(spec.resources.gpus.unwrap_or(on_gpu).max(on_gpu));
        let busy_h = seconds(ledger.productive_ns + ledger.lost_ns) / HOUR_S;
        let gpu_hours = gpus * busy_h;
        let reserved = processes * f64::from(spec.resources.cpus) * busy_h;
        let cost = gpu_hours * spec.price.per_gpu_hour + reserved * spec.price.per_cpu_hour;
        let (word, model_id, reason) = match end {
            End::Succeeded { model_id } => ("succeeded", Some(model_id), None),
            End::Failed { reason } => ("failed", None, Some(reason)),
            End::Cancelled => ("cancelled", None, None),
        };
        TrainingRun {
            run_id: self.run_id.to_owned(),
            name: spec.name.clone(),
            spec_digest: spec.digest(),
            dataset: spec.dataset.clone(),
            dataset_digest: self.dataset_digest.to_owned(),
            seed: i64::from(spec.seed),
            state: word.to_owned(),
            model_id,
            attempts: state.attempts as i32,
            device,
            wall_s: seconds(ledger.wall_ns()),
            productive_s: seconds(ledger.productive_ns),
            lost_s: seconds(ledger.lost_ns),
            waiting_s: seconds(ledger.waiting_ns),
            gpu_hours,
            cpu_hours: seconds(state.cpu_ns) / HOUR_S,
            cost: Some(cost),
            reason,
            cpu_hours_reserved: Some(reserved),
            gpu_hours_busy: state.gpu_ns.map(|ns| seconds(ns) / HOUR_S),
            metrics_unused: summary.unused.text(),
        }
    }

    fn report(
        row: TrainingRun,
        model_id: String,
        step: u64,
        validation_loss: Option<f64>,
        predictions: u64,
        outcome: Outcome,
    ) -> TrainReport {
        TrainReport {
            run_id: row.run_id,
            model_id,
            state: row.state,
            attempts: row.attempts as u32,
            device: row.device,
            step,
            validation_loss,
            predictions,
            wall_s: row.wall_s,
            productive_s: row.productive_s,
            lost_s: row.lost_s,
            waiting_s: row.waiting_s,
            gpu_hours: row.gpu_hours,
            cpu_hours: row.cpu_hours,
            gpu_hours_busy: row.gpu_hours_busy,
            cpu_hours_reserved: row.cpu_hours_reserved,
            cost: row.cost,
            outcome,
        }
    }
}

/// The model of an id.
///
/// # Errors
/// [`Error::Unknown`] where the lake has none.
pub(crate) async fn model(lake: &Lake, model_id: &str) -> Result<Checkpoint> {
    let filter = format!("model_id = {}", sql_literal(model_id));
    let found = lake.read::<Checkpoint>(Some(&filter)).await?.pop();
    found.ok_or_else(|| Error::Unknown {
        what: "model",
        name: model_id.to_owned(),
    })
}

/// Where the weights of a model lie in the lake.
pub(crate) fn weights_path(model_id: &str) -> String {
    format!("models/{model_id}/model.safetensors")
}

/// The id of the commit of a model's predictions of a dataset.
pub(crate) fn prediction_transaction(
    model_id: &str,
    dataset: &str,
    dataset_digest: &str,
) -> String {
    format!("prediction/{model_id}/{dataset}/{dataset_digest}")
}

/// Commits predictions in place of others of the same model and dataset.
pub(crate) async fn commit_predictions(
    lake: &Lake,
    rows: &[Prediction],
    model_id: &str,
    dataset: &str,
    commit: &Commit,
) -> Result<driveloop_lake::Outcome> {
    if rows.is_empty() {
        return Ok(lake.append(rows, commit).await?);
    }
    let (model_id, dataset) = (sql_literal(model_id), sql_literal(dataset));
    let same = format!("model_id = {model_id} AND dataset = {dataset}");
    Ok(lake.replace(&same, rows, commit).await?)
}

/// Reads the predictions file of the contract.
pub(crate) fn read_predictions(
    path: &Path,
    model_id: &str,
    dataset: &str,
) -> Result<Vec<Prediction>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let wrong = |error: arrow::error::ArrowError| Error::output(path, error);
    let mut rows = Vec::new();
    for batch in FileReader::try_new(file, None).map_err(wrong)? {
        let batch = batch.map_err(wrong)?;
        let sample_ids: Vec<String> = column(&batch, "sample_id", path)?;
        let x_m: Vec<Vec<f64>> = column(&batch, "x_m", path)?;
        let y_m: Vec<Vec<f64>> = column(&batch, "y_m", path)?;
        for ((sample_id, x_m), y_m) in sample_ids.into_iter().zip(x_m).zip(y_m) {
            if x_m.len() != HORIZON_STEPS || y_m.len() != HORIZON_STEPS {
                let actual = x_m.len().min(y_m.len());
                let reason = format!(
                    "sample `{sample_id}`: expected {HORIZON_STEPS} positions, got {actual}"
                );
                return Err(Error::output(path, reason));
            }
            let (model_id, dataset) = (model_id.to_owned(), dataset.to_owned());
            rows.push(Prediction {
                model_id,
                dataset,
                sample_id: sample_id.into(),
                x_m,
                y_m,
            });
        }
    }
    let mut sample_ids: Vec<&str> = rows.iter().map(|row| row.sample_id.as_str()).collect();
    sample_ids.sort_unstable();
    match sample_ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::output(
            path,
            format!("sample `{}` is there twice", pair[0]),
        )),
        None => Ok(rows),
    }
}

fn column<T: ColumnValue>(batch: &RecordBatch, name: &str, path: &Path) -> Result<Vec<T>> {
    let array = batch
        .column_by_name(name)
        .ok_or_else(|| Error::output(path, format!("no column `{name}`")))?;
    let expected = T::data_type();
    let cast =
        arrow::compute::cast(array, &expected).map_err(|error| Error::output(path, error))?;
    let values = T::read(&cast).filter(|_| cast.null_count() == 0);
    values.ok_or_else(|| {
        Error::output(
            path,
            format!("column `{name}`: expected {expected} without nulls"),
        )
    })
}

/// The one number of a query for a count.
fn count(batches: &[RecordBatch]) -> u64 {
    let counts = batches
        .iter()
        .filter_map(|batch| i64::read(batch.column(0)));
    counts.flatten().sum::<i64>() as u64
}
