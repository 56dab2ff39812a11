//! What tests need and a machine may lack: the Python peers, and real data.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with the packages that `tools/setup --peers` installs into `DRIVELOOP_PEERS`; says so where it is absent.
#[must_use]
pub fn peers_python() -> Option<Command> {
    python("DRIVELOOP_PEERS", "make test")
}

/// A Python with the packages that `tools/setup --bench` installs into `DRIVELOOP_BENCH`; says so where it is absent.
#[must_use]
pub fn bench_python() -> Option<Command> {
    python("DRIVELOOP_BENCH", "make bench")
}

fn python(variable: &str, installed_by: &str) -> Option<Command> {
    let Some(folder) = std::env::var_os(variable).filter(|folder| !folder.is_empty()) else {
        eprintln!(
            "skipped: {variable} names no folder with Python packages (`{installed_by}` installs them)"
        );
        return None;
    };
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", folder);
    Some(command)
}

/// Real data for tests: `DRIVELOOP_TEST_DATA`, or a folder beside the checkout; says so where it is absent.
#[must_use]
pub fn test_data(name: &str) -> Option<PathBuf> {
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
