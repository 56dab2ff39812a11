//! Signals by which a command is asked to end: Ctrl-C, and SIGTERM as `docker stop` sends it.
//!
//! While a training runs, the signal is handed on: its workers are given their grace for a last checkpoint, and the command ends
//! when they have. At other times, and at a second signal, it ends at once.

use std::future::Future;
use std::pin::pin;

use anyhow::Result;
use driveloop_train_orchestrator::{Error, Stop};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Exit, hint};

/// Does work that can be asked to end by way of a stop.
pub(crate) async fn with_signals(
    stop: &Stop,
    work: impl Future<Output = Result<Exit>>,
) -> Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut work = pin!(work);
    let mut first = None;
    loop {
        let (name, exit) = tokio::select! {
            done = &mut work => return ended(done, first),
            _ = terminate.recv() => ("SIGTERM", Exit::Terminated),
            _ = interrupt.recv() => ("SIGINT", Exit::Interrupted),
        };
        if first.is_some() || !stop.is_heard() {
            return Ok(exit);
        }
        first = Some(exit);
        eprintln!(
            "{name}: the trainers are asked to end, and given their `grace_s` for a last checkpoint; a second signal ends at once"
        );
        stop.ask(name);
    }
}

/// What was interrupted says so, and ends with the status of the signal.
fn ended(done: Result<Exit>, signal: Option<Exit>) -> Result<Exit> {
    let error = match done {
        Ok(exit) => return Ok(exit),
        Err(error) => error,
    };
    let is_interrupted = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(Error::Interrupted { .. }))
    };
    match signal {
        Some(exit) if error.chain().any(is_interrupted) => {
            eprint!("{}", hint::explain(&error));
            Ok(exit)
        }
        _ => Err(error),
    }
}
