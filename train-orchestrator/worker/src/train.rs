//! `driveloop-worker train`.

use std::time::Duration;

use anyhow::{Context, ensure};
use tch::{Device, Tensor};

use crate::adam::{Adam, learning_rate};
use crate::args::{Params, TrainArgs};
use crate::checkpoint::{self, Best, Progress};
use crate::data::Batch;
use crate::loss::{Evaluation, evaluate, sample_loss, weighted_mean};
use crate::metrics::{Line, Metrics, Rate, memory_peak_mb};
use crate::model::{Forecaster, Weights, check, write_weights};
use crate::order::Order;
use crate::prefetch::Prefetch;
use crate::source::Source;
use crate::{device, loader, numerics, stop};

/// Steps between lines of the metrics file.
const METRICS_EVERY_STEPS: u64 = 20;

/// Trains, and keeps the model with the least validation loss.
pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let params = Params::parse(&args.params)?;
    numerics::fix(params.cpu_kernels)?;
    ensure!(
        args.checkpoint_every_steps >= 1,
        "checkpoint_every_steps: expected at least 1"
    );
    stop::listen();
    let device = device::resolve(&args.common.device)?;
    tch::set_num_threads(params.threads);
    std::fs::create_dir_all(&args.checkpoint_dir)
        .with_context(|| format!("cannot create {}", args.checkpoint_dir.display()))?;

    let [train, validation] = open_splits(args)?;
    let mut metrics = Metrics::open(args.common.metrics.as_deref())?;
    let mut run = Run::new(args, &params, device, &train, &validation)?;
    metrics.write(&Line::Start {
        step: run.progress.step,
        device: device::name(device),
        train: train.len(),
        validation: validation.len(),
        inputs: 0,
        weights: run.progress.model.weight_count(),
    })?;
    run.steps(&mut metrics)?;

    let (samples_per_s, data_wait) = (run.rate.samples_per_s(), run.rate.data_wait());
    let best = run.progress.best;
    write_weights(&best.weights, &args.model_out)?;
    metrics.write(&Line::End {
        step: run.progress.step,
        best_step: best.step,
        validation_loss: best.loss,
        samples_per_s,
        data_wait,
        memory_peak_mb: memory_peak_mb(),
    })
}

fn open_splits(args: &TrainArgs) -> anyhow::Result<[Source; 2]> {
    let folder = &args.dataset_dir;
    let open = |split: &str| Source::open(folder, split);
    let [train, validation] = [open("train")?, open("validation")?];
    ensure!(
        train.len() > 0,
        "the training split of {} is empty\nhint: freeze a dataset with more drives, or another split",
        folder.display()
    );
    Ok([train, validation])
}

/// A digest of all that must be the same for a run to go on. Of the samples these are the manifest of the export and the shape of the
/// files: reading all of them to start again would take longer than what was lost.
fn identity(
    args: &TrainArgs,
    params: &Params,
    train: &Source,
    validation: &Source,
) -> anyhow::Result<Vec<u8>> {
    let path = args.dataset_dir.join("manifest.json");
    let manifest = std::fs::read(&path)
        .with_context(|| format!("cannot read the manifest {}", path.display()))?;
    let start = match &args.start_from {
        Some(path) => std::fs::read(path)
            .with_context(|| format!("cannot read the weights {}", path.display()))?,
        None => Vec::new(),
    };
    Ok(checkpoint::identity(&[
        &start,
        format!("{params:?}").as_bytes(),
        &args.seed.to_le_bytes(),
        &manifest,
        train.identity().as_bytes(),
        validation.identity().as_bytes(),
    ]))
}

/// A training run in progress.
struct Run<'a> {
    args: &'a TrainArgs,
    params: &'a Params,
    validation: &'a Source,
    order: Order,
    batches: Prefetch<anyhow::Result<Batch>>,
    identity: Vec<u8>,
    progress: Progress,
    /// Of this attempt.
    rate: Rate,
    /// Waiting for the validation split since the last step.
    waited: Duration,
}

impl<'a> Run<'a> {
    fn new(
        args: &'a TrainArgs,
        params: &'a Params,
        device: Device,
        train: &Source,
        validation: &'a Source,
    ) -> anyhow::Result<Self> {
        let identity = identity(args, params, train, validation)?;
        let progress = match checkpoint::read(&args.checkpoint_dir, &identity, device)? {
            Some(progress) => {
                check(progress.model.weights(), params.hidden)?;
                progress
            }
            None => first_progress(args, params, device, validation)?,
        };
        let blocks = train.block_samples();
        let order = Order::new(args.seed, params.batch, params.shuffle_samples, blocks);
        Ok(Self {
            args,
            params,
            validation,
            batches: loader::batches(train, &order, params, progress.step)?,
            order,
            identity,
            progress,
            rate: Rate::start(),
            waited: Duration::ZERO,
        })
    }

