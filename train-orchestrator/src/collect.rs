//! What a run leaves in the lake: the weights, then the rows, the `training_run` row last.

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use driveloop_lake::{Commit, Lake, Versions, digest, sql_literal};
use driveloop_schemas::{Checkpoint, ColumnValue as _, Prediction, Row, TrainingRun};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::metrics::Summary;
use crate::options::{Outcome, TrainReport};
use crate::predictions::{commit as commit_predictions, transaction};
use crate::spec::JobSpec;
use crate::state::{Ledger, State};
use crate::trainer::Predictor;
use crate::weights::{WEIGHTS_BYTES_MAX, read_weights, sha256};

/// Digits of the digest of run and weights in a model id.
const MODEL_ID_DIGITS: usize = 12;
/// Seconds of an hour.
const HOUR_S: f64 = 3600.0;

/// What a finished trainer left in its folder.
pub(crate) struct Trained {
    pub(crate) model_id: String,
    weights: Bytes,
    pub(crate) weights_digest: String,
    summary: Summary,
}

impl Trained {
    /// Reads and checks the outputs; `None` where the weights are not there. The weights are held in memory. Two runs that leave
    /// the same bytes leave two models.
    pub(crate) fn read(folder: &Folder, spec: &JobSpec, run_id: &str) -> Result<Option<Self>> {
        let path = folder.weights();
        let Some(metadata) = std::fs::metadata(&path)
            .ok()
            .filter(std::fs::Metadata::is_file)
        else {
            return Ok(None);
        };
        if metadata.len() > WEIGHTS_BYTES_MAX {
            let (max, actual) = (WEIGHTS_BYTES_MAX, metadata.len());
            let reason = format!("expected at most {max} bytes of weights, got {actual}");
            return Err(Error::output(&path, reason));
        }
        let weights = Bytes::from(std::fs::read(&path).map_err(Error::io(&path))?);
        if weights.is_empty() {
            return Err(Error::output(&path, "expected weights, got an empty file"));
        }
        let weights_digest = sha256(&weights);
        let of_run = digest([run_id, &weights_digest]);
        let model_id = format!("{}-{}", spec.name, &of_run[..MODEL_ID_DIGITS]);
        let summary = Summary::read(&folder.metrics())?;
        Ok(Some(Self {
            model_id,
            weights,
            weights_digest,
            summary,
        }))
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

    /// Puts the weights into the lake, and reads them back: what is predicted with is what the lake has.
    pub(crate) async fn store_weights(&self, trained: &Trained) -> Result<Bytes> {
        let path = weights_path(&trained.model_id);
        let store = self.lake.store();
        store.put(&path, trained.weights.clone()).await?;
        read_weights(self.lake, &trained.model_id, &path, &trained.weights_digest).await
    }

    /// Brings the results into the lake. Each part is written once, however often this is begun: what is there is of this run, as
    /// the model's id is.
    pub(crate) async fn collect(
        &self,
        state: &State,
        trained: &Trained,
        predictions: &[Prediction],
        elapsed_ns: i64,
    ) -> Result<TrainReport> {
        let spec = self.spec;
        let model_id = &trained.model_id;
        self.store_weights(trained).await?;

        let id = transaction(model_id, &spec.dataset, self.dataset_digest);
        if spec.trainer.predicts() && self.lacks::<Prediction>(&id).await? {
            let commit = self.commit(id);
            commit_predictions(self.lake, predictions, model_id, &spec.dataset, &commit).await?;
        }

        let id = format!("checkpoint/{model_id}");
        if self.lacks::<Checkpoint>(&id).await? {
            let checkpoint = self.checkpoint(trained);
            self.lake.append(&[checkpoint], &self.commit(id)).await?;
        }

        let end = End::Succeeded {
            model_id: model_id.clone(),
        };
        let row = self.row(end, state, &trained.summary, elapsed_ns);
        let same_run = format!("run_id = {}", sql_literal(self.run_id));
        let id = self.transaction();
        if self.lacks::<TrainingRun>(&id).await? {
            let rows = std::slice::from_ref(&row);
            let commit = self.commit(id);
            self.lake.replace(&same_run, rows, &commit).await?;
        }
        let Summary {
            step,
            validation_loss,
            ..
        } = trained.summary;
        let predictions = predictions.len() as u64;
        Ok(Self::report(
            row,
            model_id.clone(),
            step,
            validation_loss,
            predictions,
            Outcome::Trained,
        ))
    }

    async fn lacks<R: Row>(&self, id: &str) -> Result<bool> {
        let ids = [id.to_owned()];
        Ok(!self.lake.missing(R::SPEC.name, &ids).await?.is_empty())
    }

    fn checkpoint(&self, trained: &Trained) -> Checkpoint {
        let spec = self.spec;
        let predictor = Predictor::of(&spec.trainer, spec.params_json());
        Checkpoint {
            model_id: trained.model_id.clone(),
            run_id: self.run_id.to_owned(),
            weights: weights_path(&trained.model_id),
            weights_digest: trained.weights_digest.clone(),
            weights_bytes: trained.weights.len() as i64,
            step: trained.summary.step as i64,
            validation_loss: trained.summary.validation_loss,
            dataset: spec.dataset.clone(),
            dataset_digest: self.dataset_digest.to_owned(),
            started_from: spec.start_from.clone(),
            predict: predictor.to_text(),
        }
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

/// Where the weights of a model lie in the lake.
fn weights_path(model_id: &str) -> String {
    format!("models/{model_id}/model.safetensors")
}

/// The one number of a query for a count.
fn count(batches: &[RecordBatch]) -> u64 {
    let counts = batches
        .iter()
        .filter_map(|batch| i64::read(batch.column(0)));
    counts.flatten().sum::<i64>() as u64
}
