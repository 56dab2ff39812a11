//! One attempt on this machine: starts all processes of a job or none, watches their metrics, and says how they ended.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event::Exit;
use crate::folder::tail;
use crate::metrics::{MetricsLine, Tail};
use crate::options::Clock;
use crate::process::Process;

/// Between two looks at a worker.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the others of a gang are given to show that one of them was killed, which the first one to fail only suffers from.
const SETTLE: Duration = Duration::from_millis(200);
/// What the dynamic loader says where a library is missing, or is of another version.
const LOADER_ERRORS: [&str; 2] = [
    "error while loading shared libraries",
    "symbol lookup error",
];
/// The signal by which a machine asks processes to end before it is taken away.
const SIGTERM: i32 = 15;

/// What to start, and what must be there in the end.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The processes, by rank.
    pub(crate) members: Vec<Member>,
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) heartbeat_timeout_s: f64,
}

/// One process of an attempt.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) log: PathBuf,
    pub(crate) metrics: PathBuf,
}

/// Something seen of a worker.
#[derive(Debug)]
pub(crate) enum Sight {
    /// Nothing new.
    Nothing,
    /// New lines of metrics.
    Metrics(Vec<MetricsLine>),
    /// It ended.
    Exited(Exit),
}

/// Why a worker is asked to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The run is cancelled.
    Cancelled,
    /// It is to make room.
    Preempted(String),
}

/// A worker that runs: all processes of an attempt.
pub(crate) struct Watch {
    outputs: Vec<PathBuf>,
    heartbeat_timeout_s: f64,
    running: Vec<Running>,
    clock: Clock,
    heard_ns: i64,
    asked: Option<(Ask, i64)>,
}

struct Running {
    process: Process,
    log: PathBuf,
    tail: Tail,
    exited: Option<ExitStatus>,
}

impl Attempt {
    /// Starts all processes, or none; the inner error says why it does not start here.
    pub(crate) fn start(self, clock: Clock) -> Result<Result<Watch, Exit>> {
        // Outputs of an earlier attempt must not pass for those of this one.
        for path in &self.outputs {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(path)(error));
                }
                _ => {}
            }
        }
        let rendezvous = rendezvous().map_err(Error::io(Path::new("127.0.0.1")))?;
        let count = self.members.len();
        let mut running = Vec::with_capacity(count);
        for (rank, member) in self.members.into_iter().enumerate() {
            let tail = Tail::at_end(member.metrics.clone());
            let own = [
                (
                    "DRIVELOOP_METRICS",
                    member.metrics.to_string_lossy().into_owned(),
                ),
                ("RANK", rank.to_string()),
                ("WORLD_SIZE", count.to_string()),
                ("LOCAL_RANK", rank.to_string()),
                ("LOCAL_WORLD_SIZE", count.to_string()),
                ("MASTER_ADDR", rendezvous.0.clone()),
                ("MASTER_PORT", rendezvous.1.clone()),
            ];
            let environment = self.environment.iter().chain(&own);
            match Process::start(&self.command, environment, &member.log)? {
                Ok(process) => running.push(Running {
                    process,
                    log: member.log,
                    tail,
                    exited: None,
                }),
                // Those that run already are killed as they are dropped.
                Err(error) => {
                    let reason = error.to_string();
                    return Ok(Err(Exit::CannotStart { reason }));
                }
            }
        }
        let heard_ns = clock();
        Ok(Ok(Watch {
            outputs: self.outputs,
            heartbeat_timeout_s: self.heartbeat_timeout_s,
            running,
            clock,
            heard_ns,
            asked: None,
        }))
    }
}

/// Where the processes find each other: a port that is free now, as `torchrun` chooses it.
fn rendezvous() -> std::io::Result<(String, String)> {
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    Ok((address.ip().to_string(), address.port().to_string()))
}

impl Watch {
    /// Asks the worker to end; it is killed where it has not after the grace.
    pub(crate) fn ask_to_end(&mut self, ask: Ask, grace_s: f64) {
        if self.asked.is_none() {
            let kill_at_ns = (self.clock)().saturating_add((grace_s * 1e9) as i64);
            self.asked = Some((ask, kill_at_ns));
            self.running
                .iter()
                .for_each(|member| member.process.ask_to_end());
        }
    }