    /// Steps until the last one, or until the validation loss no longer falls.
    fn steps(&mut self, metrics: &mut Metrics) -> anyhow::Result<()> {
        let mut since = Since::new();
        while !self.is_done() {
            let (loss, samples, waited) = self.step()?;
            self.rate.add(samples, waited);
            since.add(loss, samples, waited);
            let step = self.progress.step;
            let last = step == self.params.steps_max;
            if last || step.is_multiple_of(METRICS_EVERY_STEPS) {
                let loss = since.loss();
                ensure!(
                    loss.is_finite(),
                    "the loss is no longer a number after step {step}\nhint: a smaller learning_rate may help"
                );
                metrics.write(&Line::Step {
                    step,
                    epoch: self.order.epoch(step - 1),
                    loss,
                    learning_rate: self.learning_rate(step),
                    samples_per_s: since.rate.samples_per_s(),
                    data_wait: since.rate.data_wait(),
                })?;
                since = Since::new();
            }
            if last || step.is_multiple_of(self.params.validate_every_steps) {
                let evaluation = self.validate()?;
                metrics.write(&Line::Validation {
                    step,
                    validation_loss: evaluation.map(|e| e.loss),
                    ade_m: evaluation.map(|e| e.ade_m),
                    fde_m: evaluation.map(|e| e.fde_m),
                })?;
            }
            let is_last = stop::is_asked() && !self.is_done();
            let is_due = step.is_multiple_of(self.args.checkpoint_every_steps);
            if self.is_done() || is_due || is_last {
                checkpoint::write(&self.args.checkpoint_dir, &self.progress, &self.identity)?;
                metrics.write(&Line::Checkpoint { step })?;
            }
            if is_last {
                stop::end();
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let progress = &self.progress;
        progress.step >= self.params.steps_max || progress.best.stale >= self.params.patience.max(1)
    }

    fn learning_rate(&self, step: u64) -> f64 {
        learning_rate(self.params.learning_rate, step, self.params.steps_max)
    }

    /// One step of the optimiser: its loss, the number of its samples, and how long it and the evaluation before it waited for
    /// data.
    fn step(&mut self) -> anyhow::Result<(Tensor, usize, Duration)> {
        let before = self.batches.waited();
        let batch = self.batches.next().context("the data ended early")??;
        let waited = self.batches.waited().saturating_sub(before);
        let waited = waited + std::mem::take(&mut self.waited);
        let step = self.progress.step + 1;
        let rate = self.learning_rate(step);
        let progress = &mut self.progress;
        let device = progress.model.device();
        let batch = batch.to_device(device);
        let kind = self.params.precision.kind(device);
        let predicted = progress.model.forward_in(&batch, kind);
        let loss = weighted_mean(
            &sample_loss(&predicted, &batch.future, self.params),
            &batch.weight,
        );
        progress.adam.step(
            progress.model.weights(),
            &loss,
            step,
            rate,
            self.params.weight_decay,
        );
        progress.step = step;
        Ok((loss.detach(), batch.len(), waited))
    }

    /// Evaluates, and keeps the weights where they are the best so far. Without validation samples the last are kept.
    fn validate(&mut self) -> anyhow::Result<Option<Evaluation>> {
        let progress = &mut self.progress;
        let evaluation = evaluate(
            &progress.model,
            self.validation,
            self.params,
            &mut self.waited,
        )?;
        let loss = evaluation.map(|e| e.loss);
        let better = match (loss, progress.best.loss) {
            (Some(new), Some(old)) => new < old,
            _ => true,
        };
        if better {
            let weights = copy(progress.model.weights());
            progress.best = Best {
                weights,
                step: progress.step,
                loss,
                stale: 0,
            };
        } else {
            progress.best.stale += 1;
        }
        Ok(evaluation)
    }
}

/// The state before the first step. What is kept is never worse on validation than what it starts from: the untrained model is
/// the constant-velocity baseline.
fn first_progress(
    args: &TrainArgs,
    params: &Params,
    device: Device,
    validation: &Source,
) -> anyhow::Result<Progress> {
    let model = match &args.start_from {
        Some(path) => {
            let model = Forecaster::read(path, device)?;
            check(model.weights(), params.hidden)
                .with_context(|| format!("the weights to start from, {}", path.display()))?;
            model
        }
        None => Forecaster::new(params.hidden, args.seed, device),
    };
    let mut waited = Duration::ZERO;
    let evaluation = evaluate(&model, validation, params, &mut waited)?;
    let loss = evaluation.map(|e| e.loss);
    let adam = Adam::new(model.weights());
    let best = Best {
        weights: copy(model.weights()),
        step: 0,
        loss,
        stale: 0,
    };
    Ok(Progress {
        step: 0,
        model,
        adam,
        best,
    })
}

fn copy(weights: &Weights) -> Weights {
    weights
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.detach().copy()))
        .collect()
}

/// What happened since the last line of the metrics file.
struct Since {
    rate: Rate,
    loss: Option<Tensor>,
    steps: f64,
}

impl Since {
    fn new() -> Self {
        Self {
            rate: Rate::start(),
            loss: None,
            steps: 0.0,
        }
    }

    fn add(&mut self, loss: Tensor, samples: usize, waited: Duration) {
        self.loss = Some(match self.loss.take() {
            Some(sum) => sum + loss,
            None => loss,
        });
        self.steps += 1.0;
        self.rate.add(samples, waited);
    }

    /// The mean over the steps.
    fn loss(&self) -> f64 {
        let sum = self.loss.as_ref();
        sum.map_or(0.0, |sum| sum.double_value(&[]) / self.steps)
    }
}
