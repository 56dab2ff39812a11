//! The batches of a training run, read and put together ahead of it.
//!
//! Two threads work ahead: one reads the next window of blocks, the other draws batches from the present one. In memory are at
//! most the window that is drawn from, the one that is read, and a few batches, however large the file is.

use anyhow::Context;

use crate::args::Params;
use crate::data::Batch;
use crate::order::Order;
use crate::prefetch::Prefetch;
use crate::rows::Rows;
use crate::source::{Source, SourceReader};

/// Batches that are made ahead of the step that takes them.
const BATCHES_AHEAD: usize = 4;

/// Batches from a step on, without end, on the CPU; after an error nothing comes.
pub(crate) fn batches(
    source: &Source,
    order: &Order,
    params: &Params,
    from_step: u64,
) -> anyhow::Result<Prefetch<anyhow::Result<Batch>>> {
    let position = order.position(from_step);
    let windows = Windows {
        reader: source.reader()?,
        order: order.clone(),
        epoch: position.epoch,
        blocks: order.windows(position.epoch),
        window: position.window,
    };
    let drawn = Drawn {
        // Nothing is held ready: the thread itself holds the window that it has read.
        windows: Prefetch::spawn(0, windows)?,
        current: None,
        skip: position.offset,
        order: order.clone(),
        step: from_step,
        mirror: params.mirror,
        context_dropout: params.context_dropout,
        failed: false,
    };
    Prefetch::spawn(BATCHES_AHEAD, drawn)
}

/// Some blocks and the order in which their samples are seen.
struct Window {
    rows: Rows,
    order: Vec<u32>,
}

/// The windows of all epochs, one after the other.
struct Windows {
    reader: SourceReader,
    order: Order,
    epoch: u64,
    blocks: Vec<Vec<usize>>,
    window: usize,
}

impl Iterator for Windows {
    type Item = anyhow::Result<Window>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.window == self.blocks.len() {
            self.epoch += 1;
            self.blocks = self.order.windows(self.epoch);
            self.window = 0;
        }
        let blocks = self.blocks.get(self.window)?;
        let mut rows = Rows::default();
        for block in blocks {
            if let Err(error) = self.reader.append(*block, &mut rows) {
                return Some(Err(error));
            }
        }
        let order = self.order.within(self.epoch, self.window, rows.len());
        self.window += 1;
        Some(Ok(Window { rows, order }))
    }
}

/// Batches drawn from the windows.
struct Drawn {
    windows: Prefetch<anyhow::Result<Window>>,
    current: Option<Window>,
    /// Samples of the current window that were seen.
    skip: usize,
    order: Order,
    step: u64,
    mirror: bool,
    context_dropout: f64,
    failed: bool,
}

impl Drawn {
    fn draw(&mut self) -> anyhow::Result<Batch> {
        let samples = self.order.samples_of_step(self.step);
        let mut rows = Rows::default();
        while rows.len() < samples {
            let window = match self.current.take() {
                Some(window) => window,
                None => self.windows.next().context("the data ended early")??,
            };
            let left = &window.order[self.skip.min(window.order.len())..];
            let taken = left.len().min(samples - rows.len());
            rows.extend_from(&window.rows, &left[..taken]);
            self.skip += taken;
            if taken == left.len() {
                self.skip = 0;
            } else {
                self.current = Some(window);
            }
        }
        let mut batch = rows.batch();
        if self.mirror {
            batch = batch.mirror(&self.order.mirrored(self.step, samples));
        }
        if self.context_dropout > 0.0 {
            let shown = self.order.context(self.step, samples, self.context_dropout);
            batch = batch.hide_context(&shown);
        }
        self.step += 1;
        Ok(batch)
    }
}

impl Iterator for Drawn {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.draw();
        self.failed = batch.is_err();
        Some(batch)
    }
}
