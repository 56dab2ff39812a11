//! One attempt on this machine: starts the worker, watches its metrics, and says how it ended.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::folder::tail;
use crate::metrics::{MetricsLine, Tail};
use crate::options::Clock;
use crate::process::Process;
use crate::state::Exit;

/// Between two looks at a worker.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What the dynamic loader says where a library is missing, or is of another version.
const LOADER_ERRORS: [&str; 2] = [
    "error while loading shared libraries",
    "symbol lookup error",
];

/// What to start, and what must be there in the end.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) log: PathBuf,
    pub(crate) metrics: PathBuf,
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) heartbeat_timeout_s: f64,
}

/// Something seen of a worker.
#[derive(Debug)]
pub(crate) enum Sight {
    /// New lines of metrics.
    Metrics(Vec<MetricsLine>),
    /// It ended.
    Exited(Exit),
}

/// A worker that runs.
pub(crate) struct Watch {
    attempt: Attempt,
    process: Process,
    tail: Tail,
    clock: Clock,
    heard_ns: i64,
    exited: Option<ExitStatus>,
}

impl Attempt {
    /// Starts the worker; the inner error says why it does not start here.
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
        let tail = Tail::at_end(self.metrics.clone());
        let heard_ns = clock();
        let started = Process::start(&self.command, &self.environment, &self.log)?;
        Ok(match started {
            Ok(process) => Ok(Watch {
                attempt: self,
                process,
                tail,
                clock,
                heard_ns,
                exited: None,
            }),
            Err(error) => Err(Exit::CannotStart {
                reason: error.to_string(),
            }),
        })
    }
}

impl Watch {
    /// Waits for the next thing to see.
    pub(crate) async fn next(&mut self) -> Result<Sight> {
        loop {
            // The status is asked for first, so that the metrics are read whole before the end is told.
            if self.exited.is_none() {
                let status = self.process.poll().map_err(Error::io(&self.attempt.log))?;
                self.exited = status;
            }
            let news = self.tail.news()?;
            if news.grew {
                self.heard_ns = (self.clock)();
            }
            if !news.lines.is_empty() {
                return Ok(Sight::Metrics(news.lines));
            }
            if let Some(status) = self.exited {
                // What the worker started and left behind goes with it.
                self.process.kill().await;
                return Ok(Sight::Exited(self.exit(status)));
            }
            let silent_s = ((self.clock)() - self.heard_ns) as f64 / 1e9;
            if silent_s > self.attempt.heartbeat_timeout_s {
                self.process.kill().await;
                let reason = format!("hung: no new line of metrics for {silent_s:.0} s");
                return Ok(Sight::Exited(Exit::Lost { reason }));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn exit(&self, status: ExitStatus) -> Exit {
        if let Some(signal) = status.signal() {
            return Exit::Lost {
                reason: format!("killed by signal {signal}"),
            };
        }
        if !status.success() {
            let code = status.code().unwrap_or(-1);
            let log = tail(&self.attempt.log);
            if let (127, Some(line)) = (code, log.lines().find(|line| is_loader_error(line))) {
                return Exit::CannotStart {
                    reason: line.to_owned(),
                };
            }
            return Exit::UserError {
                reason: format!("exit status {code}"),
            };
        }
        match self.attempt.outputs.iter().find(|path| !path.is_file()) {
            Some(path) => Exit::UserError {
                reason: format!("exit status 0, but no {}", path.display()),
            },
            None => Exit::Success,
        }
    }
}

fn is_loader_error(line: &str) -> bool {
    LOADER_ERRORS.iter().any(|error| line.contains(error))
}
