//! Running the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env("DRIVELOOP_LAKE", "lake");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.command(arguments).output().expect("the binary starts"))
    }

    /// The output of a run that must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}\n{}", run.stderr);
        run.stdout
    }

    /// The only cell of a query's answer.
    pub(crate) fn cell(&self, sql: &str) -> String {
        let csv = self.ok(&["sql", sql, "--format", "csv"]);
        csv.lines().nth(1).unwrap_or_default().to_owned()
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

/// The binary of this build: it lies two folders above the test.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let binary = folder.join("driveloop");
    assert!(
        binary.is_file(),
        "{} is not there: `make build` builds it",
        binary.display()
    );
    binary
}

/// Real data for tests: `DRIVELOOP_TEST_DATA`, or a folder beside the checkout. Says so where it is absent.
pub(crate) fn test_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("DRIVELOOP_TEST_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    let found = path.exists();
    if !found {
        eprintln!(
            "skipped: there is no {} (DRIVELOOP_TEST_DATA names its folder)",
            path.display()
        );
    }
    found.then_some(path)
}

/// A Python with the readers that `tools/setup --peers` installs; says so where they are absent.
pub(crate) fn peers_python() -> Option<Command> {
    let Some(folder) = std::env::var_os("DRIVELOOP_PEERS") else {
        eprintln!(
            "skipped: DRIVELOOP_PEERS names no folder with the Python readers (`make test` installs them)"
        );
        return None;
    };
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", folder);
    Some(command)
}
