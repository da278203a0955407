//! The lag below which a consumer cannot stay.
//!
//! Records that arrive while a batch is in hand are the next batch. With c seconds a record, a batch of `rate × T`
//! records takes `T = per_batch + commit + rate × T × c`, so `T = (per_batch + commit) ÷ (1 − rate × c)`. Just before
//! a batch is done, it and the next one are both unprocessed: lag reaches `2 × rate × T`. Measured: 500/s, 15 ms a
//! batch and 0.1 ms a record gave 17 to 18 where this says 17; over all measured rows it is within 12 %.
//!
//! A batch never exceeds max_poll_records. Where T would need it to, a full batch takes longer than it takes for as
//! many records to arrive: there is no steady state, and lag grows by what is left over every second.
//!
//! Where fetch_min is more than what arrives within fetch_max_wait, the broker sits on records for that long, and
//! `rate × wait` comes on top; where it is met sooner, the wait is as long as that takes. (Measured with 100,000 bytes
//! at 100 kB/s and 500 ms: 218, where this says 267; the consumer is idle for most of such a cycle, and lag was
//! sampled.) And on average, by Little's law, at least `rate × (time of a batch of one)` records are in hand, and
//! one record at some moment.

mod lines;

use std::time::Duration;

use super::fleet::{Burst, Fleet, Group, Topic, burst};
use super::work::{Known, Work};
use super::{Kind, Proof, Words, exceeds, need};

/// How long the broker may hold records back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// Bytes that the broker waits for (`consumer.fetch_min`).
    pub min: Option<u64>,
    /// The longest that it waits (`consumer.fetch_max_wait`).
    pub max_wait: Option<Duration>,
}

/// The least that the group's lag can be held to at some rate, in records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Floor {
    /// Lag reaches this again and again.
    Steady {
        /// Records, over all members.
        records: f64,
    },
    /// There is no steady state on at least one member.
    Grows {
        /// Records that are in hand in any case: two full batches on such a member.
        at_least: f64,
        /// Records a second, over all members.
        per_second: f64,
    },
}

/// When lag is back at the target after a peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Return {
    /// It stays at or below the target throughout.
    NeverLeft,
    /// That many seconds after the peak's end.
    After {
        /// Seconds.
        seconds: f64,
        /// Seconds until the next peak.
        gap: f64,
    },
    /// Not at the expected rate.
    Never,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// The floor at the expected rate is above the target, or there is none.
    Expected,
    /// After a peak, the next one comes before lag is back at the target.
    NotBack,
}

/// The proof's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// At the expected rate.
    pub expected: Floor,
    /// At the peak rate; nothing where there is no peak.
    pub peak: Option<Floor>,
    /// Records a second of the busiest member at the expected rate.
    pub rate: f64,
    /// T of the busiest member at the expected rate, in seconds; a full batch where there is no steady state.
    pub batch: f64,
    /// How long the broker holds records back at the expected rate, in seconds.
    pub wait: f64,
    /// The target (`targets.lag`), in records.
    pub target: Option<u64>,
    /// When lag is back after a peak; nothing without a peak or a target, or where its times are not declared.
    pub back: Option<Return>,
}

/// The proof, and its numbers where everything that they need is known.
#[derive(Debug, Clone, PartialEq)]
pub struct LagFloor {
    /// As printed.
    pub proof: Proof,
    /// The numbers.
    pub numbers: Option<Numbers>,
    /// What is wrong.
    pub over: Vec<Over>,
}

/// Judges the floor at the expected rate against `target`, and works out when lag is back at it after a peak.
///
/// A target below the floor is [`Broken`](super::Verdict::Broken). Not being back before the next peak is [`Warns`](super::Verdict::Warns). Records
/// are taken to be spread evenly over partitions: skew only raises the floor.
#[must_use]
pub fn prove(
    work: &Work,
    topics: &[Topic],
    group: &Group,
    fetch: &Fetch,
    target: Option<u64>,
    words: Words,
) -> LagFloor {
    let mut unknown = Vec::new();
    let known = work.known(&mut unknown);
    let fleet = Fleet::known(topics, group, &mut unknown);
    let target = need(target, "targets.lag", &mut unknown);
    let min = need(fetch.min, "consumer.fetch_min", &mut unknown);
    let hold = match min {
        // One byte is there as soon as a record is.
        Some(0 | 1) => Some(None),
        Some(min) => hold(min, fetch, topics, &mut unknown).map(Some),
        None => None,
    };
    let (Some(known), Some((fleet, topics)), Some(hold)) = (known, fleet, hold) else {
        return LagFloor {
            proof: Proof::of(Kind::LagFloor, Vec::new(), unknown),
            numbers: None,
            over: Vec::new(),
        };
    };
    let members = |rates: &[f64]| -> Vec<Member> {
        let shares = fleet.shares.iter();
        shares
            .map(|share| Member::at(share.members, fleet.receives(share, rates), &known, hold))
            .collect()
    };
    let (expected, peak) = (members(&fleet.rates), members(&fleet.peaks));
    let busiest = expected.iter().max_by(|one, other| one.rate.total_cmp(&other.rate));
    let peaks = fleet.peaks_at_all();
    let goal = target.map(wide);
    let back = goal.filter(|_| peaks).and_then(|target| {
        if total(&peak) <= target && !grows(&peak) {
            return Some(Return::NeverLeft);
        }
        burst(&topics, &mut unknown).map(|burst| back(&expected, &peak, burst, target))
    });
    let numbers = Numbers {
        expected: floor(&expected),
        peak: peaks.then(|| floor(&peak)),
        rate: busiest.map_or(0.0, |member| member.rate),
        batch: busiest.map_or(0.0, |member| member.batch),
        wait: busiest.map_or(0.0, |member| member.wait),
        target,
        back,
    };
    let mut over = Vec::new();
    if grows(&expected) || goal.is_some_and(|target| exceeds(total(&expected), target)) {
        over.push(Over::Expected);
    } else if matches!(back, Some(Return::After { seconds, gap }) if seconds > gap) {
        over.push(Over::NotBack);
    }
    let lines = lines::lines(&numbers, &fleet, &expected, busiest, &over, words);
    LagFloor {
        proof: Proof::of(Kind::LagFloor, lines, unknown),
        numbers: Some(numbers),
        over,
    }
}

