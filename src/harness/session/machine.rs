//! The machine that a verdict comes from.

use std::fs;

use crate::harness::outcome::MachineFacts;

/// The machine that this runs on; what can't be told is empty or 0.
#[must_use]
pub fn machine() -> MachineFacts {
    let name = rustix::system::uname();
    let words = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    MachineFacts {
        system: format!("{} {}", words(name.sysname()), words(name.release())),
        processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
            .unwrap_or_else(|| words(name.machine())),
        cores: cores(),
        memory: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()).unwrap_or(0),
    }
}

/// The cores that this process may use.
#[must_use]
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{machine, memory, processor};

    #[test]
    fn lines_of_proc() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\n";
        assert_eq!(processor(text).as_deref(), Some("Some CPU @ 2.0GHz"));
        assert_eq!(memory("MemTotal:       1000 kB\nMemFree: 1 kB\n"), Some(1_024_000));
        assert_eq!((processor(""), memory("")), (None, None));
        assert!(machine().cores >= 1);
    }
}
