//! What the forecaster minimises, and the errors that people read.

use std::time::Duration;

use tch::{Kind, Reduction, Tensor};

use crate::args::Params;
use crate::data::Batch;
use crate::model::Forecaster;
use crate::prefetch::Prefetch;
use crate::source::Source;

/// Samples evaluated at once.
const EVALUATION_BATCH: usize = 1024;
/// Blocks of a split that are read ahead.
const BLOCKS_AHEAD: usize = 2;

/// Loss of each sample, metres: the mean Huber distance per step, plus that of the last step once more, weighted.
/// Divided by its threshold, the Huber loss is a distance in metres for large errors.
pub(crate) fn sample_loss(predicted: &Tensor, future: &Tensor, params: &Params) -> Tensor {
    let error = predicted.huber_loss(future, Reduction::None, params.huber_m) / params.huber_m;
    let step_m = error.sum_dim_intlist(2, false, Kind::Float);
    let last_m = step_m.select(1, -1);
    step_m.mean_dim(1, false, Kind::Float) + last_m * params.final_step_weight
}

/// Mean over the samples of a batch by their weights.
pub(crate) fn weighted_mean(loss: &Tensor, weight: &Tensor) -> Tensor {
    (loss * weight).sum(Kind::Float) / weight.sum(Kind::Float).clamp_min(1e-6)
}

/// Errors over a split; every sample counts the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evaluation {
    /// Mean of [`sample_loss`].
    pub(crate) loss: f64,
    /// Mean displacement over the horizon.
    pub(crate) ade_m: f64,
    /// Mean displacement at its end.
    pub(crate) fde_m: f64,
}

/// Evaluates a split; `None` where it is empty. Adds to `waited` how long it waited for data.
pub(crate) fn evaluate(
    model: &Forecaster,
    split: &Source,
    params: &Params,
    waited: &mut Duration,
) -> anyhow::Result<Option<Evaluation>> {
    let mut sums = [0.0; 3];
    let mut blocks = Prefetch::spawn(BLOCKS_AHEAD, split.blocks()?)?;
    for block in &mut blocks {
        let block = block?.rows.batch();
        for start in (0..block.len()).step_by(EVALUATION_BATCH) {
            let batch = block.narrow(start, EVALUATION_BATCH.min(block.len() - start));
            let batch = batch.to_device(model.device());
            let chunk = tch::no_grad(|| sums_of(model, &batch, params));
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += value;
            }
        }
    }
    *waited += blocks.waited();
    let samples = split.len();
    let [loss, ade_m, fde_m] = sums.map(|sum| sum / samples as f64);
    Ok((samples > 0).then_some(Evaluation { loss, ade_m, fde_m }))
}

/// The sums over a batch of loss, average and final displacement.
fn sums_of(model: &Forecaster, batch: &Batch, params: &Params) -> [f64; 3] {
    let predicted = model.forward(batch);
    let displacement_m = (&predicted - &batch.future)
        .square()
        .sum_dim_intlist(2, false, Kind::Float)
        .sqrt();
    let figures = [
        sample_loss(&predicted, &batch.future, params),
        displacement_m.mean_dim(1, false, Kind::Float),
        displacement_m.select(1, -1),
    ];
    figures.map(|figure| figure.sum(Kind::Double).double_value(&[]))
}