/// Until when the broker holds records back.
#[derive(Debug, Clone, Copy)]
struct Hold {
    /// Bytes.
    min: f64,
    /// Bytes a record.
    mean: f64,
    /// Seconds.
    longest: f64,
}

fn hold(min: u64, fetch: &Fetch, topics: &[Topic], unknown: &mut Vec<String>) -> Option<Hold> {
    let longest = need(fetch.max_wait, "consumer.fetch_max_wait", unknown);
    let (mut bytes, mut rates, mut complete) = (0.0, 0.0, true);
    for topic in topics {
        let mean = need(topic.record.mean, topic.path("record.mean"), unknown);
        complete &= mean.is_some() && topic.rate.is_some();
        let (mean, rate) = (mean.map_or(0.0, wide), topic.rate.unwrap_or(0.0).max(0.0));
        // fetch_min counts bytes as they are on the wire.
        bytes += rate * mean / topic.compression_ratio.max(1.0);
        rates += rate;
    }
    complete.then_some(Hold {
        min: wide(min),
        mean: if rates > 0.0 { bytes / rates } else { 0.0 },
        longest: longest?.as_secs_f64(),
    })
}

/// What members that hold equally much come to at some rate.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// How many there are.
    members: f64,
    /// Records a second that each receives.
    rate: f64,
    /// Records a second that each can process.
    capacity: f64,
    /// T in seconds; a full batch where there is no steady state.
    batch: f64,
    /// How long the broker holds records back, in seconds.
    wait: f64,
    /// Records that each has in hand at worst.
    lag: f64,
}

impl Member {
    fn at(members: u32, rate: f64, known: &Known, hold: Option<Hold>) -> Self {
        let capacity = known.capacity();
        let steady = rate <= 0.0 || rate < capacity;
        let batch = if rate <= 0.0 {
            known.overhead()
        } else if steady {
            // Positive: what a full batch can sustain, a batch of any size can per record.
            known.overhead() / (1.0 - rate * known.per_record()).max(f64::EPSILON)
        } else {
            known.full_batch()
        };
        let wait = hold
            .filter(|_| rate > 0.0)
            .map_or(0.0, |hold| (hold.min / (rate * hold.mean)).min(hold.longest));
        let one = known.overhead() + known.mean;
        let in_hand = if steady {
            (2.0 * rate * batch).max(if rate > 0.0 { rate * one } else { 0.0 })
        } else {
            2.0 * f64::from(known.records)
        };
        Self {
            members: f64::from(members),
            rate,
            capacity,
            batch,
            wait,
            lag: in_hand + rate * wait,
        }
    }

    fn growth(&self) -> f64 {
        if self.rate < self.capacity {
            0.0
        } else {
            self.rate - self.capacity
        }
    }
}

/// Whether lag grows for ever on some member.
fn grows(members: &[Member]) -> bool {
    members
        .iter()
        .any(|member| member.rate > 0.0 && member.rate >= member.capacity)
}

/// The group's lag: at least one record at some moment, if any arrive.
fn total(members: &[Member]) -> f64 {
    let sum: f64 = members.iter().map(|member| member.members * member.lag).sum();
    if members.iter().any(|member| member.rate > 0.0) {
        sum.max(1.0)
    } else {
        0.0
    }
}

fn floor(members: &[Member]) -> Floor {
    if grows(members) {
        Floor::Grows {
            at_least: total(members),
            per_second: members.iter().map(|member| member.members * member.growth()).sum(),
        }
    } else {
        Floor::Steady {
            records: total(members),
        }
    }
}

/// How long after the end of a peak the group's lag is back at the target. Every member works its own backlog off
/// with what the expected rate leaves of its capacity, down to its floor.
fn back(expected: &[Member], peak: &[Member], burst: Burst, target: f64) -> Return {
    if grows(expected) || exceeds(total(expected), target) {
        return Return::Never;
    }
    let at = |time: f64| -> f64 {
        let each = expected.iter().zip(peak).map(|(expected, peak)| {
            let behind = peak.lag + peak.growth() * burst.lasts;
            let done = if time > 0.0 {
                (expected.capacity - expected.rate) * time
            } else {
                0.0
            };
            expected.members * (behind - done).max(expected.lag)
        });
        each.sum()
    };
    let target = target.max(expected.iter().map(|member| member.members * member.lag).sum());
    // When every member is done; members without load have nothing to do.
    let all = expected.iter().zip(peak).map(|(expected, peak)| {
        let left = (peak.lag + peak.growth() * burst.lasts - expected.lag).max(0.0);
        if left > 0.0 {
            left / (expected.capacity - expected.rate)
        } else {
            0.0
        }
    });
    let (mut early, mut late) = (0.0, all.fold(0.0, f64::max));
    // The sum never rises: halve until the time is known to a millionth of the whole.
    for _ in 0..64 {
        let middle = f64::midpoint(early, late);
        if exceeds(at(middle), target) {
            early = middle;
        } else {
            late = middle;
        }
    }
    Return::After {
        seconds: late,
        gap: burst.gap,
    }
}

/// Records or bytes as a float.
#[allow(clippy::cast_precision_loss)]
fn wide(whole: u64) -> f64 {
    whole as f64
}
