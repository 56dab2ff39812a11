//! The order of the samples, and what is mirrored or hidden of them: pure functions of seed and step, so that a checkpoint need not hold them.
//!
//! A file of any size cannot be shuffled in memory. An epoch therefore shuffles its blocks, takes so many of them at a time as
//! hold `shuffle_samples` samples (a window), and shuffles the samples within each window. A file that is smaller than a window is
//! shuffled as a whole.

use std::ops::Range;

use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Separate streams of one seed.
const STREAM_SAMPLES: u64 = 1;
const STREAM_MIRROR: u64 = 2;
const STREAM_CONTEXT: u64 = 3;
const STREAM_BLOCKS: u64 = 4;
/// Windows that an epoch can have without sharing a generator with the next one.
const WINDOWS_MAX: u64 = 1 << 24;

/// A generator for one use, at one position.
pub(crate) fn generator(seed: u64, stream: u64, position: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ position.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    rng.set_stream(stream);
    rng
}

/// Which samples a step sees. An epoch sees every sample once; its last batch may be smaller.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    seed: u64,
    batch: usize,
    shuffle_samples: usize,
    block_samples: Vec<usize>,
}

/// Where a step is in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Passes over the data before it.
    pub(crate) epoch: u64,
    /// Window of the epoch.
    pub(crate) window: usize,
    /// Samples of the window before it.
    pub(crate) offset: usize,
}

impl Order {
    pub(crate) fn new(
        seed: u64,
        batch: usize,
        shuffle_samples: usize,
        block_samples: &[usize],
    ) -> Self {
        Self {
            seed,
            batch,
            shuffle_samples,
            block_samples: block_samples.to_vec(),
        }
    }

    /// Samples of an epoch.
    fn samples(&self) -> usize {
        self.block_samples.iter().sum()
    }

    /// Steps of an epoch.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.samples().div_ceil(self.batch).max(1) as u64
    }

    /// The epoch of a step, both counted from zero.
    pub(crate) fn epoch(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    /// Number of samples of a step.
    pub(crate) fn samples_of_step(&self, step: u64) -> usize {
        self.place(step).len()
    }

    /// Where the first sample of a step is.
    pub(crate) fn position(&self, step: u64) -> Position {
        let epoch = self.epoch(step);
        let mut offset = self.place(step).start;
        let windows = self.windows(epoch);
        let mut window = 0;
        for blocks in &windows {
            let samples = self.samples_of_window(blocks);
            if offset < samples {
                break;
            }
            offset -= samples;
            window += 1;
        }
        Position {
            epoch,
            window,
            offset,
        }
    }

    /// The blocks of each window of an epoch.
    pub(crate) fn windows(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut blocks: Vec<usize> = (0..self.block_samples.len())
            .filter(|block| self.block_samples[*block] > 0)
            .collect();
        blocks.shuffle(&mut generator(self.seed, STREAM_BLOCKS, epoch));
        let (mut windows, mut window, mut samples) = (Vec::new(), Vec::new(), 0);
        for block in blocks {
            window.push(block);
            samples += self.block_samples[block];
            if samples >= self.shuffle_samples {
                windows.push(std::mem::take(&mut window));
                samples = 0;
            }
        }
        windows.extend((!window.is_empty()).then_some(window));
        windows
    }

    /// The order of the samples within a window.
    pub(crate) fn within(&self, epoch: u64, window: usize, samples: usize) -> Vec<u32> {
        let position = epoch.wrapping_mul(WINDOWS_MAX).wrapping_add(window as u64);
        let mut order: Vec<u32> = (0..samples as u32).collect();
        order.shuffle(&mut generator(self.seed, STREAM_SAMPLES, position));
        order
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

    /// The samples of a step among those of its epoch, in the order in which they are seen.
    fn place(&self, step: u64) -> Range<usize> {
        let start = (step % self.steps_per_epoch()) as usize * self.batch;
        start..(start + self.batch).min(self.samples())
    }

    fn samples_of_window(&self, blocks: &[usize]) -> usize {
        blocks.iter().map(|block| self.block_samples[*block]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples of some windows of an epoch, as (block, place in the window).
    fn seen(order: &Order, epoch: u64) -> Vec<(usize, u32)> {
        let windows = order.windows(epoch);
        let samples = windows.iter().enumerate().flat_map(|(window, blocks)| {
            let names: Vec<(usize, u32)> = blocks
                .iter()
                .flat_map(|block| (0..order.block_samples[*block] as u32).map(|i| (*block, i)))
                .collect();
            let within = order.within(epoch, window, names.len());
            within.into_iter().map(move |i| names[i as usize])
        });
        samples.collect()
    }

    #[test]
    fn an_epoch_sees_every_sample_once_and_the_seed_decides_their_order() {
        let blocks = [3, 0, 4, 2, 5];
        let order = Order::new(7, 4, 6, &blocks);
        assert_eq!(order.steps_per_epoch(), 4);
        assert!(order.windows(0).len() >= 2);
        let mut names = seen(&order, 0);
        assert_ne!(names, seen(&order, 1));
        assert_ne!(names, seen(&Order::new(8, 4, 6, &blocks), 0));
        assert_eq!(names, seen(&Order::new(7, 4, 6, &blocks), 0));
        names.sort_unstable();
        let all = blocks.iter().enumerate();
        let all: Vec<_> = all
            .flat_map(|(block, n)| (0..*n as u32).map(move |i| (block, i)))
            .collect();
        assert_eq!(names, all);
    }

    #[test]
    fn a_step_is_found_in_the_middle_of_an_epoch() {
        let order = Order::new(7, 4, 6, &[3, 4, 2, 5]);
        let sizes: Vec<_> = (0..5).map(|step| order.samples_of_step(step)).collect();
        assert_eq!(sizes, [4, 4, 4, 2, 4]);
        for step in 0..8 {
            let position = order.position(step);
            let windows = order.windows(position.epoch);
            let before: usize = windows[..position.window]
                .iter()
                .map(|blocks| order.samples_of_window(blocks))
                .sum();
            assert_eq!(before + position.offset, (step % 4) as usize * 4);
            assert_eq!(position.epoch, step / 4);
        }
    }
}
