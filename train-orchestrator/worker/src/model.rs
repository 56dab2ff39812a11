//! The motion forecaster.
//!
//! Past and kind of the actor, neighbours and lane are encoded by small networks, the neighbours by one shared network and a maximum over
//! those that are there, so that their order does not matter. The head gives a correction to constant velocity. Its last
//! layer starts at zero, so an untrained forecaster *is* the constant-velocity baseline.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use driveloop_schemas::forecast::{
    ACTOR_CHANNELS, HISTORY_CHANNELS, HISTORY_STEPS, HORIZON_STEPS, LANE_CHANNELS, LANE_POINTS,
    NEIGHBOUR_CHANNELS, STEP_NS,
};
use driveloop_schemas::time::seconds_between;
use rand::Rng;
use tch::{Device, Kind, Tensor};

use crate::data::Batch;
use crate::files::write_atomically;
use crate::order::generator;

/// Typical size of each input channel; what comes in is divided by it.
const HISTORY_SCALE: [f32; HISTORY_CHANNELS] = [20.0, 5.0, 1.0, 1.0, 10.0, 5.0];
const ACTOR_SCALE: [f32; ACTOR_CHANNELS] = [5.0, 2.0, 1.0, 1.0, 1.0];
const NEIGHBOUR_SCALE: [f32; NEIGHBOUR_CHANNELS] =
    [1.0, 20.0, 20.0, 1.0, 1.0, 10.0, 10.0, 5.0, 2.0, 1.0];
const LANE_SCALE: [f32; LANE_CHANNELS] = [1.0, 25.0, 10.0];
/// Correction at the end of the horizon for an output of one; it grows linearly from zero.
const CORRECTION_M: f64 = 5.0;
/// Stream of the random generator that the first weights come from.
const STREAM_WEIGHTS: u64 = 0;
/// The layers: name, inputs and outputs as multiples of the hidden width (`None`: the number alone).
const LAYERS: [(&str, Width, Width); 8] = [
    (
        "history.0",
        Width::Fixed(HISTORY_STEPS * HISTORY_CHANNELS + ACTOR_CHANNELS),
        Width::Hidden(1),
    ),
    ("history.1", Width::Hidden(1), Width::Hidden(1)),
    (
        "neighbour.0",
        Width::Fixed(NEIGHBOUR_CHANNELS),
        Width::Hidden(1),
    ),
    ("neighbour.1", Width::Hidden(1), Width::Hidden(1)),
    (
        "lane.0",
        Width::Fixed(LANE_POINTS * LANE_CHANNELS),
        Width::Hidden(1),
    ),
    ("head.0", Width::Hidden(3), Width::Hidden(1)),
    ("head.1", Width::Hidden(1), Width::Hidden(1)),
    ("head.2", Width::Hidden(1), Width::Fixed(HORIZON_STEPS * 2)),
];
/// The layer that starts at zero.
const LAST_LAYER: &str = "head.2";

#[derive(Clone, Copy)]
enum Width {
    Fixed(usize),
    Hidden(i64),
}

impl Width {
    fn of(self, hidden: i64) -> i64 {
        match self {
            Self::Fixed(width) => width as i64,
            Self::Hidden(times) => times * hidden,
        }
    }
}

/// Weights by name, in the order of their names.
pub(crate) type Weights = BTreeMap<String, Tensor>;

/// The network and its scales on one device.
pub(crate) struct Forecaster {
    weights: Weights,
    history_scale: Tensor,
    actor_scale: Tensor,
    neighbour_scale: Tensor,
    lane_scale: Tensor,
    correction_m: Tensor,
    elapsed_s: Tensor,
}

impl Forecaster {
    /// First weights: uniform within the inverse square root of the fan-in, biases and last layer zero.
    pub(crate) fn new(hidden: i64, seed: u64, device: Device) -> Self {
        let mut rng = generator(seed, STREAM_WEIGHTS, 0);
        let mut weights = Weights::new();
        for (name, inputs, outputs) in LAYERS {
            let (inputs, outputs) = (inputs.of(hidden), outputs.of(hidden));
            let bound = if name == LAST_LAYER {
                0.0
            } else {
                1.0 / (inputs as f32).sqrt()
            };
            let values: Vec<f32> = (0..inputs * outputs)
                .map(|_| bound * (2.0 * rng.random::<f32>() - 1.0))
                .collect();
            weights.insert(
                format!("{name}.weight"),
                Tensor::from_slice(&values).view([outputs, inputs]),
            );
            weights.insert(
                format!("{name}.bias"),
                Tensor::zeros([outputs], (Kind::Float, Device::Cpu)),
            );
        }
        Self::with_weights(weights, device)
    }

    /// Reads the weights of an earlier run; the hidden width comes from their shapes.
    pub(crate) fn read(path: &Path, device: Device) -> anyhow::Result<Self> {
        let tensors = Tensor::read_safetensors(path);
        let weights: Weights = tensors
            .with_context(|| format!("cannot read weights from {}", path.display()))?
            .into_iter()
            .collect();
        let hidden = weights
            .get("history.1.bias")
            .map_or(0, |bias| bias.size().first().copied().unwrap_or(0));
        check(&weights, hidden)
            .with_context(|| format!("{} is not of this forecaster", path.display()))?;
        Ok(Self::with_weights(weights, device))
    }

