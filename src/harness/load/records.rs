//! What one topic gets: due times, keys, partitions and values, all drawn from the seed.

use std::sync::OnceLock;

use crate::harness::protocol::{LoadTopic, RECORD_HEADER, RecordFlags, RecordHeader, Shard, SizeSpec};

use super::keys::{Draw, Zipf, partition_of};
use super::schedule::Schedule;

/// A record that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// Its number in the topic's schedule, all shards counted.
    pub n: u64,
    /// When, in microseconds after the start.
    pub due_us: i64,
}

/// One topic's records of one shard.
#[derive(Debug)]
pub(super) struct Records {
    pub topic: LoadTopic,
    at: usize,
    schedule: Schedule,
    shard: Shard,
    seed: u64,
    tag: u32,
    next: u64,
    zipf: Option<Zipf>,
    /// The number that the next record of each partition has.
    sequences: Vec<u64>,
    /// The number that the next record of each key has.
    key_sequences: std::collections::HashMap<u32, u64>,
    sizes: Sizes,
    poison: Vec<u64>,
    slow: Vec<u64>,
}

/// Where a record goes; its key and value are in the buffers that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub partition: i32,
    pub sequence: u64,
}

impl Records {
    /// Of topic number `at` of the spec.
    pub(super) fn new(at: usize, topic: &LoadTopic, shard: Shard, seed: u64, tag: u32) -> Self {
        let schedule = Schedule::new(&topic.stretches);
        Self {
            at,
            zipf: topic.key.map(|key| Zipf::new(key.cardinality, key.zipf)),
            sequences: vec![0; topic.partitions.max(1) as usize],
            key_sequences: std::collections::HashMap::new(),
            sizes: Sizes::new(topic.size),
            // Two at once are one after the other.
            slow: marked(&schedule, &topic.slow_at_us, topic.poison_at_us.len() as u64),
            poison: marked(&schedule, &topic.poison_at_us, 0),
            topic: topic.clone(),
            schedule,
            shard,
            seed,
            tag,
            next: u64::from(shard.index),
        }
    }

    pub(super) const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The next record of this shard; nothing after the last.
    pub(super) fn peek(&self) -> Option<Due> {
        let due_us = self.schedule.due_us(self.next)?;
        Some(Due { n: self.next, due_us })
    }

    /// Makes the next record, in buffers that it clears first. An empty key is none.
    pub(super) fn make(&mut self, due: &Due, start_us: i64, key: &mut Vec<u8>, value: &mut Vec<u8>) -> Placed {
        self.next = due.n + u64::from(self.shard.of.max(1));
        let mut draw = Draw::of(self.seed, self.at, due.n);
        key.clear();
        let (key_number, partition) = match &self.zipf {
            Some(zipf) => {
                let rank = zipf.rank(&mut draw);
                key.extend_from_slice(b"key-");
                key.extend_from_slice(rank.to_string().as_bytes());
                // A number of keys past 32 bits wraps; the key's text does not.
                #[expect(clippy::cast_possible_truncation, reason = "as said")]
                let number = rank as u32;
                (number, partition_of(key, self.topic.partitions))
            }
            None => {
                let partition = due.n % self.sequences.len() as u64;
                (u32::MAX, i32::try_from(partition).unwrap_or(0))
            }
        };
        let sequence = take_next(&mut self.sequences[usize::try_from(partition).unwrap_or(0)]);
        let mut flags = RecordFlags::NONE.0;
        if self.poison.binary_search(&due.n).is_ok() {
            flags |= RecordFlags::POISON.0;
        }
        if self.slow.binary_search(&due.n).is_ok() {
            flags |= RecordFlags::SLOW.0;
        }
        let header = RecordHeader {
            flags: RecordFlags(flags),
            run: self.tag,
            shard: self.shard.index,
            sequence,
            due_us: start_us + due.due_us,
            key: key_number,
            key_sequence: take_next(self.key_sequences.entry(key_number).or_default()),
        };
        self.sizes.fill(value, &mut draw);
        header.write(value);
        Placed { partition, sequence }
    }
}

const fn take_next(number: &mut u64) -> u64 {
    *number += 1;
    *number - 1
}

/// Sizes: half of the mean and an exponential part, cut at the maximum; what the cut takes from the mean, the exponential
/// part is widened by.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    floor: f64,
    /// The exponential part's mean before the cut; 0 for records of one size.
    scale: f64,
    max: usize,
    /// The share of a value that is noise.
    noise: f64,
}

