//! Predictions of models that were trained on another dataset than the one that they are evaluated on.

use std::path::Path;

use anyhow::Result;
use driveloop_evaluation::EvaluateOptions;
use driveloop_lake::{Lake, sql_literal};
use driveloop_scenario_mining::dataset::export;
use driveloop_schemas::Checkpoint;
use driveloop_train_orchestrator::{PredictOptions, check_weights, predict};

use crate::commands::doctor::worker_path;
use crate::commands::train::clock;

/// Seconds after which a worker that says nothing counts as hung.
const TIMEOUT_S: f64 = 3600.0;

/// Predicts the dataset with a model of the lake that has no prediction for it, and compares the digest of its weights where it has:
/// the figures are those of the model that the lake names. Of a model that the lake does not have, nothing is done: the evaluation
/// says so.
pub(crate) async fn make_missing(
    lake: &Lake,
    work_dir: &Path,
    [model_id, dataset]: [&str; 2],
    device: &str,
    run_id: &str,
) -> Result<()> {
    let rows = format!(
        "SELECT 1 AS found FROM prediction WHERE model_id = {} AND dataset = {} LIMIT 1",
        sql_literal(model_id),
        sql_literal(dataset)
    );
    let has_rows = lake.query(&rows).await?.iter().any(|b| b.num_rows() > 0);
    if has_rows || checkpoint(lake, model_id).await?.is_none() {
        return Ok(check_weights(lake, model_id).await?);
    }
    let dataset_dir = work_dir.join("datasets").join(dataset);
    let exported = export(lake, dataset, &dataset_dir).await?;
    let options = PredictOptions {
        model_id: model_id.to_owned(),
        dataset: dataset.to_owned(),
        dataset_digest: exported.dataset_digest,
        dataset_dir,
        work_dir: work_dir.join("jobs"),
        worker: worker_path()?,
        device: device.to_owned(),
        timeout_s: TIMEOUT_S,
        inputs: lake.versions().await?,
        run_id: run_id.to_owned(),
        clock: clock(),
    };
    predict(lake, &options).await?;
    Ok(())
}

async fn checkpoint(lake: &Lake, model_id: &str) -> Result<Option<Checkpoint>> {
    let filter = format!("model_id = {}", sql_literal(model_id));
    Ok(lake.read::<Checkpoint>(Some(&filter)).await?.pop())
}

/// What to say where drives of the split were in the training of the model: its figures are then better than it is.
pub(super) async fn seen_in_training(
    lake: &Lake,
    model_id: &str,
    options: &EvaluateOptions,
) -> Result<Option<String>> {
    let Some(checkpoint) = checkpoint(lake, model_id).await? else {
        return Ok(None);
    };
    let drives = format!(
        "SELECT DISTINCT host_log_id FROM with_composed.sample WHERE dataset = {} AND split = {}",
        sql_literal(&options.dataset),
        sql_literal(&options.split)
    );
    let sql = format!(
        "SELECT host_log_id FROM ({drives}) WHERE host_log_id IN \
         (SELECT host_log_id FROM with_composed.sample WHERE dataset = {} AND split IN ('train', 'validation'))",
        sql_literal(&checkpoint.dataset)
    );
    let (mut all, mut seen) = (0, 0);
    for batch in lake.query(&drives).await? {
        all += batch.num_rows();
    }
    for batch in lake.query(&sql).await? {
        seen += batch.num_rows();
    }
    let note = format!(
        "{model_id} was trained or chosen on {seen} of the {all} drives of split `{}`: its figures there are too good",
        options.split
    );
    Ok((seen > 0).then_some(note))
}
