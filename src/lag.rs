//! The arithmetic of lag, the same for whoever measures it.
//!
//! Lag is what is in the log and not yet done: log end minus position. *Read positions before ends*: the end only grows, so
//! a position that was read first is never past it but for what a transaction's markers or a truncated log do, and those
//! count as nothing behind, never as a negative number. A position below the log's start is behind by what is still there:
//! what retention deleted can't be caught up with, and is loss, not lag.

/// A partition as it was seen at one moment. Offsets are as Kafka counts them: the next record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The log's start: the oldest record that is still there.
    pub start: i64,
    /// The log's end. On topics with transactions, the last stable offset: what readers of committed records can reach.
    pub end: i64,
    /// How far the group is: one past the last record that is done, or the committed offset. Nothing where it has not said,
    /// and everything that is there is behind.
    pub position: Option<i64>,
}

impl Partition {
    /// Records behind.
    #[must_use]
    pub fn lag(self) -> u64 {
        let from = self.position.unwrap_or(self.start).max(self.start);
        u64::try_from(self.end.saturating_sub(from)).unwrap_or(0)
    }
}

/// Records behind, summed over a group's partitions.
#[must_use]
pub fn group_lag(partitions: impl IntoIterator<Item = Partition>) -> u64 {
    partitions
        .into_iter()
        .fold(0, |sum, partition| sum.saturating_add(partition.lag()))
}

/// Whether a group has done all that was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// It has.
    Drained,
    /// It has not.
    Behind {
        /// Records behind.
        records: u64,
    },
}

/// Whether a group has done all that was there at one moment.
#[must_use]
pub fn drained(partitions: impl IntoIterator<Item = Partition>) -> Drained {
    match group_lag(partitions) {
        0 => Drained::Drained,
        records => Drained::Behind { records },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(start: i64, end: i64, position: Option<i64>) -> Partition {
        Partition { start, end, position }
    }

    #[test]
    fn is_what_is_there_and_not_done() {
        assert_eq!(at(0, 10, Some(4)).lag(), 6);
        assert_eq!(at(0, 10, None).lag(), 10, "nothing is done yet");
        assert_eq!(at(7, 10, Some(4)).lag(), 3, "what retention deleted is loss");
        assert_eq!(at(7, 10, None).lag(), 3);
        assert_eq!(at(0, 10, Some(12)).lag(), 0, "a log that was truncated is not negative");
        assert_eq!(at(0, 0, None).lag(), 0);
    }

    #[test]
    fn is_summed_over_a_group() {
        let group = [at(0, 10, Some(4)), at(0, 5, Some(9)), at(2, 5, None)];
        assert_eq!(group_lag(group), 9);
        assert_eq!(drained(group), Drained::Behind { records: 9 });
        assert_eq!(drained([at(0, 5, Some(5))]), Drained::Drained);
        assert_eq!(drained([]), Drained::Drained);
    }

    proptest! {
        #[test]
        fn never_overflows_and_never_exceeds_what_is_there(start: i64, end: i64, position: Option<i64>) {
            let lag = at(start, end, position).lag();
            prop_assert!(i128::from(lag) <= (i128::from(end) - i128::from(start)).max(0));
            let most = at(i64::MIN, i64::MAX, None);
            prop_assert!(group_lag([most, most, at(start, end, position)]) >= lag);
        }
    }
}
