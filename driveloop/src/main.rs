//! The command line of driveloop: verbs that read like the loop.
//!
//! `main` parses and dispatches; each verb is a file of [`commands`], a thin wrapper of a library call.
//! Data goes to standard output, everything else to standard error.
//! Exit status: 0 done, 1 failed, 2 usage, 3 done with something dropped, or a gate that said no, 130 and 143 ended by SIGINT and
//! SIGTERM.

mod answer;
mod cli;
mod commands;
mod context;
mod hint;
mod ingest_options;
mod ingest_view;
mod measure;
mod progress;
mod prompt;
mod render;
mod round;
mod sheet;
mod stop;
mod watches;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

/// Time for a query that was stopped to notice it and delete what it spilled; longer computing is not waited for.
const STOPPING_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, whole.
    Done,
    /// Done, but something was dropped, or a gate said no.
    WithLoss,
    /// Ctrl-C stopped it.
    Interrupted,
    /// SIGTERM stopped it.
    Terminated,
}

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    quiet_background_panics();
    let runtime = || Builder::new_multi_thread().enable_all().build();
    let (runtime, computing) = match (runtime(), runtime()) {
        (Ok(runtime), Ok(computing)) => (runtime, computing),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(cli.run(computing.handle().clone()));
    computing.shutdown_timeout(STOPPING_MAX);
    runtime.shutdown_timeout(STOPPING_MAX);
    match ended {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::WithLoss) => ExitCode::from(3),
        // What a shell says of a program that Ctrl-C ended.
        Ok(Exit::Interrupted) => ExitCode::from(130),
        Ok(Exit::Terminated) => ExitCode::from(143),
        Err(error) if hint::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", hint::explain(&error));
            ExitCode::from(1)
        }
    }
}

/// A panic in a background task comes back as the error of the command that waits for it; its own text would stand before
/// that error, where a person looks first. (Delta's writer panics when it gives up a file on a full disk.)
fn quiet_background_panics() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some("main") {
            loud(panic);
        }
    }));
}
