//! A worker as a process: in a group of its own, and never longer there than its orchestrator.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::log::{Copier, Log};
use crate::options::Limits;

/// How often it is looked whether a process that was killed is gone.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Looks at a process that was killed where nobody can wait for it: what is not gone by then stays in the list of processes.
const LOOKS_MAX: u32 = 25;

/// Says where the lake is, to `driveloop`: what a worker may know of it, it is given.
const LAKE: &str = "DRIVELOOP_LAKE";

/// A running worker. Dropped, it is killed with all that it started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<i32>,
    ended: Option<Ended>,
    log: Copier,
}

/// How a process ended, and the CPU time of it and its children, nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Ended {
    status: ExitStatus,
    cpu_ns: i64,
}

impl Process {
    /// Starts a program; its output goes to a log. The inner error is that of the start itself.
    pub(crate) fn start<'a>(
        command: &[String],
        environment: impl IntoIterator<Item = &'a (&'static str, String)>,
        log: &Path,
        limits: &Limits,
    ) -> Result<Result<Self, std::io::Error>> {
        let file = Log::create(log, limits)?;
        let (output, out) = std::io::pipe().map_err(Error::io(log))?;
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
            .process_group(0);
        die_with_parent(&mut command);
        let spawned = command.spawn();
        // With it go our ends of the pipe: the output ends when those who write have.
        drop(command);
        Ok(spawned.map(|child| Self {
            group: i32::try_from(child.id()).ok(),
            child,
            ended: None,
            log: Copier::start(output, file),
        }))
    }

    /// The process group: the number of the process.
    pub(crate) fn group(&self) -> Option<i32> {
        self.group
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn poll(&mut self) -> std::io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = wait(&self.child)?;
        }
        Ok(self.ended.map(|ended| ended.status))
    }

    /// Kills it and all that it started, and waits until it is gone and its log is whole.
    pub(crate) async fn kill(&mut self) {
        self.kill_group();
        // It was killed, so that this only takes its status. Where that fails, nobody has it.
        while let Ok(None) = self.poll() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.log.drained().await;
    }

    /// CPU time of it and of those of its children whose status it took, nanoseconds; `None` while it runs.
    pub(crate) fn cpu_ns(&self) -> Option<i64> {
        self.ended.map(|ended| ended.cpu_ns)
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
        for _ in 0..LOOKS_MAX {
            let Ok(None) = self.poll() else { return };
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Takes the status of a child that has ended; `None` while it runs.
#[expect(
    unsafe_code,
    reason = "std takes the status of a child without the resources that it used"
)]
fn wait(child: &Child) -> std::io::Result<Option<Ended>> {
    let process = i32::try_from(child.id()).map_err(std::io::Error::other)?;
    let mut status = 0;
    // SAFETY: a rusage is numbers alone, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to variables that outlive the call; the process is a child of ours whose status was not taken.
    let waited = unsafe { libc::wait4(process, &raw mut status, libc::WNOHANG, &raw mut usage) };
    match waited {
        0 => Ok(None),
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(Some(Ended {
            status: ExitStatus::from_raw(status),
            cpu_ns: ns(usage.ru_utime).saturating_add(ns(usage.ru_stime)),
        })),
    }
}

fn ns(time: libc::timeval) -> i64 {
    time.tv_sec * 1_000_000_000 + time.tv_usec * 1000
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
