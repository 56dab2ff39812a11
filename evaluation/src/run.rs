//! The evaluation: reads the lake stretch by stretch, scores, writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::forecast::{HORIZON_STEPS, STEP_NS, STEP_TOLERANCE_NS};
use driveloop_schemas::time::NS_PER_S;
use driveloop_schemas::{LogId, ObjectTrack, Prediction, Sample, SliceMetric};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::compare::{Compared, Comparison};
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use crate::failures::failure_slices;
use crate::forecaster::{CONSTANT_VELOCITY, Forecaster};
use crate::options::{EvaluateOptions, EvaluationReport};
use crate::road::read_roads;
use crate::samples::{batches_of_drives, read_samples};
use crate::scoring::{Tally, score_scene};
use crate::slices::{Scored, is_composed, slice_metrics};
use crate::truth::Scene;
use crate::write::Writer;

/// Longest stretch of a drive that is scored at once: bounds what a very long drive needs.
const WINDOW_NS: i64 = 30 * NS_PER_S;
/// Stretches whose tracks one read takes: opening the table costs more than the rows of a short drive.
const STRETCHES_PER_READ: usize = 8;
/// Reads under way at once: hides the latency of an object store.
const READS_AT_ONCE: usize = 2;

/// Scores a model on a split of a dataset next to a baseline, and writes `sample_metric`, `slice_metric` and, last,
/// `failure_slice`; for the built-in baseline also its rows of `prediction`.
///
/// # Errors
/// When the split is empty, a model has no predictions, nothing can be scored, or the lake fails.
pub async fn evaluate(lake: &Lake, options: &EvaluateOptions) -> Result<EvaluationReport> {
    options.check()?;
    let mut writer = Writer::new(lake, options).await?;
    let samples = read_samples(lake, options).await?;
    let tally = score_split(lake, options, &samples, Some(&mut writer)).await?;
    let (slices, scored) = slices_of(tally.scored, options).await?;
    let failures = failure_slices(&slices);
    writer.tables(&scored, &slices, &failures).await?;
    let (coverage, composed) = coverage(&scored);
    Ok(EvaluationReport {
        drives: drives_of(&scored),
        slices,
        failures,
        coverage,
        composed,
        committed: writer.committed,
    })
}

/// Scores a model on a split of a dataset next to another one, and writes nothing: who is better where.
///
/// # Errors
/// As [`evaluate`].
pub async fn compare(lake: &Lake, options: &EvaluateOptions) -> Result<Comparison> {
    options.check()?;
    let samples = read_samples(lake, options).await?;
    let tally = score_split(lake, options, &samples, None).await?;
    let (slices, scored) = slices_of(tally.scored, options).await?;
    let (coverage, composed) = coverage(&scored);
    Ok(Comparison {
        drives: drives_of(&scored),
        slices: slices.into_iter().map(Compared::new).collect(),
        coverage,
        composed,
    })
}

/// Scores all samples. The writer takes the predictions of the built-in baseline as they come.
async fn score_split(
    lake: &Lake,
    options: &EvaluateOptions,
    samples: &[Sample],
    mut writer: Option<&mut Writer<'_>>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for batch in batches_of_drives(samples) {
        for stretch in score_batch(lake, options, batch).await? {
            tally.extend(stretch);
        }
        let built_in = std::mem::take(&mut tally.built_in);
        if let Some(writer) = writer.as_deref_mut() {
            writer.built_in(batch, built_in).await?;
        }
    }
    check_scored(&tally, options)?;
    Ok(tally)
}

/// The figures of the slices, off the threads that read.
async fn slices_of(
    scored: Vec<Scored>,
    options: &EvaluateOptions,
) -> Result<(Vec<SliceMetric>, Vec<Scored>)> {
    let options = options.clone();
    let task = move || (slice_metrics(&scored, &options), scored);
    Ok(tokio::task::spawn_blocking(task).await?)
}

/// Of recorded and simulated drives, and of composed ones.
fn coverage(scored: &[Scored]) -> (Coverage, Coverage) {
    let (composed, recorded): (Vec<_>, Vec<_>) =
        scored.iter().partition(|item| is_composed(&item.sample));
    (Coverage::of(recorded), Coverage::of(composed))
}

