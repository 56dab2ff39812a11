//! What the forecaster minimises, and the errors that people read.

use tch::{Kind, Reduction, Tensor};

use crate::args::Params;
use crate::data::Batch;
use crate::model::Forecaster;

/// Samples evaluated at once.
const EVALUATION_BATCH: usize = 1024;

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

/// Evaluates a split; `None` where it is empty.
pub(crate) fn evaluate(model: &Forecaster, split: &Batch, params: &Params) -> Option<Evaluation> {
    let samples = split.weight.size()[0] as usize;
    let mut sums = [0.0; 3];
    for start in (0..samples).step_by(EVALUATION_BATCH) {
        let batch = split.narrow(start, EVALUATION_BATCH.min(samples - start));
        let chunk = tch::no_grad(|| {
            let predicted = model.forward(&batch);
            let displacement_m = (&predicted - &batch.future)
                .square()
                .sum_dim_intlist(2, false, Kind::Float)
                .sqrt();
            [
                sample_loss(&predicted, &batch.future, params)
                    .sum(Kind::Double)
                    .double_value(&[]),
                displacement_m
                    .mean_dim(1, false, Kind::Float)
                    .sum(Kind::Double)
                    .double_value(&[]),
                displacement_m
                    .select(1, -1)
                    .sum(Kind::Double)
                    .double_value(&[]),
            ]
        });
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    let [loss, ade_m, fde_m] = sums.map(|sum| sum / samples as f64);
    (samples > 0).then_some(Evaluation { loss, ade_m, fde_m })
}
