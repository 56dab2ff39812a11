//! Scoring the samples of a stretch of a drive.

use driveloop_schemas::{Prediction, Sample};
use rayon::prelude::*;

use crate::forecaster::{Forecaster, baseline_row};
use crate::metrics::{Scores, score};
use crate::slices::Scored;
use crate::truth::{Moment, Scene};

/// What became of some samples.
#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    /// Each of them, with the figures of those who answered.
    pub scored: Vec<Scored>,
    /// Predictions of the built-in baseline, where it takes part.
    pub built_in: Vec<Prediction>,
}

impl Tally {
    /// Adds what became of others.
    pub fn extend(&mut self, other: Self) {
        self.scored.extend(other.scored);
        self.built_in.extend(other.built_in);
    }
}

/// Scores samples of one drive, which the scene covers with the horizon after them; keeps their order. What one model answered
/// has no influence on the figures of the other.
#[must_use]
pub fn score_scene(
    samples: Vec<Sample>,
    scene: &Scene,
    model: &Forecaster,
    baseline: &Forecaster,
) -> Tally {
    let is_built_in = [model, baseline]
        .iter()
        .any(|f| matches!(f, Forecaster::ConstantVelocity));
    let presents: Vec<&[Sample]> = samples.chunk_by(|a, b| a.stamp_ns == b.stamp_ns).collect();
    let outcomes: Vec<_> = presents
        .into_par_iter()
        .flat_map_iter(|present| {
            let moment = scene.moment(present[0].stamp_ns);
            let outcome = |sample: &Sample| {
                let row = is_built_in.then(|| baseline_row(sample, &moment)).flatten();
                (score_sample(sample, &moment, model, baseline), row)
            };
            present.iter().map(outcome).collect::<Vec<_>>()
        })
        .collect();
    let mut tally = Tally::default();
    for (sample, (outcome, row)) in samples.into_iter().zip(outcomes) {
        tally.built_in.extend(row);
        tally.scored.push(Scored {
            sample,
            has_truth: outcome.has_truth,
            model: outcome.model,
            baseline: outcome.baseline,
        });
    }
    tally
}

/// What became of a sample.
struct Outcome {
    has_truth: bool,
    model: Option<Scores>,
    baseline: Option<Scores>,
}

fn score_sample(
    sample: &Sample,
    moment: &Moment<'_>,
    model: &Forecaster,
    baseline: &Forecaster,
) -> Outcome {
    let truth = moment.truth(&sample.track_id);
    let scores = |forecaster: &Forecaster| {
        let truth = truth.as_ref()?;
        let positions = forecaster.positions(&sample.sample_id, truth.present)?;
        Some(score(truth, &positions))
    };
    Outcome {
        has_truth: truth.is_some(),
        model: scores(model),
        baseline: scores(baseline),
    }
}
