//! Stretches in which a worker finishes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use super::WorkerSpec;

/// The stretches in which nothing is finished, as far as they are known: those of the spec, and those that commands told
/// since. Shared by all threads of a worker.
#[derive(Debug, Clone, Default)]
pub struct Stalls(Arc<Mutex<Vec<(i64, i64)>>>);

impl Stalls {
    /// Those of a spec.
    #[must_use]
    pub fn of(spec: &WorkerSpec) -> Self {
        let start = spec.ticks.start_us;
        let at = |us: u64| start.saturating_add(i64::try_from(us).unwrap_or(i64::MAX));
        let known = spec.work.stalls_us.iter().map(|(from, to)| (at(*from), at(*to)));
        Self(Arc::new(Mutex::new(known.collect())))
    }

    /// Adds one, from and to in microseconds of Unix time.
    pub fn add(&self, from_us: i64, to_us: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((from_us, to_us));
    }

    /// The end of the stall that is on at `now_us`; of several, the last one's.
    #[must_use]
    pub fn end_at(&self, now_us: i64) -> Option<i64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let on = known.iter().filter(|(from, to)| (*from..*to).contains(&now_us));
        on.map(|(_, to)| *to).max()
    }
}

#[cfg(test)]
mod tests {
    use super::Stalls;

    #[test]
    fn one_that_is_on_has_an_end() {
        let stalls = Stalls::default();
        assert_eq!(stalls.end_at(5), None);
        stalls.add(5, 10);
        stalls.add(7, 20);
        let ends = [4, 5, 6, 7, 19, 20].map(|now| stalls.end_at(now));
        assert_eq!(ends, [None, Some(10), Some(10), Some(20), Some(20), None]);
    }
}
