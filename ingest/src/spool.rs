//! Copies of a source's objects on the local disk: what was fetched for a digest is not fetched again for the rows.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use driveloop_lake::ObjectEntry;
use tempfile::NamedTempFile;

/// The copies that an ingest holds, in the folder of the system for temporary files. One that has no room is not made: its object is
/// fetched twice.
pub(crate) struct Spool {
    bytes_max: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Bytes of all copies, those that are being written counted whole.
    bytes: u64,
    /// By the path of the object.
    copies: HashMap<String, NamedTempFile>,
}

/// A copy that is being written.
pub(crate) struct Draft<'a> {
    spool: &'a Spool,
    file: Option<NamedTempFile>,
    bytes: u64,
}

impl Spool {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            held: Mutex::default(),
        }
    }

    /// Begins a copy, where there is room: within the bound, and in half of what the disk has left.
    pub(crate) fn begin(&self, object: &ObjectEntry) -> Option<Draft<'_>> {
        let folder = std::env::temp_dir();
        let disk = rustix::fs::statvfs(&folder).ok()?;
        let mut held = self.held();
        let bytes = held.bytes.checked_add(object.size)?;
        if bytes > self.bytes_max || object.size > disk.f_bavail.saturating_mul(disk.f_frsize) / 2 {
            return None;
        }
        let file = NamedTempFile::with_prefix_in("driveloop-", folder).ok()?;
        held.bytes = bytes;
        Some(Draft {
            spool: self,
            file: Some(file),
            bytes: object.size,
        })
    }

    /// Where the copy of an object lies.
    pub(crate) fn path(&self, object: &str) -> Option<PathBuf> {
        let held = self.held();
        held.copies.get(object).map(|file| file.path().to_owned())
    }

    /// The copy of an object, opened: it can be read to its end, though a drive that shares the object may release it meanwhile.
    pub(crate) fn open(&self, object: &str) -> Option<File> {
        self.held().copies.get(object)?.reopen().ok()
    }

    /// Removes the copies of objects.
    pub(crate) fn release(&self, objects: &[ObjectEntry]) {
        let mut held = self.held();
        for object in objects {
            if held.copies.remove(&object.path).is_some() {
                held.bytes = held.bytes.saturating_sub(object.size);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Draft<'_> {
    /// Writes the next bytes. A disk that does not take them costs the copy, not the ingest.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file
            && file.write_all(bytes).is_err()
        {
            self.file = None;
        }
    }

    /// The copy of an object that was written whole.
    pub(crate) fn finish(mut self, object: &ObjectEntry) {
        let Some(file) = self.file.take() else {
            return;
        };
        let mut held = self.spool.held();
        // A copy of the same object that was there counts no more.
        if held.copies.insert(object.path.clone(), file).is_none() {
            self.bytes = 0;
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let mut held = self.spool.held();
        held.bytes = held.bytes.saturating_sub(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(path: &str, size: u64) -> ObjectEntry {
        ObjectEntry {
            path: path.to_owned(),
            size,
            fingerprint: String::new(),
        }
    }

    fn copy(spool: &Spool, object: &ObjectEntry) -> bool {
        let draft = spool.begin(object);
        let has_room = draft.is_some();
        if let Some(mut draft) = draft {
            draft.write(&vec![7; object.size as usize]);
            draft.finish(object);
        }
        has_room
    }

    #[test]
    fn copies_stay_within_the_bound() {
        let spool = Spool::new(100);
        let [a, b] = [object("a", 60), object("b", 60)];
        assert!(copy(&spool, &a) && !copy(&spool, &b));
        let path = spool.path("a").unwrap();
        let opened = spool.open("a").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [7; 60]);
        drop(spool.begin(&object("c", 40)).unwrap());
        spool.release(std::slice::from_ref(&a));
        assert!(!path.exists() && spool.path("a").is_none() && spool.open("a").is_none());
        assert_eq!(std::io::read_to_string(opened).unwrap().len(), 60);
        assert!(copy(&spool, &b) && spool.path("b").is_some());
        assert_eq!(spool.held().bytes, 60);
    }
}