impl Sizes {
    #[expect(clippy::cast_precision_loss, reason = "records are smaller than 2^53 bytes")]
    fn new(size: SizeSpec) -> Self {
        let max = size.max.max(size.mean);
        let (mean, longest) = (size.mean as f64, max as f64);
        let scale = if max > size.mean {
            widened(mean / 2.0, longest - mean / 2.0)
        } else {
            0.0
        };
        Self {
            floor: if scale > 0.0 { mean / 2.0 } else { mean },
            scale,
            max: usize::try_from(max).unwrap_or(usize::MAX).max(RECORD_HEADER),
            noise: 1.0 / size.compression_ratio.max(1.0),
        }
    }

    /// Fills a value of a size that is drawn: noise first, then zeros, so that it compresses to the share of noise.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cut at the maximum"
    )]
    #[expect(clippy::cast_precision_loss, reason = "records are smaller than 2^53 bytes")]
    fn fill(&self, value: &mut Vec<u8>, draw: &mut Draw) {
        let drawn = self.scale.mul_add(-(1.0 - draw.fraction()).ln(), self.floor);
        let size = (drawn.round() as usize).clamp(RECORD_HEADER, self.max);
        let noise = ((size as f64 * self.noise).round() as usize).min(size);
        value.clear();
        value.reserve(size);
        if noise >= LARGE {
            // Drawing every byte of an image would take a core from what is measured.
            let block = noise_block();
            let mut from = draw.bits() as usize % block.len();
            while value.len() < noise {
                let part = &block[from..block.len().min(from + noise - value.len())];
                value.extend_from_slice(part);
                from = 0;
            }
        }
        while value.len() < noise {
            value.extend_from_slice(&draw.bits().to_le_bytes());
        }
        value.truncate(noise);
        value.resize(size, 0);
    }
}

/// From how many bytes on noise is cut out of a block that is drawn once.
const LARGE: usize = 4 << 10;

/// A mebibyte of noise: compressors look back less far.
fn noise_block() -> &'static [u8] {
    static BLOCK: OnceLock<Vec<u8>> = OnceLock::new();
    BLOCK.get_or_init(|| {
        let mut draw = Draw::of(0x6c61_6770_726f_6f66, 0, 0);
        (0..(1 << 17)).flat_map(|_| draw.bits().to_le_bytes()).collect()
    })
}

/// The numbers of the next records from those moments on, which differ.
fn marked(schedule: &Schedule, at_us: &[u64], skipped: u64) -> Vec<u64> {
    let mut moments = at_us.to_vec();
    moments.sort_unstable();
    let mut numbers: Vec<u64> = Vec::with_capacity(moments.len());
    for us in moments {
        let due = schedule.due_by(i64::try_from(us).unwrap_or(i64::MAX)) + skipped;
        let next = numbers.last().map_or(0, |last| last + 1);
        numbers.push(due.max(next).min(schedule.total().saturating_sub(1)));
    }
    numbers.dedup();
    numbers
}

