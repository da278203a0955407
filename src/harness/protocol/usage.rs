//! What this process uses.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// What this process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    /// CPU seconds of all threads since its start.
    pub cpu_seconds: f64,
    /// Seconds since its start that the thread which waited longest was ready to run and did not; nothing where the system
    /// does not tell.
    pub cpu_wait_seconds: Option<f64>,
    /// Resident bytes; nothing where the system does not tell.
    pub resident_bytes: Option<u64>,
}

/// Looks at this process. A thread that ends stays counted up to when it was last looked at.
#[derive(Debug, Default)]
pub struct UsageMeter {
    longest_ns: u64,
}

impl UsageMeter {
    /// A meter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is used now.
    pub fn look(&mut self) -> ProcessUsage {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
        let cpu_seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        ProcessUsage {
            cpu_seconds,
            cpu_wait_seconds: self.waited(),
            resident_bytes: resident(),
        }
    }

    /// From `/proc/self/task/*/schedstat`: time on the CPU, time waiting for one (nanoseconds), slices.
    fn waited(&mut self) -> Option<f64> {
        for task in fs::read_dir("/proc/self/task").ok()? {
            let task = task.ok()?;
            // A thread may end between the two looks.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            self.longest_ns = self.longest_ns.max(parse_waited(&text)?);
        }
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run")]
        Some(self.longest_ns as f64 / 1e9)
    }
}

fn parse_waited(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

/// From `/proc/self/statm`.
fn resident() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{UsageMeter, parse_waited};

    #[test]
    fn a_line_of_proc() {
        assert_eq!(parse_waited("123 456 7\n"), Some(456));
        for text in ["", "123", "123 x 7"] {
            assert_eq!(parse_waited(text), None);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn our_own_never_falls() {
        let mut meter = UsageMeter::new();
        let mut last = meter.look();
        assert!(last.resident_bytes.unwrap() > 1_000_000, "{last:?}");
        for _ in 0..5 {
            let threads: Vec<_> = (0..4)
                .map(|_| thread::spawn(|| (0..100_000_u64).sum::<u64>()))
                .collect();
            let during = meter.look();
            threads.into_iter().for_each(|thread| drop(thread.join()));
            let after = meter.look();
            assert!(during.cpu_seconds >= last.cpu_seconds && after.cpu_seconds >= during.cpu_seconds);
            assert!(during.cpu_wait_seconds >= last.cpu_wait_seconds, "{during:?} {last:?}");
            assert!(
                after.cpu_wait_seconds >= during.cpu_wait_seconds,
                "{after:?} {during:?}"
            );
            last = after;
        }
    }
}
