//! Where predictions come from: rows of the lake, or the built-in baseline.

use std::borrow::Cow;
use std::collections::BTreeMap;

use driveloop_schemas::forecast::{HORIZON_STEPS, constant_velocity};
use driveloop_schemas::{Prediction, Sample, SampleId};

use crate::error::{Error, Result};
use crate::truth::{Moment, State};

/// The built-in baseline: every actor keeps its present velocity.
pub const CONSTANT_VELOCITY: &str = "constant-velocity";

/// Predictions of one model: positions in the map frame, one per step of the horizon.
#[derive(Debug)]
pub enum Forecaster {
    /// From the velocity at the present.
    ConstantVelocity,
    /// From rows of `prediction`, by sample.
    Stored(BTreeMap<SampleId, Vec<[f64; 2]>>),
}

impl Forecaster {
    /// The rows of one model and dataset.
    ///
    /// # Errors
    /// When a row has more or fewer positions than the horizon has steps.
    pub fn from_rows(rows: Vec<Prediction>) -> Result<Self> {
        let checked = rows.into_iter().map(|row| {
            let actual = row.x_m.len();
            if actual != HORIZON_STEPS || row.y_m.len() != actual {
                let Prediction {
                    model_id,
                    sample_id,
                    ..
                } = row;
                let actual = if actual == HORIZON_STEPS {
                    row.y_m.len()
                } else {
                    actual
                };
                return Err(Error::PredictionShape {
                    model_id,
                    sample_id,
                    expected: HORIZON_STEPS,
                    actual,
                });
            }
            let positions = row
                .x_m
                .into_iter()
                .zip(row.y_m)
                .map(|(x_m, y_m)| [x_m, y_m])
                .collect();
            Ok((row.sample_id, positions))
        });
        Ok(Self::Stored(checked.collect::<Result<_>>()?))
    }

    /// The prediction for a sample; `None` where there is none, or the built-in baseline knows no velocity.
    #[must_use]
    pub fn positions(&self, sample_id: &str, present: &State) -> Option<Cow<'_, [[f64; 2]]>> {
        match self {
            Self::ConstantVelocity => constant_velocity_from(present).map(Cow::Owned),
            Self::Stored(positions) => positions
                .get(sample_id)
                .map(|p| Cow::Borrowed(p.as_slice())),
        }
    }
}

/// The row of the built-in baseline for a sample; `None` where the actor's velocity at the present is unknown.
pub(crate) fn baseline_row(sample: &Sample, moment: &Moment<'_>) -> Option<Prediction> {
    let positions = constant_velocity_from(moment.present(&sample.track_id)?)?;
    Some(Prediction {
        model_id: CONSTANT_VELOCITY.into(),
        dataset: sample.dataset.clone(),
        sample_id: sample.sample_id.clone(),
        x_m: positions.iter().map(|p| p[0]).collect(),
        y_m: positions.iter().map(|p| p[1]).collect(),
    })
}

fn constant_velocity_from(present: &State) -> Option<Vec<[f64; 2]>> {
    let [vx_mps, vy_mps] = present.velocity_mps?;
    let (x_m, y_m) = (present.footprint.x_m, present.footprint.y_m);
    Some(
        constant_velocity(vx_mps, vy_mps)
            .into_iter()
            .map(|[dx, dy]| [x_m + dx, y_m + dy])
            .collect(),
    )
}