/// The scale s of an exponential with mean `mean` once it is cut at `most`: s (1 − e^(−most/s)) = mean. By bisection; the
/// left side grows with s towards `most`.
fn widened(mean: f64, most: f64) -> f64 {
    let (mut low, mut high) = (mean, mean * 1e6);
    for _ in 0..100 {
        let middle = (low * high).sqrt();
        if middle * -(-most / middle).exp_m1() < mean {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Draw, Records, Sizes};
    use crate::harness::protocol::{
        KeySpec, LoadTopic, RECORD_HEADER, RecordFlags, RecordHeader, Shard, SizeSpec, Stretch,
    };

    fn topic(key: Option<KeySpec>) -> LoadTopic {
        LoadTopic {
            topic: "t".to_owned(),
            partitions: 4,
            stretches: vec![Stretch {
                from_rate: 100.0,
                to_rate: 100.0,
                seconds: 2.0,
            }],
            size: SizeSpec {
                mean: 100,
                max: 300,
                compression_ratio: 2.0,
            },
            key,
            poison_at_us: vec![500_000, 500_000],
            slow_at_us: vec![1_000_000],
        }
    }

    /// When it is due, its key, its header, its partition, its value.
    type Record = (i64, Vec<u8>, RecordHeader, i32, Vec<u8>);

    /// All records of a shard: when due, key, header, value.
    fn all(topic: &LoadTopic, shard: Shard) -> Vec<Record> {
        let mut records = Records::new(0, topic, shard, 7, 99);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let mut made = Vec::new();
        while let Some(due) = records.peek() {
            let placed = records.make(&due, 1_000, &mut key, &mut value);
            let header = RecordHeader::read(&value).unwrap();
            assert_eq!(
                (header.sequence, header.run, header.shard),
                (placed.sequence, 99, shard.index)
            );
            assert_eq!(header.due_us, due.due_us + 1_000);
            made.push((due.due_us, key.clone(), header, placed.partition, value.clone()));
        }
        made
    }

    #[test]
    fn shards_together_send_what_one_does() {
        let topic = topic(Some(KeySpec {
            cardinality: 6,
            zipf: 1.0,
        }));
        let whole = all(&topic, Shard { index: 0, of: 1 });
        assert_eq!(whole.len(), 200);
        let mut parts: Vec<_> = (0..3).flat_map(|index| all(&topic, Shard { index, of: 3 })).collect();
        parts.sort_by_key(|part| part.0);
        let essence = |records: &[Record]| {
            let seen = records.iter().map(|(due, key, header, partition, value)| {
                (
                    *due,
                    key.clone(),
                    header.flags.0,
                    *partition,
                    value[RECORD_HEADER..].to_vec(),
                )
            });
            seen.collect::<Vec<_>>()
        };
        assert_eq!(essence(&parts), essence(&whole));
        assert_eq!(all(&topic, Shard { index: 0, of: 1 }), whole, "and again the same");
    }

    #[test]
    fn numbers_have_no_gap() {
        let topic = topic(Some(KeySpec {
            cardinality: 6,
            zipf: 0.5,
        }));
        let records = all(&topic, Shard { index: 1, of: 2 });
        for partition in 0..4 {
            let numbers = records
                .iter()
                .filter(|record| record.3 == partition)
                .map(|record| record.2.sequence);
            assert!(numbers.enumerate().all(|(at, number)| number == at as u64));
        }
        for key in 0..6 {
            let numbers = records
                .iter()
                .filter(|record| record.2.key == key)
                .map(|record| record.2.key_sequence);
            assert!(numbers.enumerate().all(|(at, number)| number == at as u64));
        }
        let flagged = |flag: RecordFlags| records.iter().filter(|record| record.2.flags.0 & flag.0 != 0).count();
        assert!(flagged(RecordFlags::POISON) <= 2 && flagged(RecordFlags::SLOW) <= 1);
        let whole = all(&topic, Shard { index: 0, of: 1 });
        let flags: Vec<u8> = whole
            .iter()
            .map(|record| record.2.flags.0)
            .filter(|flags| *flags != 0)
            .collect();
        assert_eq!(flags.len(), 3, "{flags:?}");
    }

    #[test]
    fn without_a_key_they_are_dealt_out() {
        let records = all(&topic(None), Shard { index: 0, of: 1 });
        assert!(
            records
                .iter()
                .all(|record| record.1.is_empty() && record.2.key == u32::MAX)
        );
        let first: Vec<i32> = records.iter().take(5).map(|record| record.3).collect();
        assert_eq!(first, [0, 1, 2, 3, 0]);
    }

    #[test]
    fn sizes_have_their_mean_and_compress() {
        for (mean, max) in [(200, 200), (200, 250), (200, 2_000), (60_000, 1_000_000), (10, 20)] {
            let sizes = Sizes::new(SizeSpec {
                mean,
                max,
                compression_ratio: 4.0,
            });
            let mut seen = BTreeSet::new();
            let (mut sum, mut value) = (0, Vec::new());
            let draws = if mean > 1_000 { 2_000_u64 } else { 20_000 };
            for n in 0..draws {
                sizes.fill(&mut value, &mut Draw::of(1, 0, n));
                sum += value.len() as u64;
                seen.insert(value.len());
                if n == 0 && mean > 100 {
                    let zeros = value.iter().filter(|byte| **byte == 0).count() as f64 / value.len() as f64;
                    assert!((0.72..0.82).contains(&zeros), "{zeros}");
                }
            }
            let expected = mean.max(RECORD_HEADER as u64) as f64;
            let off = sum as f64 / draws as f64 / expected - 1.0;
            assert!(
                off.abs() < if mean > 1_000 { 0.05 } else { 0.02 },
                "{mean} {max}: {off}"
            );
            assert!(*seen.last().unwrap() as u64 <= max.max(RECORD_HEADER as u64));
            assert_eq!(seen.len() > 1, max > mean && max > RECORD_HEADER as u64);
        }
    }
}
