//! Samples as tensors.
//!
//! The files are read batch by batch; what is kept of a sample are its `f32` features (1.2 kB), its name and its pose,
//! bounded by `samples_max`. Tens of thousands of samples are tens of megabytes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, ensure};
use arrow::ipc::reader::FileReader;
use driveloop_schemas::Row;
use driveloop_schemas::forecast::{
    ForecastSample, HISTORY_CHANNELS, HISTORY_STEPS, HORIZON_STEPS, LANE_CHANNELS, LANE_POINTS,
    NEIGHBOUR_CHANNELS, NEIGHBOURS,
};
use driveloop_schemas::pose::Pose;
use tch::{Device, Tensor};

/// The samples of one split.
pub(crate) struct Split {
    /// Their names.
    pub(crate) sample_ids: Vec<String>,
    /// `map_from_actor` at the present.
    pub(crate) map_from_actor: Vec<Pose>,
    /// Their tensors, sample first.
    pub(crate) batch: Batch,
}

/// Tensors of some samples; the first dimension is the sample.
pub(crate) struct Batch {
    /// `[n]`.
    pub(crate) weight: Tensor,
    /// `[n, HISTORY_STEPS, HISTORY_CHANNELS]`.
    pub(crate) history: Tensor,
    /// `[n, NEIGHBOURS, NEIGHBOUR_CHANNELS]`.
    pub(crate) neighbours: Tensor,
    /// `[n, LANE_POINTS, LANE_CHANNELS]`.
    pub(crate) lane: Tensor,
    /// `[n, HORIZON_STEPS, 2]`.
    pub(crate) future: Tensor,
}

/// Sign of each channel in the mirror (y turns round).
const MIRROR_HISTORY: [f32; HISTORY_CHANNELS] = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
const MIRROR_NEIGHBOUR: [f32; NEIGHBOUR_CHANNELS] =
    [1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0];
const MIRROR_LANE: [f32; LANE_CHANNELS] = [1.0, 1.0, -1.0];
const MIRROR_FUTURE: [f32; 2] = [1.0, -1.0];

impl Split {
    /// Reads `<folder>/<name>.arrow`.
    pub(crate) fn read(folder: &Path, name: &str, samples_max: usize) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.arrow"));
        let mut rows = Rows::default();
        rows.read(&path, samples_max)
            .with_context(|| format!("cannot read samples from {}", path.display()))?;
        Ok(rows.into_split())
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.sample_ids.len()
    }
}

impl Batch {
    /// The samples at some indices.
    pub(crate) fn select(&self, indices: &[i64]) -> Self {
        let index = Tensor::from_slice(indices).to_device(self.weight.device());
        self.map(|tensor| tensor.index_select(0, &index))
    }

    /// A run of samples.
    pub(crate) fn narrow(&self, start: usize, length: usize) -> Self {
        self.map(|tensor| tensor.narrow(0, start as i64, length as i64))
    }

    /// On another device.
    pub(crate) fn to_device(&self, device: Device) -> Self {
        self.map(|tensor| tensor.to_device(device))
    }

    /// Mirrors left to right the samples whose entry is one.
    pub(crate) fn mirror(&self, mirrored: &[f32]) -> Self {
        let device = self.weight.device();
        let mask = Tensor::from_slice(mirrored)
            .to_device(device)
            .view([-1, 1, 1]);
        let flip = |tensor: &Tensor, signs: &[f32]| {
            let change = Tensor::from_slice(signs).to_device(device) - 1.0;
            tensor * (&mask * change + 1.0)
        };
        Self {
            weight: self.weight.shallow_clone(),
            history: flip(&self.history, &MIRROR_HISTORY),
            neighbours: flip(&self.neighbours, &MIRROR_NEIGHBOUR),
            lane: flip(&self.lane, &MIRROR_LANE),
            future: flip(&self.future, &MIRROR_FUTURE),
        }
    }

    /// Hides neighbours and lane of the samples whose entry is zero.
    pub(crate) fn hide_context(&self, shown: &[f32]) -> Self {
        let shown = Tensor::from_slice(shown)
            .to_device(self.weight.device())
            .view([-1, 1, 1]);
        Self {
            neighbours: &self.neighbours * &shown,
            lane: &self.lane * &shown,
            ..self.map(Tensor::shallow_clone)
        }
    }

    fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            weight: f(&self.weight),
            history: f(&self.history),
            neighbours: f(&self.neighbours),
            lane: f(&self.lane),
            future: f(&self.future),
        }
    }
}

/// Rows as flat columns, as they come from the file.
#[derive(Default)]
struct Rows {
    sample_ids: Vec<String>,
    map_from_actor: Vec<Pose>,
    weight: Vec<f32>,
    history: Vec<f32>,
    neighbours: Vec<f32>,
    lane: Vec<f32>,
    future: Vec<f32>,
}

impl Rows {
    fn read(&mut self, path: &Path, samples_max: usize) -> anyhow::Result<()> {
        let reader = FileReader::try_new(BufReader::new(File::open(path)?), None)?;
        for batch in reader {
            let samples = ForecastSample::from_batch(&batch?)?;
            let total = self.sample_ids.len() + samples.len();
            ensure!(
                total <= samples_max,
                "expected at most {samples_max} samples (`samples_max`), got more"
            );
            for sample in samples {
                self.push(sample)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, sample: ForecastSample) -> anyhow::Result<()> {
        let columns = [
            (
                "history",
                &mut self.history,
                &sample.history,
                HISTORY_STEPS * HISTORY_CHANNELS,
            ),
            (
                "neighbours",
                &mut self.neighbours,
                &sample.neighbours,
                NEIGHBOURS * NEIGHBOUR_CHANNELS,
            ),
            (
                "lane",
                &mut self.lane,
                &sample.lane,
                LANE_POINTS * LANE_CHANNELS,
            ),
            (
                "future",
                &mut self.future,
                &sample.future,
                HORIZON_STEPS * 2,
            ),
        ];
        for (name, column, values, expected) in columns {
            let actual = values.len();
            ensure!(
                actual == expected,
                "sample `{}`: `{name}`: expected {expected} values, got {actual}",
                sample.sample_id
            );
            ensure!(
                values.iter().all(|value| value.is_finite()),
                "sample `{}`: `{name}`: expected finite values",
                sample.sample_id
            );
            column.extend_from_slice(values);
        }
        ensure!(
            sample.weight.is_finite() && sample.weight >= 0.0,
            "sample `{}`: expected a weight of zero or more, got {}",
            sample.sample_id,
            sample.weight
        );
        self.weight.push(sample.weight as f32);
        self.map_from_actor.push(Pose::planar(
            sample.anchor_x_m,
            sample.anchor_y_m,
            sample.anchor_yaw_rad,
        ));
        self.sample_ids.push(sample.sample_id);
        Ok(())
    }

    fn into_split(self) -> Split {
        let n = self.sample_ids.len() as i64;
        let shaped = |values: &[f32], rows: usize, columns: usize| {
            Tensor::from_slice(values).view([n, rows as i64, columns as i64])
        };
        let batch = Batch {
            weight: Tensor::from_slice(&self.weight),
            history: shaped(&self.history, HISTORY_STEPS, HISTORY_CHANNELS),
            neighbours: shaped(&self.neighbours, NEIGHBOURS, NEIGHBOUR_CHANNELS),
            lane: shaped(&self.lane, LANE_POINTS, LANE_CHANNELS),
            future: shaped(&self.future, HORIZON_STEPS, 2),
        };
        Split {
            sample_ids: self.sample_ids,
            map_from_actor: self.map_from_actor,
            batch,
        }
    }
}
