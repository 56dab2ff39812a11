//! File to committed tables, side by side with `rerun mcap convert` on the same files, one after the other.
//!
//! `make bench` runs it. It prints a table and asks for nothing: machines differ. `DRIVELOOP_BENCH_SCALE` makes the logs
//! shorter (0.1) or longer; at 1 they are 50 s with cameras and lidar, about 1 GB, and 1 M small messages.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints and stops at the first surprise"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driveloop_tests::{Usage, bench_python, driveloop_binary, run_measured, setting, test_data};

/// Each program reads each log so many times; the cheapest run counts.
const ROUNDS: usize = 2;

/// A log and what is in it.
struct Log {
    name: &'static str,
    path: PathBuf,
    messages: f64,
    payload_mb: f64,
}

fn main() {
    // The shared generator writes images from photos; ours, which is always there, noise.
    let generator = test_data("../tools/make_mcap.py");
    let scale = setting("DRIVELOOP_BENCH_SCALE", 1.0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-ingest");
    std::fs::create_dir_all(&folder).expect("a folder");
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>12} {:>12} {:>7}",
        "", "CPU s", "wall s", "peak MB", "MB/CPU s", "k msg/CPU s", "ratio"
    );
    for (profile, ours, seconds) in [("full", "media", 50.0), ("dense", "dense", 1500.0)] {
        let seconds = seconds * scale;
        let Some(log) = log(
            &folder,
            generator
                .as_deref()
                .map_or(Err(ours), |path| Ok((path, profile))),
            seconds,
        ) else {
            return;
        };
        compare(&folder, &log);
    }
}

/// A log from an earlier run, or a new one: by the shared generator, or with the profile of ours.
fn log(
    folder: &Path,
    generator: Result<(&Path, &'static str), &'static str>,
    seconds: f64,
) -> Option<Log> {
    let mut python = bench_python()?;
    let (name, kind) = match generator {
        Ok((path, profile)) => {
            python
                .arg(path)
                .args(["--profile", profile, "--seconds", &seconds.to_string()]);
            (profile, "shared")
        }
        Err(profile) => {
            python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/make_log.py"));
            (profile, "made")
        }
    };
    let path = folder.join(format!("{kind}-{name}-{seconds}.mcap"));
    let said = path.with_extension("txt");
    if !said.exists() {
        match generator {
            Ok(_) => python.arg("--out").arg(&path),
            Err(profile) => python.arg(&path).args([&seconds.to_string(), profile]),
        };
        let output = python
            .stderr(Stdio::inherit())
            .output()
            .expect("python3 starts");
        assert!(output.status.success(), "the generator ends well");
        std::fs::write(&said, output.stdout).expect("the text is written");
    }
    let text = std::fs::read_to_string(&said).expect("what the generator said");
    // Both say `PATH: N msgs, payload X MB, …` at last.
    let last = text
        .lines()
        .last()
        .expect("a line")
        .rsplit_once(": ")
        .expect("the path and more")
        .1;
    let mut numbers = last.split(' ').filter_map(|word| word.parse().ok());
    let (messages, payload_mb) = (
        numbers.next().expect("messages"),
        numbers.next().expect("payload"),
    );
    Some(Log {
        name,
        path,
        messages,
        payload_mb,
    })
}

fn compare(folder: &Path, log: &Log) {
    println!(
        "{}: {} messages, payload {} MB",
        log.name, log.messages, log.payload_mb
    );
    let (lake, recording) = (folder.join("lake"), folder.join("recording.rrd"));
    let mut ingest = Command::new(driveloop_binary());
    ingest.arg("ingest").arg(&log.path).arg("--lake").arg(&lake);
    let mut convert = rerun();
    convert
        .args(["mcap", "convert"])
        .arg(&log.path)
        .arg("-o")
        .arg(&recording);
    let mut costs: [Option<Usage>; 2] = [None, None];
    for _ in 0..ROUNDS {
        for (command, cost) in [&mut ingest, &mut convert].into_iter().zip(&mut costs) {
            let _ = std::fs::remove_dir_all(&lake);
            let _ = std::fs::remove_file(&recording);
            let usage = run_measured(command.stdout(Stdio::null()).stderr(Stdio::null()));
            assert!(usage.status.success(), "{command:?}: {:?}", usage.status);
            *cost = Some(cost.filter(|best| best.cpu <= usage.cpu).unwrap_or(usage));
        }
    }
    let [Some(ours), Some(theirs)] = costs else {
        return;
    };
    let ratio = theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64();
    row("driveloop ingest", log, ours, &format!("{ratio:.2}"));
    row("rerun mcap convert", log, theirs, "1");
    let _ = std::fs::remove_dir_all(&lake);
    let _ = std::fs::remove_file(&recording);
}

/// The program itself: the script of the same name would count a Python interpreter with it.
fn rerun() -> Command {
    let folder = std::env::var_os("DRIVELOOP_BENCH").expect("it was there");
    Command::new(Path::new(&folder).join("rerun_cli/rerun"))
}

fn row(name: &str, log: &Log, usage: Usage, ratio: &str) {
    let cpu_s = usage.cpu.as_secs_f64();
    println!(
        "  {name:<26} {cpu_s:>9.2} {:>9.2} {:>9.0} {:>12.0} {:>12.0} {ratio:>7}",
        usage.wall.as_secs_f64(),
        usage.memory_bytes_max as f64 / 1e6,
        log.payload_mb / cpu_s,
        log.messages / 1000.0 / cpu_s
    );
}
