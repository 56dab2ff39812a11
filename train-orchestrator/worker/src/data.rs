//! Samples as tensors, and what training does to them.

use driveloop_schemas::forecast::{HISTORY_CHANNELS, LANE_CHANNELS, NEIGHBOUR_CHANNELS};
use tch::{Device, Tensor};

/// Tensors of some samples; the first dimension is the sample.
pub(crate) struct Batch {
    /// `[n]`.
    pub(crate) weight: Tensor,
    /// `[n, HISTORY_STEPS, HISTORY_CHANNELS]`.
    pub(crate) history: Tensor,
    /// `[n, 1, ACTOR_CHANNELS]`.
    pub(crate) actor: Tensor,
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

impl Batch {
    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.weight.size().first().map_or(0, |n| *n as usize)
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
            actor: self.actor.shallow_clone(),
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
            actor: f(&self.actor),
            neighbours: f(&self.neighbours),
            lane: f(&self.lane),
            future: f(&self.future),
        }
    }
}
