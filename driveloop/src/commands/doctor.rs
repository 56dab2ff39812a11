//! `driveloop doctor`: what this machine has, and what it lacks.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use bytes::Bytes;

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::Sheet;

pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let checks = [
        ("lake", lake(context).await),
        ("worker", worker()),
        ("libtorch", libtorch()),
    ];
    let mut sheet = Sheet::new(&["check", "state", "detail"]);
    let mut exit = Exit::Done;
    for (check, result) in checks {
        let (state, detail) = match result {
            Ok(detail) => ("ok", detail),
            Err(error) => {
                exit = Exit::WithLoss;
                ("missing", format!("{error:#}"))
            }
        };
        sheet.row([check.into(), state.into(), detail.into()]);
    }
    render::sheet(context.format, sheet)?;
    Ok(exit)
}

/// Writes and reads an object.
async fn lake(context: &Context) -> Result<String> {
    let lake = context.lake().await?;
    let store = lake.store();
    store.put("doctor", Bytes::from_static(b"ok")).await?;
    let read = store.get("doctor").await?;
    anyhow::ensure!(read.as_ref() == b"ok", "what was written did not come back");
    Ok(format!("{} can be written and read", store.url()))
}

fn worker() -> Result<String> {
    Ok(worker_path()?.display().to_string())
}

/// Asks the worker, which loads libtorch before it answers.
fn libtorch() -> Result<String> {
    let output = Command::new(worker_path()?)
        .arg("doctor")
        .output()
        .context("cannot start driveloop-worker")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().replace('\n', "; ");
    anyhow::ensure!(
        output.status.success(),
        "driveloop-worker: {}",
        text(&output.stderr)
    );
    Ok(text(&output.stdout))
}

/// The worker: `DRIVELOOP_WORKER`, or the one beside this program.
pub(crate) fn worker_path() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("DRIVELOOP_WORKER") {
        return Ok(path.into());
    }
    let path = std::env::current_exe()?.with_file_name("driveloop-worker");
    anyhow::ensure!(
        path.is_file(),
        "there is no driveloop-worker at {}",
        path.display()
    );
    Ok(path)
}
