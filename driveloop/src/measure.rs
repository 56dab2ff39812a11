//! What the system measures of this process: time that nobody sets, and CPU time.

/// Nanoseconds by a clock that nobody sets (`CLOCK_MONOTONIC`), the same for all processes of the machine.
#[expect(unsafe_code, reason = "std gives this clock to one process alone")]
pub(crate) fn monotonic_ns() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a variable that outlives the call. The call fails for a clock that there is not alone.
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
    }
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// CPU time of this process and of those whose status it took, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CpuTime {
    pub(crate) own_s: f64,
    pub(crate) children_s: f64,
}

impl CpuTime {
    pub(crate) fn now() -> Self {
        Self {
            own_s: used_s(libc::RUSAGE_SELF),
            children_s: used_s(libc::RUSAGE_CHILDREN),
        }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            own_s: self.own_s - earlier.own_s,
            children_s: self.children_s - earlier.children_s,
        }
    }
}

#[expect(unsafe_code, reason = "std does not tell what a process used")]
fn used_s(who: i32) -> f64 {
    // SAFETY: a rusage is numbers alone, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a variable that outlives the call.
    unsafe {
        libc::getrusage(who, &raw mut usage);
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn cpu_time_is_neither_wall_time_nor_that_of_others() {
        let before = CpuTime::now();
        std::thread::sleep(Duration::from_millis(400));
        let slept = CpuTime::now().since(before);
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(400) {
            sum = std::hint::black_box(sum + 1);
        }
        let computed = CpuTime::now().since(before);
        // Other tests may compute meanwhile; those who sleep cannot add what they did not use.
        assert!(
            computed.own_s > slept.own_s + 0.05,
            "{slept:?} {computed:?}"
        );
        let child = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let status = std::process::Command::new("sh")
            .args(["-c", child])
            .status();
        assert!(status.unwrap().success());
        assert!(CpuTime::now().since(before).children_s > 0.02);
    }
}
