//! The evaluation: reads the lake stretch by stretch, scores, writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::forecast::{HORIZON_STEPS, STEP_NS, STEP_TOLERANCE_NS};
use driveloop_schemas::time::NS_PER_S;
use driveloop_schemas::{ObjectTrack, Prediction, Sample};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::error::{Error, Result};
use crate::failures::failure_slices;
use crate::forecaster::{CONSTANT_VELOCITY, Forecaster};
use crate::options::{EvaluateOptions, EvaluationReport};
use crate::samples::{batches_of_drives, read_samples};
use crate::scoring::{Tally, score_scene};
use crate::slices::slice_metrics;
use crate::truth::Scene;
use crate::write::Writer;

/// Longest stretch of a drive whose tracks are in memory at once: bounds what a very long drive needs.
const WINDOW_NS: i64 = 60 * NS_PER_S;
/// Stretches that are read at once: hides the latency of an object store.
const WINDOWS_AT_ONCE: usize = 4;

/// Scores a model on a split of a dataset next to a baseline, and writes `sample_metric`, `slice_metric` and, last,
/// `failure_slice`; for the built-in baseline also its rows of `prediction`.
///
/// # Errors
/// When the split is empty, a model has no predictions, nothing can be scored, or the lake fails.
pub async fn evaluate(lake: &Lake, options: &EvaluateOptions) -> Result<EvaluationReport> {
    options.check()?;
    let mut writer = Writer::new(lake, options).await?;
    let samples = read_samples(lake, options).await?;
    let mut tally = Tally::default();
    for batch in batches_of_drives(&samples) {
        for stretch in score_batch(lake, options, batch).await? {
            tally.extend(stretch);
        }
        let built_in = std::mem::take(&mut tally.built_in);
        writer.built_in(batch, built_in).await?;
    }
    check_scored(&tally, samples.len(), options)?;
    let (missing, scored, task_options) = (tally.missing, tally.scored, options.clone());
    let task = move || (slice_metrics(&scored, &task_options), scored);
    let (slices, scored) = tokio::task::spawn_blocking(task).await?;
    let failures = failure_slices(&slices);
    writer.tables(&scored, &slices, &failures).await?;
    let drives: BTreeSet<&str> = scored
        .iter()
        .map(|item| item.sample.host_log_id.as_str())
        .collect();
    Ok(EvaluationReport {
        drives: drives.len(),
        samples: scored.len(),
        slices,
        failures,
        missing,
        committed: writer.committed,
    })
}

/// Evaluates one model of the lake against another, on split `test`.
///
/// # Errors
/// As [`evaluate`].
pub async fn compare(
    lake: &Lake,
    candidate_id: &str,
    baseline_id: &str,
    dataset: &str,
    run_id: &str,
) -> Result<EvaluationReport> {
    let mut options = EvaluateOptions::new(candidate_id, dataset, run_id);
    options.baseline_id = baseline_id.into();
    evaluate(lake, &options).await
}

/// Refuses an evaluation of nothing.
fn check_scored(tally: &Tally, samples: usize, options: &EvaluateOptions) -> Result<()> {
    if !tally.scored.is_empty() {
        return Ok(());
    }
    let no_predictions = |model_id: &str| Error::NoPredictions {
        model_id: model_id.into(),
        dataset: options.dataset.clone(),
        split: options.split.clone(),
    };
    let missing = tally.missing;
    if missing.model == samples {
        return Err(no_predictions(&options.model_id));
    }
    if missing.baseline == samples {
        return Err(no_predictions(&options.baseline_id));
    }
    Err(Error::NothingScored {
        dataset: options.dataset.clone(),
        truth: missing.truth,
        model: missing.model,
        baseline: missing.baseline,
    })
}

async fn score_batch(
    lake: &Lake,
    options: &EvaluateOptions,
    batch: &[Sample],
) -> Result<Vec<Tally>> {
    let model = Arc::new(forecaster(lake, options, &options.model_id, batch).await?);
    let baseline = Arc::new(forecaster(lake, options, &options.baseline_id, batch).await?);
    let window = |sample: &Sample| sample.stamp_ns.div_euclid(WINDOW_NS);
    let stretches: Vec<Vec<Sample>> = batch
        .chunk_by(|a, b| a.log_id == b.log_id && window(a) == window(b))
        .map(<[Sample]>::to_vec)
        .collect();
    futures::stream::iter(stretches)
        .map(|stretch| {
            score_stretch(
                lake.clone(),
                stretch,
                Arc::clone(&model),
                Arc::clone(&baseline),
            )
        })
        .buffered(WINDOWS_AT_ONCE)
        .try_collect()
        .await
}

/// The predictions of a model for a batch.
async fn forecaster(
    lake: &Lake,
    options: &EvaluateOptions,
    model_id: &str,
    batch: &[Sample],
) -> Result<Forecaster> {
    if model_id == CONSTANT_VELOCITY {
        return Ok(Forecaster::ConstantVelocity);
    }
    let ids = || batch.iter().map(|sample| sample.sample_id.as_str());
    let filter = format!(
        "model_id = {} AND dataset = {} AND sample_id BETWEEN {} AND {}",
        sql_literal(model_id),
        sql_literal(&options.dataset),
        sql_literal(ids().min().unwrap_or_default()),
        sql_literal(ids().max().unwrap_or_default()),
    );
    Forecaster::from_rows(lake.read::<Prediction>(Some(&filter)).await?)
}

async fn score_stretch(
    lake: Lake,
    samples: Vec<Sample>,
    model: Arc<Forecaster>,
    baseline: Arc<Forecaster>,
) -> Result<Tally> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Ok(Tally::default());
    };
    let filter = format!(
        "log_id = {} AND stamp_ns BETWEEN {} AND {}",
        sql_literal(&first.log_id),
        first.stamp_ns.saturating_sub(STEP_TOLERANCE_NS),
        last.stamp_ns
            .saturating_add(STEP_NS * HORIZON_STEPS as i64 + STEP_TOLERANCE_NS),
    );
    let rows = lake.read::<ObjectTrack>(Some(&filter)).await?;
    let task = move || score_scene(samples, &Scene::from_rows(rows), &model, &baseline);
    Ok(tokio::task::spawn_blocking(task).await?)
}
