//! The tour of the README, command by command as it stands there.

use std::process::Command;

use driveloop_tests::driveloop_binary;

use crate::harness::{Bench, Run};

const README: &str = include_str!("../../README.md");
/// The heading that the tour is under.
const HEADING: &str = "## Stage by stage";

/// The commands of the first shell block under the heading, without comments.
fn commands() -> Vec<String> {
    let (_, section) = README.split_once(HEADING).expect("the heading");
    let (_, block) = section.split_once("```sh\n").expect("a shell block");
    let (block, _) = block.split_once("```").expect("its end");
    let without_comment = |line: &str| {
        let command = line.split_once("  #").map_or(line, |(command, _)| command);
        command.trim().to_owned()
    };
    block
        .lines()
        .map(without_comment)
        .filter(|command| !command.is_empty() && !command.starts_with('#'))
        .collect()
}

fn run(bench: &Bench, command: &str) -> Run {
    let folder = driveloop_binary();
    let folder = folder.parent().expect("the folder of the binary");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(bench.path(""))
        .env("PATH", format!("{}:{path}", folder.display()));
    Run::of(&shell.output().expect("a shell"))
}

#[test]
fn every_command_of_the_readme_works() {
    let bench = Bench::new();
    let commands = commands();
    assert!(commands.len() >= 15, "{commands:?}");
    let (mut model, mut drive) = (String::new(), String::new());
    for command in commands {
        let command = command.replace("MODEL", &model).replace("DRIVE", &drive);
        let run = run(&bench, &command);
        // A gate may say no, and says so with status 3.
        let may_be_no = command.contains("ota validate") && run.status == 3;
        assert!(
            run.status == 0 || may_be_no,
            "`{command}` ended with {}:\n{}",
            run.status,
            run.stderr
        );
        if command.starts_with("driveloop ingest") {
            drive = bench.cell("SELECT min(log_id) FROM drive");
        }
        if command.starts_with("driveloop train") {
            model = bench.cell("SELECT model_id FROM checkpoint");
            assert!(run.stdout.contains(&model), "train prints the model's name");
        }
    }
    assert_eq!(bench.cell("SELECT count(*) FROM release_verdict"), "1");
}
