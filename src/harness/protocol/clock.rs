//! Time in a process of the harness: Unix time that does not jump while it runs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Unix time, read once and then carried on by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    instant: Instant,
    unix_us: i64,
}

impl Clock {
    /// Reads the system's clock.
    #[must_use]
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            instant: Instant::now(),
            unix_us: micros(unix),
        }
    }

    /// Now, in microseconds of Unix time.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.unix_us + micros(self.instant.elapsed())
    }

    /// What the monotonic clock shows at a Unix time; of one long past, when this clock was started.
    #[must_use]
    pub fn instant_at(&self, unix_us: i64) -> Instant {
        let ahead = u64::try_from(unix_us - self.unix_us).unwrap_or(0);
        self.instant + Duration::from_micros(ahead)
    }

    /// The Unix time at what the monotonic clock shows.
    #[must_use]
    pub fn unix_us_at(&self, instant: Instant) -> i64 {
        match instant.checked_duration_since(self.instant) {
            Some(after) => self.unix_us + micros(after),
            None => self.unix_us - micros(self.instant.duration_since(instant)),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;

    #[test]
    fn both_ways() {
        let clock = Clock::start();
        let later = clock.unix_us + 1_500_000;
        assert_eq!(clock.unix_us_at(clock.instant_at(later)), later);
        assert_eq!(clock.instant_at(clock.unix_us - 1), clock.instant);
        assert!(clock.now_us() >= clock.unix_us);
        let before = clock.instant.checked_sub(Duration::from_millis(2)).unwrap();
        assert_eq!(clock.unix_us_at(before), clock.unix_us - 2_000);
    }
}
