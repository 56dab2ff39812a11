//! One attempt on this machine: starts all processes of a job or none, watches their metrics, and says how they ended.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::event::Exit;
use crate::exit::{Failure, MemoryWatch};
use crate::folder::{clear, fault_of_output, tail};
use crate::line::MetricsLine;
use crate::metrics::Tail;
use crate::options::Limits;
use crate::process::Process;
use crate::sweep::MARK;
use crate::usage::members;

/// Between two looks at a worker.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the others of a gang are given to show that one of them was killed, which the first one to fail only suffers from.
const SETTLE: Duration = Duration::from_millis(200);

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
    /// New lines of metrics, and what of them could not be used: its name, and the text.
    Metrics(Vec<MetricsLine>, Vec<(&'static str, String)>),
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
    /// Its orchestrator is asked to end, by this.
    Interrupted(String),
}

/// A worker that runs: all processes of an attempt.
pub(crate) struct Watch {
    outputs: Vec<PathBuf>,
    output_bytes_max: u64,
    heartbeat_timeout_s: f64,
    running: Vec<Running>,
    /// What the processes have in their environment, and nobody else.
    mark: Option<String>,
    memory: MemoryWatch,
    clock: Clock,
    heard_ns: i64,
    asked: Option<(Ask, i64)>,
    /// CPU time of what was killed without that anybody takes its status.
    killed_cpu_ns: i64,
}

struct Running {
    process: Process,
    log: PathBuf,
    tail: Tail,
    exited: Option<ExitStatus>,
}

impl Attempt {
    /// Starts all processes within the usual limits, or none; the inner error says why it does not start here.
    pub(crate) fn start(self, clock: Clock) -> Result<Result<Watch, Exit>> {
        self.start_within(&Limits::default(), None, clock)
    }

    /// The same within other limits. `memory_events` counts what is killed for want of memory, where that is not as usual.
    pub(crate) fn start_within(
        self,
        limits: &Limits,
        memory_events: Option<PathBuf>,
        clock: Clock,
    ) -> Result<Result<Watch, Exit>> {
        // Outputs of an earlier attempt must not pass for those of this one.
        self.outputs.iter().try_for_each(|path| clear(path))?;
        let marked =
            |(name, value): &(&str, String)| (*name == MARK).then(|| format!("{name}={value}"));
        let mark = self.environment.iter().find_map(marked);
        let memory = MemoryWatch::start(memory_events);
        let rendezvous = rendezvous().map_err(Error::io(Path::new("127.0.0.1")))?;
        let count = self.members.len();
        let mut running = Vec::with_capacity(count);
        for (rank, member) in self.members.into_iter().enumerate() {
            if !member.metrics.is_file() {
                clear(&member.metrics)?;
            }
            let tail = Tail::at_end(member.metrics.clone())?;
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
            match Process::start(&self.command, environment, &member.log, limits)? {
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
        let heard_ns = clock.monotonic_ns();
        Ok(Ok(Watch {
            outputs: self.outputs,
            output_bytes_max: limits.output_bytes_max,
            heartbeat_timeout_s: self.heartbeat_timeout_s,
            running,
            mark,
            memory,
            clock,
            heard_ns,
            asked: None,
            killed_cpu_ns: 0,
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
            let grace_ns = (grace_s * 1e9) as i64;
            let kill_at_ns = self.clock.monotonic_ns().saturating_add(grace_ns);
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
        match self.news() {
            Ok(Some(sight)) => return Ok(sight),
            Ok(None) => {}
            Err(Error::Output { path, reason }) => {
                let reason = format!("{}: {reason}", path.display());
                return Ok(self.end(Exit::UserError { reason, rank: 0 }).await);
            }
            Err(error) => return Err(error),
        }
        let has_ended = |member: &Running| member.exited.is_some();
        let has_failed = |member: &Running| member.exited.is_some_and(|status| !status.success());
        if self.running.iter().any(has_failed) {
            if self.running.len() > 1 {
                tokio::time::sleep(SETTLE).await;
                self.poll()?;
            }
            // The logs are whole when all are dead.
            self.kill().await;
            let exit = self.failure();
            return Ok(self.end(exit).await);
        }
        if self.running.iter().all(has_ended) {
            self.kill().await;
            return Ok(Sight::Exited(self.checked_outputs()));
        }
        if let Some(exit) = self.overdue().or_else(|| self.without_folder()) {
            return Ok(self.end(exit).await);
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(Sight::Nothing)
    }

    /// CPU time of the attempt so far, nanoseconds: of what ended, what was killed, and what runs.
    pub(crate) fn cpu_ns(&self) -> i64 {
        let ended = self
            .running
            .iter()
            .filter_map(|member| member.process.cpu_ns());
        let running = members(&self.groups(), None);
        let running = running.iter().map(|used| used.cpu_ns);
        self.killed_cpu_ns
            .saturating_add(ended.chain(running).sum())
    }

    fn groups(&self) -> Vec<i32> {
        let groups = self
            .running
            .iter()
            .filter_map(|member| member.process.group());
        groups.collect()
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

    /// What the metrics of all say, and those of rank 0 in words.
    fn news(&mut self) -> Result<Option<Sight>> {
        let (mut lines, mut unused, mut grew) = (Vec::new(), Vec::new(), false);
        for (rank, member) in self.running.iter_mut().enumerate() {
            let news = member.tail.news()?;
            grew |= news.grew;
            if rank == 0 {
                (lines, unused) = (news.lines, news.unused);
            }
        }
        if grew {
            self.heard_ns = self.clock.monotonic_ns();
        }
        let is_empty = lines.is_empty() && unused.is_empty();
        Ok((!is_empty).then_some(Sight::Metrics(lines, unused)))
    }

    /// All that is left of the processes, and of what they started.
    async fn kill(&mut self) {
        let groups = self.groups();
        if !groups.is_empty() {
            // The processes of which this one takes the status tell their time themselves.
            let left = members(&groups, self.mark.as_deref().map(str::as_bytes));
            let others = left.iter().filter(|used| !groups.contains(&used.process));
            self.killed_cpu_ns += others.map(|used| used.cpu_ns).sum::<i64>();
        }
        for member in &mut self.running {
            member.process.kill().await;
        }
    }

    /// Kills what is left, and says how the worker ended: where it was asked to, it did what it was asked.
    async fn end(&mut self, exit: Exit) -> Sight {
        self.kill().await;
        Sight::Exited(self.as_asked(exit))
    }

    /// One that has been silent for too long, or has not ended when it was asked to.
    fn overdue(&self) -> Option<Exit> {
        let now_ns = self.clock.monotonic_ns();
        if let Some((_, kill_at_ns)) = self.asked {
            return (now_ns >= kill_at_ns).then_some(Exit::Stopped);
        }
        let silent_s = now_ns.saturating_sub(self.heard_ns) as f64 / 1e9;
        (silent_s > self.heartbeat_timeout_s).then(|| Exit::Lost {
            reason: format!("hung: no new line of metrics for {silent_s:.0} s"),
            rank: 0,
        })
    }

    /// One that removed the folder in which its outputs are to be.
    fn without_folder(&self) -> Option<Exit> {
        let mut folders = self.outputs.iter().filter_map(|path| path.parent());
        let folder = folders.find(|folder| !folder.is_dir())?;
        Some(Exit::UserError {
            reason: format!(
                "{} is gone: the folder of the job is not the trainer's to remove",
                folder.display()
            ),
            rank: 0,
        })
    }

    fn as_asked(&self, exit: Exit) -> Exit {
        match &self.asked {
            None => exit,
            Some((Ask::Cancelled, _)) => Exit::Stopped,
            Some((Ask::Preempted(by), _)) => Exit::Preempted { reason: by.clone() },
            Some((Ask::Interrupted(by), _)) => Exit::Interrupted { by: by.clone() },
        }
    }

    /// How the attempt failed. Where several processes did, one that was killed is the cause of the others.
    fn failure(&self) -> Exit {
        let failures: Vec<_> = (0_u32..)
            .zip(&self.running)
            .filter_map(|(rank, member)| Some((rank, member, Failure::of(member.exited?)?)))
            .collect();
        let killed = failures
            .iter()
            .find(|(.., failure)| failure.signal().is_some());
        let Some((rank, member, failure)) = killed.or(failures.first()) else {
            return Exit::Stopped;
        };
        let of_rank = match self.running.len() {
            1 => String::new(),
            count => format!("process {rank} of {count}: "),
        };
        failure.exit(&of_rank, *rank, &tail(&member.log), &self.memory)
    }

    fn checked_outputs(&self) -> Exit {
        let fault = |path: &PathBuf| fault_of_output(path, self.output_bytes_max);
        match self.outputs.iter().find_map(fault) {
            // A trainer that was asked to end may do so with status zero.
            Some(fault) => self.as_asked(Exit::UserError {
                reason: format!("exit status 0, but {fault}"),
                rank: 0,
            }),
            None => Exit::Success,
        }
    }
}
