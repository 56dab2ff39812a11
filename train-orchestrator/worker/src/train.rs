//! `driveloop-worker train`.

use std::time::Instant;

use anyhow::{Context, ensure};
use tch::{Device, Tensor};

use crate::adam::{Adam, learning_rate};
use crate::args::{Params, TrainArgs};
use crate::checkpoint::{self, Best, Progress};
use crate::data::{Batch, Split};
use crate::loss::{Evaluation, evaluate, sample_loss, weighted_mean};
use crate::metrics::{Line, Metrics};
use crate::model::{Forecaster, Weights, check, write_weights};
use crate::order::Order;
use crate::{device, predict};

/// Steps between lines of the metrics file.
const METRICS_EVERY_STEPS: u64 = 20;

/// Trains, keeps the model with the least validation loss, and predicts the validation and test samples with it.
pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let params = Params::parse(&args.params)?;
    ensure!(
        args.checkpoint_every_steps >= 1,
        "checkpoint_every_steps: expected at least 1"
    );
    let device = device::resolve(&args.common.device)?;
    tch::set_num_threads(params.threads);
    std::fs::create_dir_all(&args.checkpoint_dir)
        .with_context(|| format!("cannot create {}", args.checkpoint_dir.display()))?;

    let [train, validation, test] = read_splits(args, &params)?;
    let mut metrics = Metrics::open(args.common.metrics.as_deref())?;
    let mut run = Run::new(args, &params, device, &train, &validation)?;
    metrics.write(&Line::Start {
        step: run.progress.step,
        device: device::name(device),
        train: train.len(),
        validation: validation.len(),
        test: test.len(),
        weights: run.progress.model.weight_count(),
    })?;
    run.steps(&mut metrics)?;

    let best = run.progress.best;
    write_weights(&best.weights, &args.model_out)?;
    let model = Forecaster::with_weights(best.weights, device);
    predict::write(
        &model,
        &[&validation, &test],
        device,
        &args.common.predictions_out,
    )?;
    metrics.write(&Line::End {
        step: run.progress.step,
        best_step: best.step,
        validation_loss: best.loss,
    })
}

fn read_splits(args: &TrainArgs, params: &Params) -> anyhow::Result<[Split; 3]> {
    let folder = &args.common.dataset_dir;
    let train = Split::read(folder, "train", params.samples_max)?;
    ensure!(
        train.len() > 0,
        "the training split of {} is empty\nhint: freeze a dataset with more drives, or another split",
        folder.display()
    );
    let left = params.samples_max - train.len();
    let validation = Split::read(folder, "validation", left)?;
    let test = Split::read(folder, "test", left.saturating_sub(validation.len()))?;
    Ok([train, validation, test])
}

/// A training run in progress.
struct Run<'a> {
    args: &'a TrainArgs,
    params: &'a Params,
    train: Batch,
    validation: Batch,
    order: Order,
    identity: Vec<u8>,
    progress: Progress,
}

impl<'a> Run<'a> {
    fn new(
        args: &'a TrainArgs,
        params: &'a Params,
        device: Device,
        train: &Split,
        validation: &Split,
    ) -> anyhow::Result<Self> {
        let order = Order::new(args.seed, train.len(), params.batch);
        let ids = [
            train.sample_ids.join("\n"),
            validation.sample_ids.join("\n"),
        ];
        let identity = checkpoint::identity(&[
            format!("{params:?}").as_bytes(),
            &args.seed.to_le_bytes(),
            ids[0].as_bytes(),
            ids[1].as_bytes(),
        ]);
        let validation = validation.batch.to_device(device);
        let progress = match checkpoint::read(&args.checkpoint_dir, &identity, device)? {
            Some(progress) => {
                check(progress.model.weights(), params.hidden)?;
                progress
            }
            None => first_progress(args, params, device, &validation),
        };
        let train = train.batch.to_device(device);
        Ok(Self {
            args,
            params,
            train,
            validation,
            order,
            identity,
            progress,
        })
    }

