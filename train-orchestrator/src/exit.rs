//! How a process ended: by a signal, its own status, or for want of memory.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::event::Exit;
use crate::machine::{memory_events, out_of_memory_kills};

/// What the dynamic loader says where a library is missing, or is of another version.
const LOADER_ERRORS: [&str; 2] = [
    "error while loading shared libraries",
    "symbol lookup error",
];
/// The status of a shell that does not find a program, and of the dynamic loader.
const NOT_FOUND: i32 = 127;
/// A shell whose program was ended by a signal ends with this and the number of the signal.
const BY_SIGNAL: i32 = 128;
/// The largest number of a signal that is no real-time signal.
const SIGNAL_MAX: i32 = 31;
const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// How a process failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// By a signal.
    Signal(i32),
    /// A shell, or another program that does as shells do, whose program was ended by a signal.
    SignalBehindShell(i32),
    /// With a status of its own.
    Status(i32),
}

impl Failure {
    /// `None` for a success.
    pub(crate) fn of(status: ExitStatus) -> Option<Self> {
        match (status.signal(), status.code()) {
            (Some(signal), _) => Some(Self::Signal(signal)),
            (None, Some(0)) => None,
            (None, Some(code)) if (1..=SIGNAL_MAX).contains(&(code - BY_SIGNAL)) => {
                Some(Self::SignalBehindShell(code - BY_SIGNAL))
            }
            (None, code) => Some(Self::Status(code.unwrap_or(-1))),
        }
    }

    /// The signal, where there was one.
    pub(crate) fn signal(self) -> Option<i32> {
        match self {
            Self::Signal(signal) | Self::SignalBehindShell(signal) => Some(signal),
            Self::Status(_) => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Signal(SIGTERM) => format!("ended by signal {SIGTERM}"),
            Self::Signal(signal) => format!("killed by signal {signal}"),
            Self::SignalBehindShell(signal) => format!(
                "exit status {}: killed by signal {signal}, as a shell says it",
                BY_SIGNAL + signal
            ),
            Self::Status(code) => format!("exit status {code}"),
        }
    }

    /// The class of the failure of a process of an attempt. `of_rank` names the process of a gang, `log` is the end of its log.
    pub(crate) fn exit(self, of_rank: &str, rank: u32, log: &str, memory: &MemoryWatch) -> Exit {
        let reason = format!("{of_rank}{}", self.words());
        let kills = memory.kills();
        match (self, self.signal()) {
            (_, Some(SIGTERM)) => Exit::Preempted { reason },
            (_, Some(SIGKILL)) if kills.is_some() => {
                let kills = kills.unwrap_or_default();
                let reason = format!(
                    "{reason}, while {kills}: give the job less to hold, such as a smaller batch, or more memory"
                );
                Exit::OutOfMemory { reason, rank }
            }
            (_, Some(_)) => Exit::Lost { reason, rank },
            (Self::Status(NOT_FOUND), None) => {
                match log.lines().find(|line| is_loader_error(line)) {
                    Some(line) => Exit::CannotStart {
                        reason: line.to_owned(),
                    },
                    None => Exit::UserError { reason, rank },
                }
            }
            (_, None) => {
                // A process that it started may have been the one.
                let reason = match kills {
                    Some(kills) => format!("{reason}, while {kills}"),
                    None => reason,
                };
                Exit::UserError { reason, rank }
            }
        }
    }
}

fn is_loader_error(line: &str) -> bool {
    LOADER_ERRORS.iter().any(|error| line.contains(error))
}

/// Sees whether the kernel kills processes because memory has run out.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    path: Option<PathBuf>,
    before: u64,
}

impl MemoryWatch {
    /// Begins to look at a file that counts the kills, or at the usual one of this machine.
    pub(crate) fn start(path: Option<PathBuf>) -> Self {
        let path = path.or_else(memory_events);
        let before = path.as_deref().and_then(out_of_memory_kills);
        Self {
            path,
            before: before.unwrap_or_default(),
        }
    }

    /// What is known of kills since the start; `None` where none was counted. Whom they met is not told.
    fn kills(&self) -> Option<String> {
        let path = self.path.as_deref()?;
        let kills = out_of_memory_kills(path)?.saturating_sub(self.before);
        let path = path.display();
        let times = if kills == 1 { "kill" } else { "kills" };
        (kills > 0).then(|| format!("{path} counted {kills} {times} for want of memory"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class of a status of `wait`.
    fn class(status: i32, log: &str, kills: u32) -> String {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("memory.events");
        let count = |kills: u32| std::fs::write(&path, format!("oom_kill {kills}\n")).unwrap();
        count(5);
        let memory = MemoryWatch::start(Some(path.clone()));
        count(5 + kills);
        let failure = Failure::of(ExitStatus::from_raw(status));
        let exit = failure.map(|failure| failure.exit("", 0, log, &memory));
        let json = serde_json::to_value(exit).unwrap();
        format!("{} {}", json["exit"], json["reason"]).replace('"', "")
    }

    #[test]
    fn a_status_behind_a_shell_is_of_the_class_of_its_signal() {
        let code = |code: i32| code << 8;
        for (status, kills, expected) in [
            (0, 0, "null null"),
            (9, 0, "lost killed by signal 9"),
            (11, 0, "lost killed by signal 11"),
            (15, 0, "preempted ended by signal 15"),
            (code(137), 0, "lost exit status 137: killed by signal 9, as"),
            (
                code(139),
                0,
                "lost exit status 139: killed by signal 11, as",
            ),
            (
                code(143),
                0,
                "preempted exit status 143: killed by signal 15, as",
            ),
            (9, 1, "out_of_memory killed by signal 9, while"),
            (code(137), 2, "out_of_memory exit status 137"),
            (15, 1, "preempted"),
            (11, 1, "lost killed by signal 11"),
            (code(1), 0, "user_error exit status 1"),
            (code(1), 1, "user_error exit status 1, while"),
            (code(127), 0, "user_error exit status 127"),
            (code(128), 0, "user_error exit status 128"),
            (code(160), 0, "user_error exit status 160"),
            (code(255), 0, "user_error exit status 255"),
        ] {
            let class = class(status, "", kills);
            assert!(
                class.starts_with(expected),
                "{status}: {class}, expected {expected}"
            );
        }
        assert!(class(9, "", 2).contains("memory.events counted 2 kills for want of memory"));
        let loader = "x: error while loading shared libraries: y";
        assert!(class(code(127), loader, 0).starts_with("cannot_start x: error"));
        assert!(class(code(1), loader, 0).starts_with("user_error"));
    }
}
