//! The order of the samples, and what is mirrored or hidden of them: pure functions of seed and step, so that a checkpoint need not hold them.

use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Separate streams of one seed.
const STREAM_ORDER: u64 = 1;
const STREAM_MIRROR: u64 = 2;
const STREAM_CONTEXT: u64 = 3;

/// A generator for one use, at one position.
pub(crate) fn generator(seed: u64, stream: u64, position: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ position.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    rng.set_stream(stream);
    rng
}

/// Which samples a step sees. An epoch is a permutation of all samples; its last batch may be smaller.
pub(crate) struct Order {
    seed: u64,
    batch: usize,
    epoch: u64,
    permutation: Vec<i64>,
}

impl Order {
    pub(crate) fn new(seed: u64, samples: usize, batch: usize) -> Self {
        let mut order = Self {
            seed,
            batch,
            epoch: 0,
            permutation: (0..samples as i64).collect(),
        };
        order.shuffle(0);
        order
    }

    /// Steps of an epoch.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.permutation.len().div_ceil(self.batch).max(1) as u64
    }

    /// The epoch of a step, both counted from zero.
    pub(crate) fn epoch(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    /// Indices of the samples of a step, counted from zero.
    pub(crate) fn batch(&mut self, step: u64) -> &[i64] {
        let epoch = self.epoch(step);
        if epoch != self.epoch {
            self.shuffle(epoch);
        }
        let start = (step % self.steps_per_epoch()) as usize * self.batch;
        let end = (start + self.batch).min(self.permutation.len());
        &self.permutation[start..end]
    }

    /// One for each sample of a step that is mirrored, zero for the others.
    pub(crate) fn mirrored(&self, step: u64, samples: usize) -> Vec<f32> {
        let mut rng = generator(self.seed, STREAM_MIRROR, step);
        (0..samples)
            .map(|_| if rng.next_u32() & 1 == 1 { 1.0 } else { 0.0 })
            .collect()
    }

    /// Zero for each sample of a step whose surroundings are hidden, one for the others.
    pub(crate) fn context(&self, step: u64, samples: usize, dropout: f64) -> Vec<f32> {
        let mut rng = generator(self.seed, STREAM_CONTEXT, step);
        (0..samples)
            .map(|_| {
                if rng.random::<f64>() < dropout {
                    0.0
                } else {
                    1.0
                }
            })
            .collect()
    }

    fn shuffle(&mut self, epoch: u64) {
        self.permutation.sort_unstable();
        self.permutation
            .shuffle(&mut generator(self.seed, STREAM_ORDER, epoch));
        self.epoch = epoch;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_every_sample_once_and_no_step_depends_on_the_steps_before() {
        let mut order = Order::new(7, 10, 4);
        assert_eq!(order.steps_per_epoch(), 3);
        let mut seen: Vec<i64> = (3..6).flat_map(|step| order.batch(step).to_vec()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        let fifth = order.batch(5).to_vec();
        assert_eq!(Order::new(7, 10, 4).batch(5), fifth);
        assert_ne!(Order::new(8, 10, 4).batch(3), Order::new(7, 10, 4).batch(3));
    }
}