    /// Steps until the last one, or until the validation loss no longer falls.
    fn steps(&mut self, metrics: &mut Metrics) -> anyhow::Result<()> {
        let mut since = Since::new();
        while !self.is_done() {
            let loss = self.step();
            since.add(loss.0, loss.1);
            let step = self.progress.step;
            let last = step == self.params.steps_max;
            if last || step.is_multiple_of(METRICS_EVERY_STEPS) {
                metrics.write(&since.line(step, self.order.epoch(step - 1), self.rate(step)))?;
                since = Since::new();
            }
            if last || step.is_multiple_of(self.params.validate_every_steps) {
                let evaluation = self.validate();
                metrics.write(&Line::Validation {
                    step,
                    validation_loss: evaluation.map(|e| e.loss),
                    ade_m: evaluation.map(|e| e.ade_m),
                    fde_m: evaluation.map(|e| e.fde_m),
                })?;
            }
            if self.is_done() || step.is_multiple_of(self.args.checkpoint_every_steps) {
                checkpoint::write(&self.args.checkpoint_dir, &self.progress, &self.identity)?;
                metrics.write(&Line::Checkpoint { step })?;
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let progress = &self.progress;
        progress.step >= self.params.steps_max || progress.best.stale >= self.params.patience.max(1)
    }

    fn rate(&self, step: u64) -> f64 {
        learning_rate(self.params.learning_rate, step, self.params.steps_max)
    }

    /// One step of the optimiser: its loss and the number of its samples.
    fn step(&mut self) -> (Tensor, usize) {
        let index = self.progress.step;
        let samples = self.order.batch(index);
        let count = samples.len();
        let mut batch = self.train.select(samples);
        if self.params.mirror {
            batch = batch.mirror(&self.order.mirrored(index, count));
        }
        let dropout = self.params.context_dropout;
        if dropout > 0.0 {
            batch = batch.hide_context(&self.order.context(index, count, dropout));
        }
        let step = index + 1;
        let rate = self.rate(step);
        let progress = &mut self.progress;
        let predicted = progress.model.forward(&batch);
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
        (loss.detach(), count)
    }

    /// Evaluates, and keeps the weights where they are the best so far. Without validation samples the last are kept.
    fn validate(&mut self) -> Option<Evaluation> {
        let progress = &mut self.progress;
        let evaluation = evaluate(&progress.model, &self.validation, self.params);
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
        evaluation
    }
}

/// The state before the first step. The untrained model is the baseline, so what is kept is never worse on validation.
fn first_progress(
    args: &TrainArgs,
    params: &Params,
    device: Device,
    validation: &Batch,
) -> Progress {
    let model = Forecaster::new(params.hidden, args.seed, device);
    let loss = evaluate(&model, validation, params).map(|e| e.loss);
    let adam = Adam::new(model.weights());
    let best = Best {
        weights: copy(model.weights()),
        step: 0,
        loss,
        stale: 0,
    };
    Progress {
        step: 0,
        model,
        adam,
        best,
    }
}

fn copy(weights: &Weights) -> Weights {
    weights
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.detach().copy()))
        .collect()
}

/// What happened since the last line of the metrics file.
struct Since {
    started: Instant,
    loss: Option<Tensor>,
    steps: f64,
    samples: usize,
}

impl Since {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            loss: None,
            steps: 0.0,
            samples: 0,
        }
    }

    fn add(&mut self, loss: Tensor, samples: usize) {
        self.loss = Some(match self.loss.take() {
            Some(sum) => sum + loss,
            None => loss,
        });
        self.steps += 1.0;
        self.samples += samples;
    }

    fn line(&self, step: u64, epoch: u64, learning_rate: f64) -> Line {
        let loss = self
            .loss
            .as_ref()
            .map_or(0.0, |sum| sum.double_value(&[]) / self.steps);
        let elapsed_s = self.started.elapsed().as_secs_f64().max(1e-9);
        Line::Step {
            step,
            epoch,
            loss,
            learning_rate,
            samples_per_s: self.samples as f64 / elapsed_s,
        }
    }
}
