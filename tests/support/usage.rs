//! What a program costs.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// What a program, and the programs that it waited for, took until it ended.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// How it ended.
    pub status: ExitStatus,
    /// Time on all processors, in the program and in the kernel for it.
    pub cpu: Duration,
    /// Time that passed.
    pub wall: Duration,
    /// Most memory that it held at once (resident set).
    pub memory_bytes_max: u64,
}

/// Runs a program to its end. Its output goes where the command says, which must not be a pipe: nobody reads it.
///
/// # Panics
/// When the program does not start.
pub fn run_measured(command: &mut Command) -> Usage {
    let begun = Instant::now();
    #[expect(clippy::zombie_processes, reason = "`wait4` below waits for it")]
    let child = command.spawn().expect("the program starts");
    let pid = libc::pid_t::try_from(child.id()).expect("a process id");
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    #[expect(unsafe_code, reason = "std has no wait that gives the usage")]
    // SAFETY: both pointers are to live values of the right types; all zeros is a value of `rusage`.
    let (waited, usage) = unsafe {
        (
            libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()),
            usage.assume_init(),
        )
    };
    assert_eq!(
        waited,
        pid,
        "the program is waited for: {}",
        std::io::Error::last_os_error()
    );
    // Linux counts in kilobytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Usage {
        status: ExitStatus::from_raw(status),
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        wall: begun.elapsed(),
        memory_bytes_max: usage.ru_maxrss as u64 * unit,
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}
