//! The work folder of a run: where what lies, and the lock that keeps a second process out.

use std::fs::{File, FileType, Metadata, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::event::Owner;

/// Bytes of a log's end that are looked at.
const TAIL_BYTES_MAX: u64 = 8 * 1024;
/// Lines of a log's end that are shown.
const TAIL_LINES_MAX: usize = 20;
/// The file that is locked; it holds the token of the one who did.
const LOCK: &str = "lock";
/// The folder of checkpoints.
const CHECKPOINTS: &str = "checkpoints";
/// The file that says when the worker was last seen alive.
pub(crate) const ALIVE: &str = "alive.json";

/// A work folder, locked as long as this lives. The system releases the lock of a process that was killed.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    token: String,
    lock: File,
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
        let Some(lock) = lock(&root, token)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            root,
            token: token.to_owned(),
            lock,
        }))
    }

    /// Makes anew what a trainer may have removed, or put something else in the place of: the folder with its lock, and the
    /// folder of checkpoints. `false` where another process has the folder meanwhile.
    pub(crate) fn restore(&mut self) -> Result<bool> {
        let place = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let path = self.root.join(LOCK);
        let there = std::fs::symlink_metadata(&path).map(place).ok();
        let ours = self.lock.metadata().map(place).map_err(Error::io(&path))?;
        if there == Some(ours) {
            make_folder(&self.checkpoints())?;
            return Ok(true);
        }
        make_folder(&self.root)?;
        if there.is_some() && !path.is_file() {
            clear(&path)?;
        }
        let Some(lock) = lock(&self.root, &self.token)? else {
            return Ok(false);
        };
        self.lock = lock;
        Ok(true)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.root.join(CHECKPOINTS)
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

    /// When the worker was last seen alive, for the one who finds that its orchestrator was killed.
    pub(crate) fn alive(&self) -> PathBuf {
        self.root.join(ALIVE)
    }

    pub(crate) fn log(&self, attempt: u32, rank: u32) -> PathBuf {
        self.root.join(log_name(attempt, rank))
    }
}

/// When the youngest checkpoint of a run's folder was written; `None` where there is none.
pub(crate) fn checkpointed_ns(root: &Path) -> Option<i64> {
    let entries = std::fs::read_dir(root.join(CHECKPOINTS)).ok()?;
    let written = entries
        .flatten()
        .filter_map(|entry| modified_ns(&entry.path()));
    written.max()
}

/// Makes and locks a folder; `None` where another process has it.
fn lock(root: &Path, token: &str) -> Result<Option<File>> {
    make_folder(&root.join(CHECKPOINTS))?;
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
            Ok(Some(lock))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::io(&path)(source)),
    }
}

/// Makes a folder, also where a trainer put a file in its place.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() && !path.is_dir() {
        clear(path)?;
    }
    std::fs::create_dir_all(path).map_err(Error::io(path))
}

/// Removes whatever lies at a path: a file, a link, a pipe, or a folder with all that is in it.
pub(crate) fn clear(path: &Path) -> Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !is_absent(&error) => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// Opens a file, or what a link leads to, without waiting for anybody; `None` where there is none.
///
/// # Errors
/// [`Error::Output`] where it is no file.
pub(crate) fn open_regular(path: &Path) -> Result<Option<(File, Metadata)>> {
    let no_file = |kind: FileType| {
        let kind = word(kind);
        Error::output(path, format!("expected a file, got {kind}"))
    };
    let opened = std::fs::metadata(path).and_then(|metadata| {
        if !metadata.is_file() {
            return Ok(Err(metadata.file_type()));
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        Ok(if metadata.is_file() {
            Ok((file, metadata))
        } else {
            Err(metadata.file_type())
        })
    });
    match opened {
        Ok(Ok(opened)) => Ok(Some(opened)),
        Ok(Err(kind)) => Err(no_file(kind)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// What is wrong with an output, as far as that is seen without reading it; `None` where nothing is.
pub(crate) fn fault_of_output(path: &Path, bytes_max: u64) -> Option<String> {
    let shown = path.display();
    match std::fs::symlink_metadata(path) {
        Err(error) if is_absent(&error) => {
            let is_there = path.parent().is_some_and(Path::is_dir);
            let why = if is_there { "" } else { ": its folder is gone" };
            Some(format!("no {shown}{why}"))
        }
        Err(error) => Some(format!("{shown} cannot be read: {error}")),
        Ok(metadata) if !metadata.is_file() => {
            let kind = word(metadata.file_type());
            Some(format!("{shown} is {kind}, expected a file"))
        }
        Ok(metadata) if metadata.len() == 0 => Some(format!("{shown} is empty")),
        Ok(metadata) if metadata.len() > bytes_max => {
            let bytes = metadata.len();
            Some(format!(
                "{shown} has {bytes} bytes, expected at most {bytes_max}"
            ))
        }
        Ok(_) => None,
    }
}

/// Whether a path leads nowhere.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn word(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
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
    let Ok(Some((mut file, metadata))) = open_regular(path) else {
        return String::new();
    };
    let mut read = || -> std::io::Result<Vec<u8>> {
        let start = metadata.len().saturating_sub(TAIL_BYTES_MAX);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&mut file).take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
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
