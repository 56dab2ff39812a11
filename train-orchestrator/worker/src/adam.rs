//! Adam with decoupled weight decay (Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2).
//!
//! libtorch has one, but its moments cannot be read through `tch`, and a resumed run needs them.

use tch::Tensor;

use crate::model::Weights;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// Steps over which the learning rate rises linearly.
const WARMUP_STEPS: u64 = 20;

/// First and second moment of each gradient.
pub(crate) struct Adam {
    pub(crate) first: Weights,
    pub(crate) second: Weights,
}

impl Adam {
    pub(crate) fn new(weights: &Weights) -> Self {
        let zeros = || {
            weights
                .iter()
                .map(|(name, tensor)| (name.clone(), tensor.detach().zeros_like()))
                .collect()
        };
        Self {
            first: zeros(),
            second: zeros(),
        }
    }

    /// One step down the loss; `step` counts from one.
    pub(crate) fn step(
        &mut self,
        weights: &Weights,
        loss: &Tensor,
        step: u64,
        rate: f64,
        weight_decay: f64,
    ) {
        let parameters: Vec<&Tensor> = weights.values().collect();
        let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        let (bias_1, bias_2) = (1.0 - BETA_1.powi(power), 1.0 - BETA_2.powi(power));
        let moments = self.first.values_mut().zip(self.second.values_mut());
        tch::no_grad(|| {
            for ((parameter, gradient), (first, second)) in
                parameters.iter().zip(&gradients).zip(moments)
            {
                let mut parameter = parameter.shallow_clone();
                *first = &*first * BETA_1 + gradient * (1.0 - BETA_1);
                *second = &*second * BETA_2 + gradient.square() * (1.0 - BETA_2);
                let change = (&*first / bias_1) / ((&*second / bias_2).sqrt() + EPSILON);
                let _ = parameter.g_mul_scalar_(1.0 - rate * weight_decay);
                let _ = parameter.g_sub_(&(change * rate));
            }
        });
    }
}

/// The learning rate of a step (from one): a short rise, then half a cosine down to zero.
pub(crate) fn learning_rate(peak: f64, step: u64, steps_max: u64) -> f64 {
    let progress = step.min(steps_max) as f64 / steps_max as f64;
    let warmup = (step as f64 / WARMUP_STEPS as f64).min(1.0);
    peak * warmup * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first step of Adam has the size of the rate, whatever the gradient; an independent derivation.
    #[test]
    fn the_first_step_is_as_long_as_the_rate() {
        let weight = Tensor::from_slice(&[1.0f32, -2.0]).set_requires_grad(true);
        let weights: Weights = [("w".to_owned(), weight)].into();
        let mut adam = Adam::new(&weights);
        let loss = (&weights["w"] * Tensor::from_slice(&[3.0f32, -0.01])).sum(tch::Kind::Float);
        adam.step(&weights, &loss, 1, 0.1, 0.0);
        let values = Vec::<f32>::try_from(weights["w"].detach()).unwrap();
        assert!(
            (values[0] - 0.9).abs() < 1e-4 && (values[1] + 1.9).abs() < 1e-4,
            "{values:?}"
        );
    }

    #[test]
    fn the_rate_rises_and_falls() {
        assert!(learning_rate(1.0, 1, 100) < learning_rate(1.0, 20, 100));
        assert!(learning_rate(1.0, 100, 100).abs() < 1e-12);
    }
}
