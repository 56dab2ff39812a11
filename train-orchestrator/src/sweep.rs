//! What an attempt left behind: processes that outlived it, wherever they went.
//!
//! The kernel kills a worker with its orchestrator, but not what the worker started. Whatever has the job's folder in its
//! environment belongs to the job.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};

/// The variable that names the folder.
pub(crate) const MARK: &str = "DRIVELOOP_JOB_DIR";
/// How often it is looked whether all are gone.
const LOOKS_MAX: u32 = 200;
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The entry that the processes of a job's folder have in their environment.
pub(crate) fn mark(folder: &Path) -> String {
    format!("{MARK}={}", folder.display())
}

/// Kills the processes of a job's folder, and waits until they are gone. The caller has the lock of the folder, so that no
/// attempt of anybody else's is among them.
pub(crate) async fn sweep(folder: &Path) -> Result<()> {
    let mark = mark(folder);
    for _ in 0..LOOKS_MAX {
        let left = marked(mark.as_bytes());
        if left.is_empty() {
            return Ok(());
        }
        left.into_iter().for_each(kill);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let stuck = std::io::Error::other("a process of an earlier attempt cannot be killed");
    Err(Error::io(folder)(stuck))
}

/// The processes, other than this one, with an entry in their environment. One that has ended and waits for its parent has none.
fn marked(mark: &[u8]) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new(); // A system without this folder has no processes that could be found.
    };
    let own = i32::try_from(std::process::id()).ok();
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process| Some(*process) != own)
        .filter(|process| is_marked(*process, mark))
        .collect()
}

/// Whether a process has an entry in its environment.
pub(crate) fn is_marked(process: i32, mark: &[u8]) -> bool {
    let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|entry| entry == mark)
}

#[expect(
    unsafe_code,
    reason = "std does not send a signal to a process that it did not start"
)]
fn kill(process: i32) {
    // SAFETY: kill takes two integers; the number was that of a process a moment ago, so it is positive.
    unsafe {
        libc::kill(process, libc::SIGKILL);
    }
}
