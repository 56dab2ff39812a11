//! What the GPUs of an attempt did, as the driver's management library (NVML) samples it, by way of its program `nvidia-smi`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Between two samples, of which each counts for the time until the next.
const SAMPLE_EVERY_MS: i64 = 1000;
/// Nothing was sampled.
const NOTHING: i64 = -1;

/// Samples the GPUs of an attempt until it is dropped.
#[derive(Debug)]
pub(crate) struct GpuWatch {
    busy_ns: Arc<AtomicI64>,
    child: Option<Child>,
}

impl GpuWatch {
    /// Begins to sample. Where there are no GPUs, or the program is not there, nothing is measured.
    pub(crate) fn start(program: Option<&str>, uuids: &[&str]) -> Self {
        let busy_ns = Arc::new(AtomicI64::new(NOTHING));
        let child = program
            .filter(|_| !uuids.is_empty())
            .and_then(|program| sample(program, uuids, &busy_ns));
        Self { busy_ns, child }
    }

    /// Time in which a GPU computed, over all of them, nanoseconds; `None` where nothing was measured.
    pub(crate) fn busy_ns(&self) -> Option<i64> {
        let busy_ns = self.busy_ns.load(Ordering::Relaxed);
        (busy_ns != NOTHING).then_some(busy_ns)
    }
}

fn sample(program: &str, uuids: &[&str], busy_ns: &Arc<AtomicI64>) -> Option<Child> {
    let spawned = Command::new(program)
        .args([
            "--query-gpu=uuid,utilization.gpu",
            "--format=csv,noheader,nounits",
        ])
        .arg(format!("--id={}", uuids.join(",")))
        .arg(format!("--loop-ms={SAMPLE_EVERY_MS}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = spawned.ok()?;
    if let Some(output) = child.stdout.take() {
        let busy_ns = Arc::clone(busy_ns);
        std::thread::spawn(move || add_samples(output, &busy_ns));
    }
    Some(child)
}

/// Adds up what the program says until it ends.
fn add_samples(output: ChildStdout, busy_ns: &AtomicI64) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(percent) = utilization(&line) {
            let sample_ns = percent * SAMPLE_EVERY_MS * 10_000;
            let before = busy_ns.load(Ordering::Relaxed).max(0);
            busy_ns.store(before + sample_ns, Ordering::Relaxed);
        }
    }
}

/// A line `GPU-<uuid>, 37`: per cent of the last moment in which a kernel ran. A GPU that does not tell says `[N/A]`.
fn utilization(line: &str) -> Option<i64> {
    let percent = line.rsplit_once(',')?.1.trim().parse().ok()?;
    (0..=100).contains(&percent).then_some(percent)
}

impl Drop for GpuWatch {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that hangs with its GPU is not waited for.
            let _ = child.kill();
            std::thread::spawn(move || child.wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_does_not_tell_is_not_counted() {
        assert_eq!(utilization("GPU-aa, 37"), Some(37));
        for line in ["GPU-aa, [N/A]", "GPU-aa, 101", "GPU-aa", "", "GPU-aa, -1"] {
            assert_eq!(utilization(line), None, "{line}");
        }
        assert_eq!(
            GpuWatch::start(Some("no-such-program"), &["GPU-aa"]).busy_ns(),
            None
        );
        assert_eq!(GpuWatch::start(None, &["GPU-aa"]).busy_ns(), None);
    }
}
