//! Scoring the samples of a stretch of a drive.

use driveloop_schemas::{Prediction, Sample};
use rayon::prelude::*;

use crate::forecaster::{Forecaster, baseline_row};
use crate::metrics::{Scores, score};
use crate::options::Missing;
use crate::slices::Scored;
use crate::truth::{Moment, Scene};

/// What became of some samples.
#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    /// Those with figures of both models.
    pub scored: Vec<Scored>,
    /// The others, by the first reason that applies: prediction of the model, of the baseline, truth.
    pub missing: Missing,
    /// Predictions of the built-in baseline, where it takes part.
    pub built_in: Vec<Prediction>,
}

impl Tally {
    /// Adds what became of others.
    pub fn extend(&mut self, other: Self) {
        self.scored.extend(other.scored);
        self.missing.truth += other.missing.truth;
        self.missing.model += other.missing.model;
        self.missing.baseline += other.missing.baseline;
        self.built_in.extend(other.built_in);
    }
}

/// Scores samples of one drive, which the scene covers with the horizon after them; keeps their order.
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
        match outcome {
            Outcome::Scored { model, baseline } => tally.scored.push(Scored {
                sample,
                model,
                baseline,
            }),
            Outcome::NoModel => tally.missing.model += 1,
            Outcome::NoBaseline => tally.missing.baseline += 1,
            Outcome::NoTruth => tally.missing.truth += 1,
        }
    }
    tally
}

/// What became of a sample.
enum Outcome {
    Scored { model: Scores, baseline: Scores },
    NoModel,
    NoBaseline,
    NoTruth,
}

fn score_sample(
    sample: &Sample,
    moment: &Moment<'_>,
    model: &Forecaster,
    baseline: &Forecaster,
) -> Outcome {
    if !model.covers(&sample.sample_id) {
        return Outcome::NoModel;
    }
    if !baseline.covers(&sample.sample_id) {
        return Outcome::NoBaseline;
    }
    let Some(truth) = moment.truth(&sample.track_id) else {
        return Outcome::NoTruth;
    };
    let scores = |forecaster: &Forecaster| {
        let positions = forecaster.positions(&sample.sample_id, truth.present)?;
        Some(score(&truth, &positions))
    };
    match (scores(model), scores(baseline)) {
        (Some(model), Some(baseline)) => Outcome::Scored { model, baseline },
        // The built-in baseline without the velocity at the present.
        _ => Outcome::NoTruth,
    }
}
