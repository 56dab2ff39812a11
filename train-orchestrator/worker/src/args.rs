//! The command line. Each flag is also an environment variable of the contract.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serde::Deserialize;
use tch::{Device, Kind};

use crate::numerics::CpuKernels;

/// Trains and predicts with libtorch; normally started by `driveloop train` and `driveloop round`.
#[derive(Debug, Parser)]
#[command(name = "driveloop-worker", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Trains the motion forecaster.
    Train(TrainArgs),
    /// Predicts inputs with the weights of an earlier run.
    Predict(PredictArgs),
    /// Says which libtorch and which devices this machine has, and whether they compute.
    Doctor(DoctorArgs),
}

/// What computes, and where it says how it goes.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, env = "DRIVELOOP_DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// JSON lines are appended here.
    #[arg(long, env = "DRIVELOOP_METRICS")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Folder with `train.arrow` and `validation.arrow`.
    #[arg(long, env = "DRIVELOOP_DATASET_DIR")]
    pub(crate) dataset_dir: PathBuf,
    /// Folder of the checkpoint; the run goes on from the one that lies there.
    #[arg(long, env = "DRIVELOOP_CHECKPOINT_DIR")]
    pub(crate) checkpoint_dir: PathBuf,
    /// Weights to write, in safetensors.
    #[arg(long, env = "DRIVELOOP_MODEL_OUT")]
    pub(crate) model_out: PathBuf,
    /// Weights to start from, in safetensors; random ones without.
    #[arg(long, env = "DRIVELOOP_START_FROM")]
    pub(crate) start_from: Option<PathBuf>,
    /// Seed of the first weights and of the order of the samples.
    #[arg(long, env = "DRIVELOOP_SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Hyperparameters, as JSON.
    #[arg(long, env = "DRIVELOOP_PARAMS", default_value = "{}")]
    pub(crate) params: String,
    /// Steps between checkpoints.
    #[arg(long, env = "DRIVELOOP_CHECKPOINT_EVERY_STEPS", default_value_t = 200)]
    pub(crate) checkpoint_every_steps: u64,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Arrow file of the inputs: what is known of each sample at the present.
    #[arg(long, env = "DRIVELOOP_INPUTS")]
    pub(crate) inputs: PathBuf,
    /// Arrow file to write: `input_id`, `x_m`, `y_m` in the frame of the actor.
    #[arg(long, env = "DRIVELOOP_PREDICTIONS_OUT")]
    pub(crate) predictions_out: PathBuf,
    /// Weights to read, in safetensors.
    #[arg(long, env = "DRIVELOOP_WEIGHTS")]
    pub(crate) weights: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, env = "DRIVELOOP_DEVICE", default_value = "auto")]
    pub(crate) device: String,
}

/// Largest `shuffle_samples`: what a typing error could take, 20 GB.
const SHUFFLE_SAMPLES_MAX: usize = 1 << 23;

/// Floating-point numbers of the layers; weights, loss and optimiser are always in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Precision {
    /// `bf16` on a GPU, `f32` elsewhere.
    Auto,
    /// 32 bits.
    F32,
    /// bfloat16: the range of 32 bits with 8 bits of precision.
    Bf16,
}

impl Precision {
    /// What the layers compute in on a device.
    pub(crate) fn kind(self, device: Device) -> Kind {
        match self {
            Self::Bf16 => Kind::BFloat16,
            Self::Auto if device.is_cuda() => Kind::BFloat16,
            Self::Auto | Self::F32 => Kind::Float,
        }
    }
}

