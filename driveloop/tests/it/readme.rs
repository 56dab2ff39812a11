//! The session that README.md shows is what happens.

use std::path::Path;
use std::process::Command;

use crate::harness::{BINARY, run};

/// The commands of the first `console` block, each with what it is shown to print.
fn session(readme: &str) -> Vec<(String, String)> {
    let block = readme
        .split("```console\n")
        .nth(1)
        .expect("README.md has a session");
    let block = block.split("```").next().expect("the block ends");
    let mut session: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), session.last_mut()) {
            (Some(command), _) => session.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => *output += &format!("{line}\n"),
            (None, None) => panic!("`{line}` belongs to no command"),
        }
    }
    session
}

#[test]
fn the_session_of_the_readme_is_what_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md is there");
    let binaries = Path::new(BINARY)
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap_or_default());
    let session = session(&readme);
    assert!(session.len() > 4);
    for (command, expected) in session {
        let ran = run(Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env_remove("DRIVELOOP_LAKE"));
        // What is not shown, as the progress of an ingest, is left out.
        if expected.is_empty() {
            assert_eq!(ran.status, 0, "{command}: {}", ran.stderr);
        } else {
            let shown = format!("{}{}", ran.text(), ran.stderr);
            assert_eq!(shown, expected, "{command}");
        }
    }
}