fn drives_of(scored: &[Scored]) -> usize {
    let compared = scored.iter().filter(|item| item.is_compared());
    let recorded = compared.filter(|item| !is_composed(&item.sample));
    let drives = recorded.map(|item| item.sample.host_log_id.as_str());
    drives.collect::<BTreeSet<_>>().len()
}

/// Refuses an evaluation of nothing.
fn check_scored(tally: &Tally, options: &EvaluateOptions) -> Result<()> {
    let counts = Coverage::of(&tally.scored);
    if counts.both > 0 {
        return Ok(());
    }
    let no_predictions = |model_id: &str| Error::NoPredictions {
        model_id: model_id.into(),
        dataset: options.dataset.clone(),
        split: options.split.clone(),
    };
    if counts.samples > counts.without_truth {
        if counts.model == 0 {
            return Err(no_predictions(&options.model_id));
        }
        if counts.baseline == 0 {
            return Err(no_predictions(&options.baseline_id));
        }
    }
    Err(Error::NothingScored {
        dataset: options.dataset.clone(),
        truth: counts.without_truth,
        model: counts.unanswered(),
        baseline: counts.unanswered_by_baseline(),
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
    let stretches: Vec<&[Sample]> = batch
        .chunk_by(|a, b| a.log_id == b.log_id && window(a) == window(b))
        .collect();
    let reads: Vec<Vec<Vec<Sample>>> = stretches
        .chunks(STRETCHES_PER_READ)
        .map(|read| read.iter().map(|stretch| stretch.to_vec()).collect())
        .collect();
    futures::stream::iter(reads)
        .map(|read| {
            score_read(
                lake.clone(),
                read,
                Arc::clone(&model),
                Arc::clone(&baseline),
            )
        })
        .buffered(READS_AT_ONCE)
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

/// Scores stretches of drives with the tracks of one read.
async fn score_read(
    lake: Lake,
    stretches: Vec<Vec<Sample>>,
    model: Arc<Forecaster>,
    baseline: Arc<Forecaster>,
) -> Result<Tally> {
    let tracks = stretches
        .iter()
        .filter_map(|stretch| tracks_filter(stretch));
    let filter = tracks.collect::<Vec<_>>().join(" OR ");
    let rows = lake.read::<ObjectTrack>(Some(&filter)).await?;
    let drives = stretches.iter().filter_map(|stretch| stretch.first());
    let drives = drives.map(|sample| (sample.log_id.clone(), sample.host_log_id.clone()));
    let mut roads = read_roads(&lake, &drives.collect()).await?;
    let task = move || {
        let mut drives: BTreeMap<LogId, Vec<ObjectTrack>> = BTreeMap::new();
        for row in rows {
            drives.entry(row.log_id.clone()).or_default().push(row);
        }
        let scenes: BTreeMap<_, _> = drives
            .into_iter()
            .map(|(log_id, rows)| {
                let road = roads.remove(&log_id).unwrap_or_default();
                (log_id, Scene::from_rows(rows).with_road(road))
            })
            .collect();
        let (mut tally, nothing) = (Tally::default(), Scene::default());
        for stretch in stretches {
            let log_id = stretch.first().map(|sample| &sample.log_id);
            let scene = log_id.and_then(|log_id| scenes.get(log_id));
            tally.extend(score_scene(
                stretch,
                scene.unwrap_or(&nothing),
                &model,
                &baseline,
            ));
        }
        tally
    };
    Ok(tokio::task::spawn_blocking(task).await?)
}

/// The tracks of a stretch, from its first present to the end of the last future; `None` for an empty one.
fn tracks_filter(stretch: &[Sample]) -> Option<String> {
    let (first, last) = (stretch.first()?, stretch.last()?);
    let horizon_ns = STEP_NS * HORIZON_STEPS as i64;
    Some(format!(
        "(log_id = {} AND stamp_ns BETWEEN {} AND {})",
        sql_literal(&first.log_id),
        first.stamp_ns.saturating_sub(STEP_TOLERANCE_NS),
        last.stamp_ns.saturating_add(horizon_ns + STEP_TOLERANCE_NS),
    ))
}
