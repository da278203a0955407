//! What a broker's process uses.

use std::time::Duration;

use crate::units::Size;

/// What a broker's process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since it started, in all threads, of user and system.
    pub cpu: Duration,
    /// Its resident memory now.
    pub resident: Size,
}

/// From `/proc/PID/stat` and `/proc/PID/statm`; a clock tick is `1 / ticks` of a second.
pub(super) fn parse_usage(stat: &str, statm: &str, ticks: u64, page: u64) -> Option<Usage> {
    // The second field is the command in parentheses, which may hold spaces and parentheses.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let used = number(11)? + number(12)?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(Usage {
        cpu: Duration::from_micros(used.checked_mul(1_000_000)?.checked_div(ticks)?),
        resident: Size(pages.checked_mul(page)?),
    })
}

/// Of a process on this machine; nothing where there is no `/proc`, or no such process.
pub(super) fn usage_of(process: u32) -> Option<Usage> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).ok();
    parse_usage(
        &read("stat")?,
        &read("statm")?,
        rustix::param::clock_ticks_per_second(),
        rustix::param::page_size() as u64,
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse_usage, usage_of};
    use crate::units::Size;

    #[test]
    fn a_line_of_proc() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 99 1000 25 18446744073709551615";
        let usage = parse_usage(stat, "1000 25 10 1 0 50 0\n", 100, 4096).unwrap();
        assert_eq!((usage.cpu, usage.resident), (Duration::from_secs(3), Size(25 * 4096)));
        for (stat, statm) in [("", ""), ("42 (a) S", "1 2"), (stat, "1"), (stat, "")] {
            assert_eq!(parse_usage(stat, statm, 100, 4096), None);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn our_own() {
        let before = usage_of(std::process::id()).unwrap();
        assert!(before.resident.bytes() > 1_000_000, "{before:?}");
        assert_eq!(usage_of(u32::MAX), None);
    }
}
