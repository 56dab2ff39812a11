//! CPU time of processes that run.
//!
//! The system hands the time of a process to whoever takes its status, that of its own children with it. Those that are killed
//! while they run, and whose parents are killed with them, are looked at before.

/// The processes of an attempt that run now, with what each has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) process: i32,
    /// Its own CPU time and that of its children whose status it took, nanoseconds.
    pub(crate) cpu_ns: i64,
}

/// The processes of groups, and those that have an entry in their environment.
pub(crate) fn members(groups: &[i32], mark: Option<&[u8]>) -> Vec<Used> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new(); // A system without this folder has no processes that could be found.
    };
    let tick_ns = tick_ns();
    let own = i32::try_from(std::process::id()).ok();
    let processes = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|process| Some(*process) != own);
    let used = processes.filter_map(|process| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let stat = Stat::parse(&stat)?;
        let is_member = groups.contains(&stat.group)
            || mark.is_some_and(|mark| crate::sweep::is_marked(process, mark));
        let cpu_ns = stat.ticks.saturating_mul(tick_ns);
        is_member.then_some(Used { process, cpu_ns })
    });
    used.collect()
}

/// What a line of `/proc/<process>/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    group: i32,
    ticks: i64,
}

impl Stat {
    /// The fields are counted from the end of the name, which may hold anything.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        // utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5); the group is field 5.
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<i64>());
        Some(Self {
            group: fields.get(2)?.parse().ok()?,
            ticks: ticks.sum::<Result<i64, _>>().ok()?,
        })
    }
}

/// Nanoseconds of a tick of the kernel's accounting.
#[expect(unsafe_code, reason = "std does not ask for configuration values")]
fn tick_ns() -> i64 {
    // SAFETY: sysconf takes an integer and touches no memory of ours.
    let ticks_per_s = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    1_000_000_000 / ticks_per_s.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let line = "17 (a) b (c) S 1 16 16 0 -1 4194560 9 8 7 6 10 20 30 40 20 0 1 0";
        let expected = Stat {
            group: 16,
            ticks: 100,
        };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse("17 (a) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }
}