    /// Waits a moment, and says what is new.
    pub(crate) async fn look(&mut self) -> Result<Sight> {
        // The status is asked for first, so that the metrics are read whole before the end is told.
        self.poll()?;
        let (mut lines, mut grew) = (Vec::new(), false);
        for (rank, member) in self.running.iter_mut().enumerate() {
            let news = member.tail.news()?;
            grew |= news.grew;
            if rank == 0 {
                lines = news.lines;
            }
        }
        if grew {
            self.heard_ns = (self.clock)();
        }
        if !lines.is_empty() {
            return Ok(Sight::Metrics(lines));
        }
        let has_ended = |member: &Running| member.exited.is_some();
        let has_failed = |member: &Running| member.exited.is_some_and(|status| !status.success());
        if self.running.iter().any(has_failed) {
            if self.running.len() > 1 {
                tokio::time::sleep(SETTLE).await;
                self.poll()?;
            }
            let exit = self.failure();
            self.kill().await;
            return Ok(Sight::Exited(self.as_asked(exit)));
        }
        if self.running.iter().all(has_ended) {
            self.kill().await;
            return Ok(Sight::Exited(self.checked_outputs()));
        }
        if let Some(exit) = self.overdue() {
            self.kill().await;
            return Ok(Sight::Exited(self.as_asked(exit)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(Sight::Nothing)
    }

    fn poll(&mut self) -> Result<()> {
        for member in self
            .running
            .iter_mut()
            .filter(|member| member.exited.is_none())
        {
            member.exited = member.process.poll().map_err(Error::io(&member.log))?;
        }
        Ok(())
    }

    /// All that is left of the processes, and of what they started.
    async fn kill(&mut self) {
        for member in &mut self.running {
            member.process.kill().await;
        }
    }

    /// One that has been silent for too long, or has not ended when it was asked to.
    fn overdue(&self) -> Option<Exit> {
        let now_ns = (self.clock)();
        if let Some((_, kill_at_ns)) = self.asked {
            return (now_ns >= kill_at_ns).then_some(Exit::Stopped);
        }
        let silent_s = now_ns.saturating_sub(self.heard_ns) as f64 / 1e9;
        (silent_s > self.heartbeat_timeout_s).then(|| Exit::Lost {
            reason: format!("hung: no new line of metrics for {silent_s:.0} s"),
            rank: 0,
        })
    }

    /// However a worker ended after it was asked to: it did what it was asked.
    fn as_asked(&self, exit: Exit) -> Exit {
        match &self.asked {
            None => exit,
            Some((Ask::Cancelled, _)) => Exit::Stopped,
            Some((Ask::Preempted(by), _)) => Exit::Preempted { reason: by.clone() },
        }
    }

    /// How the attempt failed. Where several processes did, one that was killed is the cause of the others.
    fn failure(&self) -> Exit {
        let failed = |member: &Running| member.exited.filter(|status| !status.success());
        let failures: Vec<_> = (0_u32..)
            .zip(&self.running)
            .filter_map(|(rank, member)| Some((rank, member, failed(member)?)))
            .collect();
        let killed = failures
            .iter()
            .find(|(.., status)| status.signal().is_some());
        let Some((rank, member, status)) = killed.or(failures.first()) else {
            return Exit::Stopped;
        };
        let of_rank = match self.running.len() {
            1 => String::new(),
            count => format!("process {rank} of {count}: "),
        };
        let rank = *rank;
        match status.signal() {
            Some(SIGTERM) => Exit::Preempted {
                reason: format!("{of_rank}ended by signal {SIGTERM}"),
            },
            Some(signal) => Exit::Lost {
                reason: format!("{of_rank}killed by signal {signal}"),
                rank,
            },
            None => {
                let code = status.code().unwrap_or(-1);
                let log = tail(&member.log);
                match (code, log.lines().find(|line| is_loader_error(line))) {
                    (127, Some(line)) => Exit::CannotStart {
                        reason: line.to_owned(),
                    },
                    _ => Exit::UserError {
                        reason: format!("{of_rank}exit status {code}"),
                        rank,
                    },
                }
            }
        }
    }

    fn checked_outputs(&self) -> Exit {
        match self.outputs.iter().find(|path| !path.is_file()) {
            // A trainer that was asked to end may do so with status zero.
            Some(path) => self.as_asked(Exit::UserError {
                reason: format!("exit status 0, but no {}", path.display()),
                rank: 0,
            }),
            None => Exit::Success,
        }
    }
}

fn is_loader_error(line: &str) -> bool {
    LOADER_ERRORS.iter().any(|error| line.contains(error))
}
