//! Where the pages of a drive's lists are: in memory up to a bound, beyond it in a file of the local disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::limits::Limits;

/// Bytes of a page in the file.
pub(super) const PAGE_BYTES: usize = 64 << 10;

/// Holds the pages of the lists of one drive. Clones are the same store.
///
/// The file has no name, so that nothing of it is left however the process ends. Where it cannot be written or read, a list lacks
/// records, and [`Store::check`] says so: a drive whose store failed is given up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory_max: usize,
    file_max: u64,
    /// Bytes of all pages in memory.
    held: AtomicUsize,
    file: Mutex<Pages>,
}

/// The pages in the file.
#[derive(Debug, Default)]
struct Pages {
    file: Option<File>,
    /// Where the next page begins, if none is free.
    end: u64,
    free: Vec<u64>,
    fault: Option<Fault>,
}

/// Why a store failed, at its first failure.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Full,
}

/// The place of a page in the file; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    store: Store,
    at: u64,
}

/// Bytes in memory, counted until this is dropped.
#[derive(Debug)]
pub(super) struct Weight {
    store: Store,
    bytes: usize,
}

impl Default for Inner {
    /// All in memory.
    fn default() -> Self {
        Self {
            memory_max: usize::MAX,
            file_max: 0,
            held: AtomicUsize::new(0),
            file: Mutex::default(),
        }
    }
}

impl Store {
    /// A store within the limits.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            memory_max: limits.held_bytes_max,
            file_max: limits.held_disk_bytes_max,
            ..Inner::default()
        }))
    }

    /// Bytes of all pages that are in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// The failure of the store, where there was one.
    pub(crate) fn check(&self, subject: &str) -> Result<()> {
        let mut pages = self.pages();
        match pages.fault.take() {
            None => Ok(()),
            Some(Fault::Full) => Err(Error::Limit {
                subject: subject.to_owned(),
                limit: "held_disk_bytes_max",
                max: self.0.file_max,
                actual: pages.end + PAGE_BYTES as u64,
            }),
            Some(Fault::Io(source)) => Err(Error::Scratch {
                folder: std::env::temp_dir(),
                source,
            }),
        }
    }

    /// Whether more is in memory than should be.
    pub(super) fn is_over(&self) -> bool {
        self.bytes() > self.0.memory_max
    }

    /// Counts bytes in memory.
    pub(super) fn weigh(&self, bytes: usize) -> Weight {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        Weight {
            store: self.clone(),
            bytes,
        }
    }

    /// Writes a page; none where that fails.
    pub(super) fn write(&self, page: &[u8]) -> Option<Slot> {
        let mut pages = self.pages();
        match pages.write(page, self.0.file_max) {
            Ok(at) => Some(Slot {
                store: self.clone(),
                at,
            }),
            Err(fault) => {
                pages.fault.get_or_insert(fault);
                None
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn write(&mut self, page: &[u8], max: u64) -> Result<u64, Fault> {
        if self.fault.is_some() {
            return Err(Fault::Full);
        }
        let free = self.free.pop();
        let at = free.unwrap_or(self.end);
        if at + PAGE_BYTES as u64 > max {
            return Err(Fault::Full);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(Fault::Io)?),
        };
        file.write_all_at(page, at).map_err(Fault::Io)?;
        if free.is_none() {
            self.end += PAGE_BYTES as u64;
        }
        Ok(at)
    }

    fn read(&self, at: u64, page: &mut [u8]) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(page, at)
    }
}

impl Slot {
    /// Reads the first bytes of the page; none where that fails.
    pub(super) fn read(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut page = vec![0; bytes];
        let mut pages = self.store.pages();
        match pages.read(self.at, &mut page) {
            Ok(()) => Some(page),
            Err(error) => {
                pages.fault.get_or_insert(Fault::Io(error));
                None
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.store.pages().free.push(self.at);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.store.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
