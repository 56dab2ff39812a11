//! A small lake, and runs of the binary over it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// The binary.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_driveloop");

/// A lake with one simulated drive of three seconds, made once for all tests, which only read it.
pub(crate) fn lake() -> &'static Path {
    static LAKE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
        let (logs_text, lake_text) = (logs.display().to_string(), lake.display().to_string());
        for arguments in [
            vec![
                "simulate",
                "--drives",
                "1",
                "--seconds",
                "3",
                "--seed",
                "7",
                "--out",
                &logs_text,
            ],
            vec!["ingest", &logs_text, "--lake", &lake_text],
        ] {
            let made = run(Command::new(BINARY).args(&arguments));
            assert_eq!(made.status, 0, "{arguments:?}: {}", made.stderr);
        }
        (folder, lake)
    });
    &LAKE.1
}

/// What a run left.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text")
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub(crate) fn run(command: &mut Command) -> Run {
    command.output().expect("the program starts").into()
}

/// `driveloop sql` over the lake.
pub(crate) fn sql_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("sql")
        .args(arguments)
        .env("DRIVELOOP_LAKE", lake())
        .stdin(Stdio::null());
    command
}

pub(crate) fn sql(arguments: &[&str]) -> Run {
    run(&mut sql_command(arguments))
}

/// The same with something on standard input.
pub(crate) fn sql_with_input(arguments: &[&str], input: &str) -> Run {
    let mut command = sql_command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it is read");
    drop(stdin);
    child.wait_with_output().expect("the program ends").into()
}

/// A Python with pyarrow, or one without any library.
pub(crate) fn python(needs_peers: bool) -> Option<Command> {
    let mut python = Command::new("python3");
    match std::env::var_os("DRIVELOOP_PEERS") {
        Some(peers) => {
            python.env("PYTHONPATH", peers);
        }
        None if needs_peers => {
            eprintln!("skipped: DRIVELOOP_PEERS is not set");
            return None;
        }
        None => {}
    }
    Some(python)
}
