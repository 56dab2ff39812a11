//! What this machine has, and whether a job fits on it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::schedule::{Request, Slots};
use crate::spec::JobSpec;

/// How long the driver's program may take: it hangs where a GPU does.
const LIST_MAX: Duration = Duration::from_secs(20);
/// Bytes of its answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const MIB: u64 = 1024 * 1024;

/// The slots of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// CPU cores that this process may use.
    pub cpus: u32,
    /// Memory, MiB, within the limits of the control group.
    pub memory_mib: u64,
    /// The GPUs that may be used, by number.
    pub gpus: Vec<Gpu>,
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its number, as the driver counts.
    pub index: u32,
    /// Its name for `CUDA_VISIBLE_DEVICES`, the same in whatever order CUDA counts.
    pub uuid: String,
}

impl Machine {
    /// Looks what there is. GPUs are those that `nvidia-smi` lists, as far as a list like that of `CUDA_VISIBLE_DEVICES` admits
    /// them; a machine without the program has none.
    #[must_use]
    pub fn find(nvidia_smi: &str, visible: Option<&str>) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32);
        Self {
            cpus,
            memory_mib: memory_mib(),
            gpus: visible_gpus(parse_gpus(&list_gpus(nvidia_smi)), visible),
        }
    }

    /// All slots, free.
    #[must_use]
    pub fn slots(&self) -> Slots {
        Slots {
            cpus: self.cpus,
            memory_mib: self.memory_mib,
            gpus: self.gpus.iter().map(|gpu| gpu.index).collect(),
        }
    }

    /// What all processes of a job occupy together.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where this machine has less.
    pub fn request(&self, spec: &JobSpec) -> Result<Request> {
        let resources = spec.resources;
        let pinned_gpu = spec.pinned_gpu();
        let gpus_each = resources.gpus.unwrap_or_else(|| {
            let auto = spec.device == "auto" && !self.gpus.is_empty();
            u32::from(pinned_gpu.is_some() || auto)
        });
        let total = |each: u32| each.saturating_mul(spec.processes);
        let request = Request {
            cpus: total(resources.cpus),
            memory_mib: resources.memory_mib.saturating_mul(spec.processes.into()),
            gpus: total(gpus_each.max(u32::from(pinned_gpu.is_some()))),
            pinned_gpu,
        };
        let too_large = |what: &str, asked: String, there: String| {
            Err(Error::TooLarge {
                job: spec.name.clone(),
                asked: format!("{asked} {what}"),
                there,
            })
        };
        let slots = self.slots();
        if request.cpus > self.cpus {
            return too_large("CPUs", request.cpus.to_string(), self.cpus.to_string());
        }
        if request.memory_mib > self.memory_mib {
            return too_large(
                "MiB of memory",
                request.memory_mib.to_string(),
                self.memory_mib.to_string(),
            );
        }
        if request.gpus as usize > slots.gpus.len() {
            return too_large(
                "GPUs",
                request.gpus.to_string(),
                slots.gpus.len().to_string(),
            );
        }
        if !slots.fit(&request) {
            let there: Vec<_> = slots.gpus.iter().map(|gpu| format!("cuda:{gpu}")).collect();
            return too_large("", spec.device.clone(), there.join(", "));
        }
        Ok(request)
    }

    /// The value of `CUDA_VISIBLE_DEVICES` for the GPUs of a job; `None` on a machine without any.
    pub(crate) fn visible<'a>(&self, gpus: impl IntoIterator<Item = &'a u32>) -> Option<String> {
        if self.gpus.is_empty() {
            return None;
        }
        let uuid = |index: &u32| {
            let found = self.gpus.iter().find(|gpu| gpu.index == *index);
            found.map_or_else(String::new, |gpu| gpu.uuid.clone())
        };
        Some(gpus.into_iter().map(uuid).collect::<Vec<_>>().join(","))
    }
}

/// The name of this machine and of the time since it was started: whoever has the same text sees the same processes.
pub(crate) fn host() -> String {
    format!("{}/{}", kernel("hostname"), boot())
}

/// The time since this machine was started; empty where the system does not tell.
pub(crate) fn boot() -> String {
    kernel("random/boot_id")
}

fn kernel(name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    text.unwrap_or_default().trim().to_owned()
}

/// The file that counts the processes which the kernel killed because memory had run out: that of the control group, or that
/// of the machine; `None` where the system has none.
pub(crate) fn memory_events() -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let files = memory_events_of(&groups).into_iter().map(PathBuf::from);
    let mut files = files.chain([PathBuf::from("/proc/vmstat")]);
    files.find(|path| out_of_memory_kills(path).is_some())
}

/// Where the control groups of a process count, version 2 before version 1. In a container the group is the root of what is seen.
fn memory_events_of(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let path = path.trim_end_matches('/');
        if controllers.is_empty() {
            files.insert(0, "/sys/fs/cgroup/memory.events".to_owned());
            files.insert(0, format!("/sys/fs/cgroup{path}/memory.events"));
        } else if controllers.split(',').any(|name| name == "memory") {
            files.push(format!("/sys/fs/cgroup/memory{path}/memory.oom_control"));
            files.push("/sys/fs/cgroup/memory/memory.oom_control".to_owned());
        }
    }
    files
}

/// Processes that were killed because memory had run out, as a file of [`memory_events`] counts them.
pub(crate) fn out_of_memory_kills(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let count = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse().ok();
    text.lines().find_map(count)
}

/// The memory of the machine, or of the control group where that is less.
fn memory_mib() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = parse_meminfo(&read("/proc/meminfo")).unwrap_or(u64::MAX);
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let group = limits
        .iter()
        .filter_map(|path| read(path).trim().parse::<u64>().ok())
        .min();
    machine.min(group.unwrap_or(u64::MAX)) / MIB
}

