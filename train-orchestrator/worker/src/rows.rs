//! The features of samples in host memory, row after row.

use anyhow::{Context, ensure};
use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::Float32Type;
use arrow::record_batch::RecordBatch;
use driveloop_schemas::forecast::{
    ACTOR_CHANNELS, HISTORY_CHANNELS, HISTORY_STEPS, HORIZON_STEPS, LANE_CHANNELS, LANE_POINTS,
    NEIGHBOUR_CHANNELS, NEIGHBOURS,
};
use tch::Tensor;

use crate::data::Batch;
use crate::source::{Holds, ids, numbers};

/// The features of a sample: column, rows and columns of its tensor. The order is that of [`Batch`]. The last one is what is to be
/// predicted.
const FEATURES: [(&str, usize, usize); 5] = [
    ("history", HISTORY_STEPS, HISTORY_CHANNELS),
    ("actor", 1, ACTOR_CHANNELS),
    ("neighbours", NEIGHBOURS, NEIGHBOUR_CHANNELS),
    ("lane", LANE_POINTS, LANE_CHANNELS),
    (FUTURE, HORIZON_STEPS, 2),
];
/// The column that inputs lack.
const FUTURE: &str = "future";

/// Weights and features of some samples.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    weight: Vec<f32>,
    features: [Vec<f32>; 5],
}

impl Rows {
    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.weight.len()
    }

    /// Appends the samples of a batch of the file; refuses lists of another length and values that are no numbers. Of inputs, the
    /// future and the weight are unknown: zeros stand in their place.
    pub(crate) fn append(&mut self, batch: &RecordBatch, holds: Holds) -> anyhow::Result<()> {
        let sample = |row: usize| {
            let ids = ids(batch, holds).unwrap_or_default();
            ids.into_iter().nth(row).unwrap_or_default()
        };
        let columns = FEATURES.iter().zip(&mut self.features);
        for ((name, steps, channels), column) in columns {
            if holds == Holds::Inputs && *name == FUTURE {
                let length = column.len() + steps * channels * batch.num_rows();
                column.resize(length, 0.0);
                continue;
            }
            let values = lists(batch, name, steps * channels, &sample)?;
            column.extend_from_slice(values);
        }
        if holds == Holds::Inputs {
            self.weight
                .resize(self.weight.len() + batch.num_rows(), 0.0);
            return Ok(());
        }
        for (row, weight) in numbers(batch, "weight")?.iter().enumerate() {
            ensure!(
                *weight >= 0.0,
                "sample `{}`: expected a weight of zero or more, got {weight}",
                sample(row)
            );
            self.weight.push(*weight as f32);
        }
        Ok(())
    }

    /// Appends the samples of another at some places.
    pub(crate) fn extend_from(&mut self, other: &Self, places: &[u32]) {
        for &place in places {
            let place = place as usize;
            self.weight.push(other.weight[place]);
            let columns = self.features.iter_mut().zip(&other.features);
            for ((_, steps, channels), (column, from)) in FEATURES.iter().zip(columns) {
                let width = steps * channels;
                column.extend_from_slice(&from[place * width..(place + 1) * width]);
            }
        }
    }

    /// The samples as tensors on the CPU.
    pub(crate) fn batch(&self) -> Batch {
        let samples = self.len() as i64;
        let [history, actor, neighbours, lane, future] = std::array::from_fn(|index| {
            let (_, steps, channels) = FEATURES[index];
            let shape = [samples, steps as i64, channels as i64];
            Tensor::from_slice(&self.features[index]).view(shape)
        });
        Batch {
            weight: Tensor::from_slice(&self.weight),
            history,
            actor,
            neighbours,
            lane,
            future,
        }
    }
}

/// The values of a column of lists, each of the same length, end to end.
fn lists<'a>(
    batch: &'a RecordBatch,
    name: &str,
    width: usize,
    sample: &impl Fn(usize) -> String,
) -> anyhow::Result<&'a [f32]> {
    let column = batch
        .column_by_name(name)
        .with_context(|| format!("column `{name}` is missing"))?;
    let lists = column
        .as_list_opt::<i32>()
        .filter(|lists| lists.null_count() == 0)
        .with_context(|| format!("column `{name}`: expected lists"))?;
    let offsets = lists.value_offsets();
    for (row, ends) in offsets.windows(2).enumerate() {
        let actual = (ends[1] - ends[0]) as usize;
        ensure!(
            actual == width,
            "sample `{}`: `{name}`: expected {width} values, got {actual}",
            sample(row)
        );
    }
    let values = lists
        .values()
        .as_primitive_opt::<Float32Type>()
        .filter(|values| values.null_count() == 0)
        .with_context(|| format!("column `{name}`: expected 32-bit floats"))?;
    let first = offsets.first().map_or(0, |offset| *offset as usize);
    let values = &values.values()[first..first + width * lists.len()];
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        anyhow::bail!(
            "sample `{}`: `{name}`: expected finite values",
            sample(place / width)
        );
    }
    Ok(values)
}
