//! The binary under test.

use std::path::PathBuf;

/// The `driveloop` of this build: it lies in a folder above that of the test's own program.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn driveloop_binary() -> PathBuf {
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
