//! Sets of record numbers, kept as intervals: what was acknowledged, processed, lost.

use std::collections::BTreeMap;

use super::{Range, Stream};

/// A set of numbers, kept as disjoint intervals that do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `from..to` and says how many of these were new.
    pub fn insert(&mut self, from: u64, to: u64) -> u64 {
        if from >= to {
            return 0;
        }
        // Nearly always the numbers that follow the last one.
        match self.0.last_mut() {
            None => {
                self.0.push((from, to));
                return to - from;
            }
            Some(last) if last.1 == from => {
                last.1 = to;
                return to - from;
            }
            Some(last) if last.1 < from => {
                self.0.push((from, to));
                return to - from;
            }
            Some(_) => {}
        }
        let first = self.0.partition_point(|interval| interval.1 < from);
        let after = self.0.partition_point(|interval| interval.0 <= to);
        let touched = &self.0[first..after];
        let known: u64 = touched
            .iter()
            .map(|&(a, b)| b.min(to).saturating_sub(a.max(from)))
            .sum();
        let start = touched.first().map_or(from, |interval| interval.0.min(from));
        let end = touched.last().map_or(to, |interval| interval.1.max(to));
        self.0.splice(first..after, [(start, end)]);
        to - from - known
    }

    /// How many numbers it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has `number`.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|interval| interval.1 <= number);
        self.0.get(at).is_some_and(|interval| interval.0 <= number)
    }

    /// Its intervals in order: from, and one past the end.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Adds all of `other` and says how many were new.
    pub fn union(&mut self, other: &Self) -> u64 {
        other.iter().map(|(from, to)| self.insert(from, to)).sum()
    }

    /// What `wanted` has and this does not.
    #[must_use]
    pub fn missing(&self, wanted: &Self) -> Self {
        let mut missing = Vec::new();
        let mut at = 0;
        for (mut from, to) in wanted.iter() {
            while at < self.0.len() && self.0[at].1 <= from {
                at += 1;
            }
            let mut next = at;
            while from < to {
                let (start, end) = self.0.get(next).copied().unwrap_or((to, to));
                if start > from {
                    missing.push((from, start.min(to)));
                }
                from = end.max(from);
                next += 1;
                if start >= to {
                    break;
                }
            }
        }
        Self(missing)
    }
}

/// Record numbers by stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamIntervals(BTreeMap<Stream, Intervals>);

impl StreamIntervals {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a range and says how many of its numbers were new.
    pub fn insert(&mut self, range: &Range) -> u64 {
        match self.0.get_mut(&range.stream) {
            Some(intervals) => intervals.insert(range.from, range.to),
            None => {
                let mut intervals = Intervals::new();
                let new = intervals.insert(range.from, range.to);
                self.0.insert(range.stream.clone(), intervals);
                new
            }
        }
    }

    /// Adds all of them and says how many numbers were new.
    pub fn extend<'a>(&mut self, ranges: impl IntoIterator<Item = &'a Range>) -> u64 {
        ranges.into_iter().map(|range| self.insert(range)).sum()
    }

    /// The numbers of one stream.
    #[must_use]
    pub fn stream(&self, stream: &Stream) -> Option<&Intervals> {
        self.0.get(stream)
    }

    /// How many numbers it has in all streams.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().map(Intervals::count).sum()
    }

    /// All streams and their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Stream, &Intervals)> {
        self.0.iter()
    }

    /// What `wanted` has and this does not.
    #[must_use]
    pub fn missing(&self, wanted: &Self) -> Self {
        let nothing = Intervals::new();
        let missing = wanted.0.iter().filter_map(|(stream, wanted)| {
            let missing = self.0.get(stream).unwrap_or(&nothing).missing(wanted);
            (!missing.is_empty()).then(|| (stream.clone(), missing))
        });
        Self(missing.collect())
    }

    /// As ranges, in the order of streams.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range> {
        let ranges = self.0.iter().flat_map(|(stream, intervals)| {
            intervals.iter().map(|(from, to)| Range {
                stream: stream.clone(),
                from,
                to,
            })
        });
        ranges.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Intervals, StreamIntervals};
    use crate::harness::protocol::{Range, Stream};

    fn of(intervals: &[(u64, u64)]) -> Intervals {
        let mut set = Intervals::new();
        for (from, to) in intervals {
            set.insert(*from, *to);
        }
        set
    }

    #[test]
    fn neighbours_become_one() {
        let mut set = of(&[(0, 3), (6, 9), (3, 5)]);
        assert_eq!(set.0, [(0, 5), (6, 9)]);
        assert_eq!(set.insert(2, 8), 1, "only 5 is new");
        assert_eq!(set.0, [(0, 9)]);
        assert_eq!(set.insert(4, 4), 0);
        assert_eq!((set.contains(8), set.contains(9)), (true, false));
        assert_eq!(
            of(&[(5, 6), (1, 2)]).missing(&of(&[(0, 8)])).0,
            [(0, 1), (2, 5), (6, 8)]
        );
    }

    #[test]
    fn streams_are_apart() {
        let range = |shard, from, to| Range {
            stream: Stream {
                topic: "t".to_owned(),
                partition: 1,
                shard,
            },
            from,
            to,
        };
        let mut sent = StreamIntervals::new();
        assert_eq!(sent.extend(&[range(0, 0, 10), range(1, 0, 5)]), 15);
        let mut done = StreamIntervals::new();
        assert_eq!(done.extend(&[range(0, 2, 10), range(0, 8, 12)]), 10);
        assert_eq!(done.missing(&sent).ranges(), [range(0, 0, 2), range(1, 0, 5)]);
        assert_eq!((sent.count(), done.count()), (15, 10));
        assert!(done.stream(&range(1, 0, 0).stream).is_none());
    }

    proptest! {
        #[test]
        fn like_a_set_of_numbers(
            ours in prop::collection::vec((0_u64..60, 0_u64..12), 0..24),
            theirs in prop::collection::vec((0_u64..60, 0_u64..12), 0..24),
        ) {
            let build = |list: &[(u64, u64)]| {
                let (mut set, mut numbers) = (Intervals::new(), BTreeSet::new());
                for (from, length) in list {
                    let before = numbers.len();
                    numbers.extend(*from..from + length);
                    assert_eq!(set.insert(*from, from + length), (numbers.len() - before) as u64);
                }
                (set, numbers)
            };
            let numbers = |set: &Intervals| set.iter().flat_map(|(from, to)| from..to).collect::<BTreeSet<_>>();
            let ((mut a, a_numbers), (b, b_numbers)) = (build(&ours), build(&theirs));
            prop_assert_eq!(numbers(&a), a_numbers.clone());
            prop_assert!(a.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            prop_assert_eq!(a.count(), a_numbers.len() as u64);
            for number in 0..75 {
                prop_assert_eq!(a.contains(number), a_numbers.contains(&number));
            }
            prop_assert_eq!(numbers(&a.missing(&b)), b_numbers.difference(&a_numbers).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(a.union(&b), b_numbers.difference(&a_numbers).count() as u64);
            prop_assert_eq!(numbers(&a), a_numbers.union(&b_numbers).copied().collect::<BTreeSet<_>>());
        }
    }
}
