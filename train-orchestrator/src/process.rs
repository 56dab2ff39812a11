//! A worker as a process: in a group of its own, and never longer there than its orchestrator.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::error::{Error, Result};

/// Says where the lake is, to `driveloop`: what a worker may know of it, it is given.
const LAKE: &str = "DRIVELOOP_LAKE";

/// A running worker. Dropped, it is killed with all that it started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<i32>,
}

impl Process {
    /// Starts a program; its output goes to a log. The inner error is that of the start itself.
    pub(crate) fn start<'a>(
        command: &[String],
        environment: impl IntoIterator<Item = &'a (&'static str, String)>,
        log: &Path,
    ) -> Result<Result<Self, std::io::Error>> {
        let out = File::create(log).map_err(Error::io(log))?;
        let err = out.try_clone().map_err(Error::io(log))?;
        let (program, arguments) = command.split_first().ok_or_else(|| Error::Spec {
            reason: "`trainer`: expected a program".into(),
        })?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove(LAKE)
            .envs(environment.into_iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .kill_on_drop(true);
        die_with_parent(&mut command);
        Ok(command.spawn().map(|child| {
            let group = child.id().and_then(|id| i32::try_from(id).ok());
            Self { child, group }
        }))
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn poll(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills it and all that it started.
    pub(crate) async fn kill(&mut self) {
        self.kill_group();
        // It was killed, so that this only takes its status.
        let _ = self.child.wait().await;
    }

    /// Asks it and all that it started to end.
    pub(crate) fn ask_to_end(&self) {
        if let Some(group) = self.group {
            signal_group(group, libc::SIGTERM);
        }
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            signal_group(group, libc::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

#[expect(
    unsafe_code,
    reason = "neither std nor tokio sends a signal to a process group"
)]
fn signal_group(group: i32, signal: i32) {
    // SAFETY: kill takes two integers; the group is that of a child of ours, so it is positive.
    unsafe {
        libc::kill(-group, signal);
    }
}

/// Has the kernel kill the worker when its orchestrator dies, however that happens: two workers never write one folder.
///
/// The signal comes when the *thread* that started the worker ends; threads of a tokio runtime end with the runtime.
#[expect(
    unsafe_code,
    reason = "PR_SET_PDEATHSIG must be set in the child, between fork and exec"
)]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure calls prctl and getppid, which are async-signal-safe, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // The parent may have died before the request was made.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}
