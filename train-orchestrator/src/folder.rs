//! The work folder of a run: where what lies, and the lock that keeps a second process out.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Bytes of a log's end that are looked at.
const TAIL_BYTES_MAX: u64 = 8 * 1024;
/// Lines of a log's end that are shown.
const TAIL_LINES_MAX: usize = 20;

/// A work folder, locked as long as this lives. The system releases the lock of a process that was killed.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes and locks `<parent>/<name>`.
    pub(crate) fn lock(parent: &Path, name: &str) -> Result<Self> {
        let root = std::path::absolute(parent)
            .map_err(Error::io(parent))?
            .join(name);
        let checkpoints = root.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(Error::io(&checkpoints))?;
        let path = root.join("lock");
        let lock = File::create(&path).map_err(Error::io(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { folder: root }),
            Err(TryLockError::Error(source)) => Err(Error::io(&path)(source)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    pub(crate) fn weights(&self) -> PathBuf {
        self.root.join("model.safetensors")
    }

    pub(crate) fn predictions(&self) -> PathBuf {
        self.root.join("predictions.arrow")
    }

    pub(crate) fn log(&self, attempt: u32) -> PathBuf {
        self.root.join(format!("attempt-{attempt}.log"))
    }
}

/// The last lines of a log; empty where there is none.
pub(crate) fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(TAIL_BYTES_MAX);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES_MAX)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::lock(root.path(), "run").unwrap();
        assert!(matches!(
            Folder::lock(root.path(), "run"),
            Err(Error::Busy { .. })
        ));
        drop(folder);
        Folder::lock(root.path(), "run").unwrap();
    }

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("log");
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let shown = tail(&path);
        assert_eq!(shown.lines().count(), TAIL_LINES_MAX);
        assert!(shown.ends_with("line 9999"));
        assert_eq!(tail(&root.path().join("absent")), "");
    }
}
