//! `driveloop logs`: what the processes of a training run have written.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use driveloop_train_orchestrator::{Driven, Limits, RunView, find_run};

use super::train::clock;
use crate::Exit;
use crate::context::Context;

/// How often a log that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Which log to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job, or identity of the run.
    job: String,
    /// Show what is written, attempt after attempt, until the run ends.
    #[arg(long)]
    follow: bool,
    /// An attempt other than the last one.
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    attempt: Option<u32>,
    /// Process of a gang.
    #[arg(long, value_name = "N", default_value_t = 0)]
    rank: usize,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let mut run = find_run(&lake, &args.job, &clock()).await?;
    let mut reader = Reader::default();
    if !args.follow {
        let path = log(&run, args)?;
        anyhow::ensure!(path.is_file(), "there is no {}", elsewhere(&run, &path));
        reader.copy(path)?;
        return Ok(Exit::Done);
    }
    loop {
        // Whether it has ended is asked before the log is read, so that it is read whole.
        let has_ended = !run.state.phase.is_live() || run.driven == Driven::No;
        if let Ok(path) = log(&run, args) {
            reader.copy(path)?;
        }
        if has_ended {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(LOOK_EVERY).await;
        run = find_run(&lake, &run.run_id, &clock()).await?;
    }
}

/// The log of the asked process and attempt.
fn log(run: &RunView, args: &Args) -> Result<PathBuf> {
    let logs = run.logs(args.attempt);
    anyhow::ensure!(
        !logs.is_empty(),
        "job `{}` has no log yet: no attempt was begun",
        run.name
    );
    let count = logs.len();
    logs.into_iter().nth(args.rank).ok_or_else(|| {
        let (name, last) = (&run.name, count - 1);
        anyhow::anyhow!("job `{name}` has ranks 0 to {last}, no rank {}", args.rank)
    })
}

/// A path with the machine that it is on.
fn elsewhere(run: &RunView, path: &std::path::Path) -> String {
    let owner = run.state.owner.as_ref();
    let owner = owner.map_or_else(String::new, |owner| format!(", which {owner} wrote"));
    format!("{}{owner}", path.display())
}

/// Copies what is new in a log to standard output.
#[derive(Default)]
struct Reader {
    path: PathBuf,
    offset: u64,
}

impl Reader {
    /// From where the last copy ended, or from the beginning of another file. One that is not there yet is empty.
    fn copy(&mut self, path: PathBuf) -> Result<()> {
        if self.path != path {
            self.path = path;
            self.offset = 0;
        }
        let Ok(mut file) = File::open(&self.path) else {
            return Ok(());
        };
        // No further than its present end: what is being written is for the next look.
        let end = file.metadata()?.len();
        if end < self.offset {
            // Its middle was cut: what comes after the beginning that is kept is shown, some of it a second time.
            self.offset = Limits::default().log_head_bytes.min(end);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut rest = file.take(end.saturating_sub(self.offset));
        let mut output = std::io::stdout().lock();
        self.offset += std::io::copy(&mut rest, &mut output)?;
        Ok(output.flush()?)
    }
}