/// Hyperparameters. The defaults train on some ten thousand samples in about a minute on one core.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Params {
    /// Optimiser steps at most.
    pub(crate) steps_max: u64,
    /// Samples of a step.
    pub(crate) batch: usize,
    /// Peak learning rate; it falls to zero along half a cosine.
    pub(crate) learning_rate: f64,
    /// Decoupled weight decay.
    pub(crate) weight_decay: f64,
    /// Width of the hidden layers.
    pub(crate) hidden: i64,
    /// Error in metres from which on the loss is linear.
    pub(crate) huber_m: f64,
    /// Extra weight of the last step of the horizon.
    pub(crate) final_step_weight: f64,
    /// Whether a random half of a batch is mirrored left to right.
    pub(crate) mirror: bool,
    /// Share of the samples whose neighbours and lane are hidden in a step: with few drives, these are learnt by heart.
    pub(crate) context_dropout: f64,
    /// Steps between evaluations on the validation split.
    pub(crate) validate_every_steps: u64,
    /// Evaluations without a better one after which the training ends.
    pub(crate) patience: u64,
    /// Samples that are shuffled together: twice as many are in memory, 1.2 kB each.
    pub(crate) shuffle_samples: usize,
    /// What the layers compute in while training.
    pub(crate) precision: Precision,
    /// Threads of libtorch. The bytes of the weights are a function of it.
    pub(crate) threads: i32,
    /// Which kernels a CPU trains with: `portable` ones give the same bytes on every x86-64 machine.
    pub(crate) cpu_kernels: CpuKernels,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            steps_max: 2000,
            batch: 256,
            learning_rate: 3e-4,
            weight_decay: 1e-2,
            hidden: 64,
            huber_m: 0.1,
            final_step_weight: 0.5,
            mirror: true,
            context_dropout: 0.75,
            validate_every_steps: 25,
            patience: 20,
            shuffle_samples: 65_536,
            precision: Precision::Auto,
            threads: 1,
            cpu_kernels: CpuKernels::Portable,
        }
    }
}

impl Params {
    /// Reads and checks the JSON of the contract.
    pub(crate) fn parse(json: &str) -> anyhow::Result<Self> {
        let params: Self = serde_json::from_str(json)
            .map_err(|error| anyhow::anyhow!("params: {error} in `{json}`"))?;
        let positive = [
            ("steps_max", params.steps_max >= 1),
            ("batch", (1..=65_536).contains(&params.batch)),
            (
                "learning_rate",
                params.learning_rate > 0.0 && params.learning_rate.is_finite(),
            ),
            (
                "weight_decay",
                params.weight_decay >= 0.0 && params.weight_decay.is_finite(),
            ),
            ("hidden", (1..=4096).contains(&params.hidden)),
            (
                "huber_m",
                params.huber_m > 0.0 && params.huber_m.is_finite(),
            ),
            ("final_step_weight", params.final_step_weight >= 0.0),
            (
                "context_dropout",
                (0.0..=1.0).contains(&params.context_dropout),
            ),
            ("validate_every_steps", params.validate_every_steps >= 1),
            (
                "shuffle_samples",
                (1..=SHUFFLE_SAMPLES_MAX).contains(&params.shuffle_samples),
            ),
            ("threads", (1..=256).contains(&params.threads)),
        ];
        for (name, admitted) in positive {
            anyhow::ensure!(admitted, "params: `{name}` is out of its range in `{json}`");
        }
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_impossible_parameter_is_refused() {
        assert_eq!(Params::parse("{}").unwrap().batch, 256);
        assert_eq!(Params::parse(r#"{"batch": 8}"#).unwrap().batch, 8);
        assert!(
            Params::parse(r#"{"bacth": 8}"#)
                .unwrap_err()
                .to_string()
                .contains("bacth")
        );
        assert!(
            Params::parse(r#"{"batch": 0}"#)
                .unwrap_err()
                .to_string()
                .contains("`batch`")
        );
        assert!(Params::parse("[").is_err());
    }

    #[test]
    fn reduced_precision_is_for_the_gpu_unless_it_is_asked_for() {
        let kind = |json: &str, device| Params::parse(json).unwrap().precision.kind(device);
        assert_eq!(kind("{}", Device::Cpu), Kind::Float);
        assert_eq!(kind("{}", Device::Cuda(0)), Kind::BFloat16);
        assert_eq!(
            kind(r#"{"precision": "f32"}"#, Device::Cuda(0)),
            Kind::Float
        );
        assert_eq!(
            kind(r#"{"precision": "bf16"}"#, Device::Cpu),
            Kind::BFloat16
        );
    }
}
