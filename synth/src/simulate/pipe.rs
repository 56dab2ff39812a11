//! Bytes from the thread that simulates to the task that stores.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

/// Bytes of a block.
const BLOCK_BYTES: usize = 1 << 18;
/// Blocks between the two at most: it bounds the memory where the store is slower than the simulation.
pub(crate) const BLOCKS_MAX: usize = 4;

/// The writing end: it blocks while the other end has enough to do, and fails when that is gone.
#[derive(Debug)]
pub(crate) struct Pipe {
    block: Vec<u8>,
    bytes: u64,
    blocks: Sender<Bytes>,
}

impl Pipe {
    pub(crate) fn new(blocks: Sender<Bytes>) -> Self {
        Self {
            block: Vec::new(),
            bytes: 0,
            blocks,
        }
    }

    /// Sends what is left, and says how many bytes there were.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.send()?;
        Ok(self.bytes)
    }

    fn send(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = Bytes::from(std::mem::take(&mut self.block));
        let sent = self.blocks.blocking_send(block);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pipe {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(data);
        self.bytes += data.len() as u64;
        if self.block.len() >= BLOCK_BYTES {
            self.send()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
