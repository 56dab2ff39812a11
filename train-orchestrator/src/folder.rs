//! The work folder of a run: where what lies, and the lock that keeps a second process out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::event::Owner;

/// Bytes of a log's end that are looked at.
const TAIL_BYTES_MAX: u64 = 8 * 1024;
/// Lines of a log's end that are shown.
const TAIL_LINES_MAX: usize = 20;
/// The file that is locked; it holds the token of the one who did.
const LOCK: &str = "lock";

/// A work folder, locked as long as this lives. The system releases the lock of a process that was killed.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

/// What the lock of a folder says of an owner on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The owner has it.
    Held,
    /// Nobody has it: the owner is dead.
    Free,
    /// It is not there, or of somebody else.
    Unknown,
}

impl Hold {
    /// Looks at the folder that an owner named.
    pub(crate) fn of(owner: &Owner) -> Self {
        let path = Path::new(&owner.folder).join(LOCK);
        let Ok(mut file) = File::open(path) else {
            return Self::Unknown;
        };
        let mut token = String::new();
        if file.read_to_string(&mut token).is_err() || token != owner.token {
            return Self::Unknown;
        }
        match file.try_lock() {
            Ok(()) => Self::Free,
            Err(TryLockError::WouldBlock) => Self::Held,
            Err(TryLockError::Error(_)) => Self::Unknown,
        }
    }
}

impl Folder {
    /// Makes and locks `<parent>/<name>` in the name of a token; `None` where another process has it.
    pub(crate) fn lock(parent: &Path, name: &str, token: &str) -> Result<Option<Self>> {
        let root = std::path::absolute(parent)
            .map_err(Error::io(parent))?
            .join(name);
        let checkpoints = root.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(Error::io(&checkpoints))?;
        let path = root.join(LOCK);
        // Not emptied before it is locked: it holds the token of the one who has it.
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let mut lock = options.open(&path).map_err(Error::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {
                let written = lock
                    .set_len(0)
                    .and_then(|()| lock.write_all(token.as_bytes()));
                written.map_err(Error::io(&path))?;
                Ok(Some(Self { root, _lock: lock }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::io(&path)(source)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The metrics of the process that speaks for the job.
    pub(crate) fn metrics(&self) -> PathBuf {
        self.metrics_of(0)
    }

    pub(crate) fn metrics_of(&self, rank: u32) -> PathBuf {
        self.root.join(match rank {
            0 => "metrics.jsonl".to_owned(),
            rank => format!("metrics-rank-{rank}.jsonl"),
        })
    }

    /// The weights of a job that this one comes after.
    pub(crate) fn weights_before(&self, job: &str) -> PathBuf {
        self.root.join("after").join(format!("{job}.safetensors"))
    }

    /// The weights that the training starts from.
    pub(crate) fn weights_at_start(&self) -> PathBuf {
        self.root.join("start.safetensors")
    }

    pub(crate) fn weights(&self) -> PathBuf {
        self.root.join("model.safetensors")
    }

    pub(crate) fn log(&self, attempt: u32, rank: u32) -> PathBuf {
        self.root.join(log_name(attempt, rank))
    }

    /// When the youngest checkpoint was written; `None` where there is none.
    pub(crate) fn checkpointed_ns(&self) -> Option<i64> {
        let entries = std::fs::read_dir(self.checkpoints()).ok()?;
        let written = entries
            .flatten()
            .filter_map(|entry| modified_ns(&entry.path()));
        written.max()
    }
}

/// The log of a process, in the folder of its run.
pub(crate) fn log_name(attempt: u32, rank: u32) -> String {
    match rank {
        0 => format!("attempt-{attempt}.log"),
        rank => format!("attempt-{attempt}-rank-{rank}.log"),
    }
}

/// When a file was last written; `None` where there is none.
pub(crate) fn modified_ns(path: &Path) -> Option<i64> {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let since_epoch = modified.ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_nanos()).ok()
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
    fn a_folder_is_locked_once_and_says_by_whom() {
        let parent = tempfile::tempdir().unwrap();
        let lock = |token: &str| Folder::lock(parent.path(), "run", token).unwrap();
        let owner = |token: &str| Owner {
            host: "here".into(),
            process: 1,
            folder: parent.path().join("run").to_str().unwrap().into(),
            token: token.into(),
        };
        assert_eq!(Hold::of(&owner("one")), Hold::Unknown);
        let folder = lock("one").unwrap();
        assert!(lock("other").is_none());
        assert_eq!(Hold::of(&owner("one")), Hold::Held);
        assert_eq!(Hold::of(&owner("other")), Hold::Unknown);
        drop(folder);
        assert_eq!(Hold::of(&owner("one")), Hold::Free);
        lock("other").unwrap();
        assert_eq!(Hold::of(&owner("one")), Hold::Unknown);
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
