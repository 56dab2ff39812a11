//! Running the binary.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use driveloop_tests::{driveloop_binary, s3_environment};

/// A folder to work in, with the binary beside it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// What a run of the binary left.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A lake: its URI, and the environment that reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    uri: String,
    environment: Vec<(&'static str, String)>,
}

impl Place {
    /// A folder of the bench.
    pub(crate) fn local(name: &str) -> Self {
        Self {
            uri: name.to_owned(),
            environment: Vec::new(),
        }
    }

    /// A prefix of a bucket, behind the S3 server or proxy at an address.
    pub(crate) fn s3(address: SocketAddr, bucket_and_prefix: &str) -> Self {
        Self {
            uri: format!("s3://{bucket_and_prefix}"),
            environment: s3_environment(address),
        }
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("the file is written");
    }

    /// The binary, to be run in the folder, with the lake `lake` in it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&Place::local("lake"), arguments)
    }

    /// The binary, to be run in the folder, with the lake of the place.
    pub(crate) fn command_at(&self, place: &Place, arguments: &[&str]) -> Command {
        let mut command = Command::new(driveloop_binary());
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env("DRIVELOOP_LAKE", &place.uri)
            .envs(place.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_at(&Place::local("lake"), arguments)
    }

    pub(crate) fn run_at(&self, place: &Place, arguments: &[&str]) -> Run {
        Run::of(
            &self
                .command_at(place, arguments)
                .output()
                .expect("the binary starts"),
        )
    }

    /// The output of a run that must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.ok_at(&Place::local("lake"), arguments)
    }

    pub(crate) fn ok_at(&self, place: &Place, arguments: &[&str]) -> String {
        let run = self.run_at(place, arguments);
        assert_eq!(run.status, 0, "{arguments:?} at {place:?}\n{}", run.stderr);
        run.stdout
    }

    /// The only cell of a query's answer.
    pub(crate) fn cell(&self, sql: &str) -> String {
        self.lines(sql).into_iter().next().unwrap_or_default()
    }

    /// The rows of a query's answer as comma-separated values.
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        let csv = self.ok(&["sql", sql, "--format", "csv"]);
        csv.lines().skip(1).map(str::to_owned).collect()
    }

    /// Writes simulated logs to a folder of the bench.
    pub(crate) fn simulate(&self, drives: usize, seconds: u32, seed: u64, out: &str) {
        let (drives, seconds, seed) = (drives.to_string(), seconds.to_string(), seed.to_string());
        self.ok(&[
            "simulate",
            "--drives",
            &drives,
            "--seconds",
            &seconds,
            "--seed",
            &seed,
            "--out",
            out,
        ]);
    }
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A Python program of this crate.
pub(crate) fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(name)
}