/// Bytes of memory in all.
fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// What the driver's program says; nothing where it is not there, fails, or hangs.
fn list_gpus(program: &str) -> String {
    let child = Command::new(program)
        .args(["--query-gpu=index,uuid", "--format=csv,noheader"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return String::new();
    };
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(None) if waited < LIST_MAX => {
                std::thread::sleep(step);
                waited += step;
            }
            _ => {
                // Whatever came of it is of no use; that it cannot be killed either changes nothing.
                let _ = child.kill();
                let _ = child.wait();
                return String::new();
            }
        }
    }
    let mut text = String::new();
    if let Some(output) = child.stdout.take() {
        // A torn answer names those GPUs that it names.
        let _ = output.take(ANSWER_BYTES_MAX).read_to_string(&mut text);
    }
    text
}

/// Lines `0, GPU-<uuid>`.
fn parse_gpus(text: &str) -> Vec<Gpu> {
    let gpu = |line: &str| {
        let (index, uuid) = line.split_once(',')?;
        Some(Gpu {
            index: index.trim().parse().ok()?,
            uuid: uuid.trim().to_owned(),
        })
    };
    text.lines().filter_map(gpu).collect()
}

/// Those that a list admits: numbers, or beginnings of names. As in CUDA, what comes after an entry that names none counts for
/// nothing.
fn visible_gpus(gpus: Vec<Gpu>, visible: Option<&str>) -> Vec<Gpu> {
    let Some(visible) = visible else {
        return gpus;
    };
    let named = visible.split(',').map_while(|entry| {
        let entry = entry.trim();
        gpus.iter().position(|gpu| match entry.parse::<u32>() {
            Ok(index) => gpu.index == index,
            Err(_) => !entry.is_empty() && gpu.uuid.starts_with(entry),
        })
    });
    let mut named: Vec<usize> = named.collect();
    named.sort_unstable();
    named.dedup();
    named.into_iter().map(|place| gpus[place].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::Trainer;

    fn gpus() -> Vec<Gpu> {
        parse_gpus("0, GPU-aaaa\n1, GPU-bbbb\nnonsense\n2, GPU-bccc\n")
    }

    fn machine() -> Machine {
        Machine {
            cpus: 8,
            memory_mib: 1000,
            gpus: gpus(),
        }
    }

    #[test]
    fn gpus_are_those_that_are_listed_and_visible() {
        let of = |visible: Option<&str>| -> Vec<u32> {
            visible_gpus(gpus(), visible)
                .iter()
                .map(|gpu| gpu.index)
                .collect()
        };
        assert_eq!(of(None), [0, 1, 2]);
        assert_eq!(of(Some("2, 0")), [0, 2]);
        assert_eq!(of(Some("GPU-b,GPU-aaaa")), [0, 1]);
        assert_eq!(
            of(Some("1,-1,0")),
            [1],
            "nothing counts after one that is not there"
        );
        assert_eq!(of(Some("")), [0_u32; 0]);
        assert_eq!(Machine::find("no-such-program", None).gpus, []);
    }

    #[test]
    fn what_a_job_asks_for_is_counted_over_its_processes() {
        let mut spec = JobSpec::new("a", "d");
        assert_eq!(
            machine().request(&spec).unwrap().gpus,
            1,
            "`auto` takes one where there is one"
        );
        spec.trainer = Trainer::Command(vec!["true".into()]);
        spec.processes = 4;
        spec.resources.cpus = 2;
        spec.resources.gpus = Some(0);
        spec.resources.memory_mib = 250;
        let request = machine().request(&spec).unwrap();
        let expected = Request {
            cpus: 8,
            memory_mib: 1000,
            gpus: 0,
            pinned_gpu: None,
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn what_is_more_than_there_is_says_so() {
        let check = |change: fn(&mut JobSpec), expected: &str| {
            let mut spec = JobSpec::new("a", "d");
            change(&mut spec);
            let error = machine().request(&spec).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(
            |spec| spec.resources.cpus = 9,
            "asks for 9 CPUs, there are 8",
        );
        check(
            |spec| spec.resources.memory_mib = 1001,
            "asks for 1001 MiB of memory, there are 1000",
        );
        check(
            |spec| spec.resources.gpus = Some(4),
            "asks for 4 GPUs, there are 3",
        );
        check(|spec| spec.device = "cuda:7".into(), "cuda:7");
        check(|spec| spec.resources.cpus = u32::MAX, "CPUs");
    }

    #[test]
    fn kills_for_want_of_memory_are_counted_where_the_system_counts_them() {
        let of = |groups: &str| memory_events_of(groups).join(" ");
        let two = "/sys/fs/cgroup/a/b/memory.events /sys/fs/cgroup/memory.events";
        let one =
            "/sys/fs/cgroup/memory/a/memory.oom_control /sys/fs/cgroup/memory/memory.oom_control";
        assert_eq!(of("0::/a/b\n"), two);
        assert_eq!(of("4:cpu,memory:/a\n3:cpuset:/\n"), one);
        assert_eq!(of("4:memory:/a\n0::/a/b\nnonsense"), format!("{two} {one}"));
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("memory.events");
        assert_eq!(out_of_memory_kills(&path), None);
        std::fs::write(&path, "oom 9\noom_kill 3\noom_group_kill 1\n").unwrap();
        assert_eq!(out_of_memory_kills(&path), Some(3));
    }

    #[test]
    fn the_memory_of_this_machine_is_found() {
        assert_eq!(
            parse_meminfo("MemTotal:       16 kB\nMemFree: 1 kB"),
            Some(16 * 1024)
        );
        let memory_mib = memory_mib();
        assert!((1..u64::MAX / MIB).contains(&memory_mib), "{memory_mib}");
    }
}
