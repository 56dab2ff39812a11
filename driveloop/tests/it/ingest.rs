//! What `driveloop ingest` says where there is no terminal.

use std::process::Command;

use crate::harness::{BINARY, run};

#[test]
fn the_summary_counts_drives_rows_and_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let ingest = || {
        run(Command::new(BINARY)
            .current_dir(folder.path())
            .args(["ingest", "logs", "--lake", "lake", "--format", "json"]))
    };
    let simulate = [
        "simulate",
        "--drives",
        "1",
        "--seconds",
        "2",
        "--out",
        "logs",
    ];
    let made = run(Command::new(BINARY)
        .current_dir(folder.path())
        .args(simulate));
    assert_eq!(made.status, 0, "{}", made.stderr);
    let first = ingest();
    assert_eq!(first.status, 0, "{}", first.stderr);
    assert!(first.stderr.contains("found 1 drive, "), "{}", first.stderr);
    assert!(
        first
            .stderr
            .contains("1 drive new, 0 there already, 0 failed; "),
        "{}",
        first.stderr
    );
    assert!(first.stderr.contains(" MB/s, "), "{}", first.stderr);
    assert!(
        !first.stderr.contains('\u{1b}'),
        "plain lines: {}",
        first.stderr
    );
    let again = ingest();
    assert!(
        again
            .stderr
            .contains("0 drives new, 1 there already, 0 failed; 0 rows"),
        "{}",
        again.stderr
    );
    assert_eq!(again.text().lines().count(), 1);
}