    /// Takes weights of the right names and shapes.
    pub(crate) fn with_weights(weights: Weights, device: Device) -> Self {
        let weights = weights.into_iter().map(|(name, tensor)| {
            (
                name,
                tensor
                    .to_device(device)
                    .to_kind(Kind::Float)
                    .set_requires_grad(true),
            )
        });
        let step_s = seconds_between(0, STEP_NS) as f32;
        let steps: Vec<f32> = (1..=HORIZON_STEPS).map(|k| k as f32).collect();
        let steps = Tensor::from_slice(&steps)
            .to_device(device)
            .view([1, -1, 1]);
        let scale = |values: &[f32]| Tensor::from_slice(values).to_device(device);
        Self {
            weights: weights.collect(),
            history_scale: scale(&HISTORY_SCALE),
            actor_scale: scale(&ACTOR_SCALE),
            neighbour_scale: scale(&NEIGHBOUR_SCALE),
            lane_scale: scale(&LANE_SCALE),
            correction_m: &steps * (CORRECTION_M / HORIZON_STEPS as f64),
            elapsed_s: steps * f64::from(step_s),
        }
    }

    /// The weights, in the order of their names.
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Where the weights are.
    pub(crate) fn device(&self) -> Device {
        self.elapsed_s.device()
    }

    /// Number of weights.
    pub(crate) fn weight_count(&self) -> u64 {
        self.weights
            .values()
            .map(|tensor| tensor.numel() as u64)
            .sum()
    }

    /// Positions in the frame of the actor, metres: `[n, HORIZON_STEPS, 2]`.
    pub(crate) fn forward(&self, batch: &Batch) -> Tensor {
        self.forward_in(batch, Kind::Float)
    }

    /// The same with layers that compute in another kind of number.
    ///
    /// What autocast does to a linear layer: its input and weights are cast, its output is cast back. (The autocast of `tch`
    /// knows CUDA's default, 16-bit floats of small range, which would need a scaled loss.)
    pub(crate) fn forward_in(&self, batch: &Batch, kind: Kind) -> Tensor {
        let n = batch.history.size()[0];
        let relu = |name: &str, input: &Tensor| self.layer(name, input, kind).relu();
        let history = (&batch.history / &self.history_scale).view([n, -1]);
        let actor = (&batch.actor / &self.actor_scale).view([n, -1]);
        let history = Tensor::cat(&[history, actor], 1);
        let history = relu("history.1", &relu("history.0", &history));
        let lane = relu("lane.0", &(&batch.lane / &self.lane_scale).view([n, -1]));
        let neighbours = &batch.neighbours / &self.neighbour_scale;
        let neighbours = relu("neighbour.1", &relu("neighbour.0", &neighbours));
        // The maximum over the neighbours that are there; zero where none is.
        // Encodings are not negative, so that absent ones as zeros never win against present ones.
        let present = batch.neighbours.narrow(2, 0, 1);
        let neighbours = (neighbours * present).amax(1, false);
        let joined = Tensor::cat(&[history, neighbours, lane], 1);
        let head = relu("head.1", &relu("head.0", &joined));
        let correction = self.layer(LAST_LAYER, &head, kind);
        let correction = correction.view([n, HORIZON_STEPS as i64, 2]);
        self.constant_velocity(batch) + correction * &self.correction_m
    }

    /// The baseline that is corrected: the velocity at the present goes on.
    fn constant_velocity(&self, batch: &Batch) -> Tensor {
        let present = batch.history.narrow(1, HISTORY_STEPS as i64 - 1, 1);
        present.narrow(2, HISTORY_CHANNELS as i64 - 2, 2) * &self.elapsed_s
    }

    fn layer(&self, name: &str, input: &Tensor, kind: Kind) -> Tensor {
        let part = |part: &str| self.weights[&format!("{name}.{part}")].to_kind(kind);
        let output = input
            .to_kind(kind)
            .linear(&part("weight"), Some(&part("bias")));
        output.to_kind(Kind::Float)
    }
}

/// Writes weights as safetensors, whole or not at all. The same weights give the same bytes.
pub(crate) fn write_weights(weights: &Weights, path: &Path) -> anyhow::Result<()> {
    let tensors: Vec<(&String, Tensor)> = weights
        .iter()
        .map(|(name, tensor)| (name, tensor.detach().to_device(Device::Cpu).contiguous()))
        .collect();
    write_atomically(path, |partial| {
        Ok(Tensor::write_safetensors(&tensors, partial)?)
    })
}

/// Whether weights have the names and shapes of this network.
pub(crate) fn check(weights: &Weights, hidden: i64) -> anyhow::Result<()> {
    for (name, inputs, outputs) in LAYERS {
        let (inputs, outputs) = (inputs.of(hidden), outputs.of(hidden));
        for (part, expected) in [("weight", vec![outputs, inputs]), ("bias", vec![outputs])] {
            let tensor = weights.get(&format!("{name}.{part}"));
            let actual = tensor.map(Tensor::size);
            ensure!(
                actual.as_ref() == Some(&expected),
                "weights `{name}.{part}`: expected shape {expected:?}, got {actual:?}"
            );
        }
    }
    Ok(())
}
