//! Whether members can process what arrives.
//!
//! A member's capacity is `n ÷ (per_batch + commit + ⌈n ÷ concurrency⌉ × mean)`: as load nears it, batches are full.
//! ρ is what a member receives over its capacity, for the member that receives most, twice: with records spread evenly
//! over partitions, and with the hottest partition of every topic on that member. A peak may exceed the capacity if
//! what it leaves behind is worked off before the next.

use super::fleet::{Burst, Fleet, Group, Keys, Share, Topic, burst};
use super::skew::hottest_share;
use super::text::{count, percent, rate, ratio, records, seconds};
use super::work::Work;
use super::{Kind, Line, Proof, Verdict, Words};

/// The utilisation at peak above which there is too little to spare.
pub const BUSY: f64 = 0.8;

/// What one member receives, and what that makes of its capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Records a second at the expected rate.
    pub expected: f64,
    /// Records a second at the peak.
    pub peak: f64,
    /// ρ at the expected rate.
    pub rho_expected: f64,
    /// ρ at the peak.
    pub rho_peak: f64,
}

/// What becomes of a peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drain {
    /// It leaves nothing behind.
    Nothing,
    /// It leaves a backlog.
    Backlog {
        /// Records that one member is behind when the peak ends.
        records: f64,
        /// Seconds until that is worked off; infinite where the expected rate leaves nothing to spare.
        seconds: f64,
        /// Seconds until the next peak.
        gap: f64,
    },
}

/// What is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// ρ ≥ 1 at the expected rate: lag grows for ever.
    Expected,
    /// ρ ≥ 1 at the peak, and its backlog is not worked off before the next.
    NotDrained,
    /// ρ ≥ 1 at the peak; its backlog is worked off in time.
    Peak,
    /// ρ > 0.8 at the peak.
    Busy,
}

/// The proof's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Records a second that one member can process.
    pub capacity: f64,
    /// What the declared concurrency is worth: less than declared where one thread burns CPU.
    pub concurrency: f64,
    /// Members that hold partitions.
    pub usable: u32,
    /// Members that hold none.
    pub idle: u32,
    /// The busiest member with records spread evenly over partitions.
    pub even: Load,
    /// The busiest member if it holds the hottest partition of every topic; nothing where keys are not declared.
    pub hottest: Option<Load>,
    /// The largest share of a topic that one partition gets, over all topics; nothing where keys are not declared.
    pub hottest_share: Option<f64>,
    /// What becomes of the peak; nothing where its times are not declared.
    pub drain: Option<Drain>,
}

/// The proof, and its numbers where everything that they need is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    /// As printed.
    pub proof: Proof,
    /// The numbers.
    pub numbers: Option<Numbers>,
    /// What is too much, each once, the worst first.
    pub over: Vec<Over>,
}

/// Judges ρ at the expected and the peak rate, and the time to work off a peak.
///
/// ρ ≥ 1 at the expected rate is [`Verdict::Broken`]. At the peak it is [`Verdict::Warns`] if the backlog is worked
/// off before the next one, else Broken. ρ > 0.8 at the peak [`Verdict::Warns`].
#[must_use]
pub fn prove(work: &Work, topics: &[Topic], group: &Group, words: Words) -> Capacity {
    let mut unknown = Vec::new();
    let known = work.known(&mut unknown);
    let fleet = Fleet::known(topics, group, &mut unknown);
    let (Some(known), Some((fleet, topics))) = (known, fleet) else {
        return Capacity {
            proof: Proof::of(Kind::Capacity, Vec::new(), unknown),
            numbers: None,
            over: Vec::new(),
        };
    };
    let capacity = known.capacity();
    let even = busiest(capacity, &fleet, |share, rates| fleet.receives(share, rates));
    let shares = hottest_shares(&topics, &fleet, &mut unknown);
    let hottest = shares.as_ref().map(|shares| {
        busiest(capacity, &fleet, |share, rates| {
            receives_hottest(&fleet, share, rates, shares)
        })
    });
    let judged = hottest.unwrap_or(even);
    let drain = if judged.rho_peak >= 1.0 && fleet.peaks_at_all() {
        burst(&topics, &mut unknown).map(|burst| drain(judged, capacity, burst))
    } else {
        Some(Drain::Nothing)
    };
    let numbers = Numbers {
        capacity,
        concurrency: known.worth(),
        usable: fleet.usable(),
        idle: fleet.idle(),
        even,
        hottest,
        hottest_share: shares.map(|shares| shares.into_iter().fold(0.0, f64::max)),
        drain,
    };
    let over = over(judged, drain);
    Capacity {
        proof: Proof::of(Kind::Capacity, lines(&numbers, fleet.peaks_at_all(), words), unknown),
        numbers: Some(numbers),
        over,
    }
}

/// The most that a member of any share receives, at the expected and at the peak rates.
fn busiest(capacity: f64, fleet: &Fleet, receives: impl Fn(&Share, &[f64]) -> f64) -> Load {
    let most = |rates: &[f64]| {
        fleet
            .shares
            .iter()
            .map(|share| receives(share, rates))
            .fold(0.0, f64::max)
    };
    let (expected, peak) = (most(&fleet.rates), most(&fleet.peaks));
    let rho = |rate: f64| if rate > 0.0 { rate / capacity } else { 0.0 };
    Load {
        expected,
        peak,
        rho_expected: rho(expected),
        rho_peak: rho(peak),
    }
}

/// The hottest partition's share of each topic; nothing if a topic's keys matter and are not declared. They do not
/// matter where one partition or one member has it all.
fn hottest_shares(topics: &[Topic], fleet: &Fleet, unknown: &mut Vec<String>) -> Option<Vec<f64>> {
    let alone = fleet.usable() <= 1;
    let mut shares = Vec::new();
    for (topic, partitions) in topics.iter().zip(&fleet.partitions) {
        let even = 1.0 / f64::from(*partitions);
        match topic.keys {
            Keys::None => shares.push(even),
            Keys::Zipf { cardinality, exponent } => shares.push(hottest_share(*partitions, cardinality, exponent)),
            Keys::Undeclared if alone || *partitions == 1 => shares.push(even),
            Keys::Undeclared => unknown.push(topic.path("key.cardinality").to_string()),
        }
    }
    (shares.len() == topics.len()).then_some(shares)
}

/// What a member receives that holds the hottest partition of every topic of which it holds any.
fn receives_hottest(fleet: &Fleet, share: &Share, rates: &[f64], hottest: &[f64]) -> f64 {
    let each = share.partitions.iter().zip(&fleet.partitions).zip(rates).zip(hottest);
    each.map(|(((held, all), rate), hottest)| match (*held, *all) {
        (0, _) => 0.0,
        (_, 0 | 1) => *rate,
        (held, all) => rate * (hottest + f64::from(held - 1) * (1.0 - hottest) / f64::from(all - 1)),
    })
    .sum()
}

fn drain(load: Load, capacity: f64, burst: Burst) -> Drain {
    let backlog = (load.peak - capacity) * burst.lasts;
    let spare = capacity - load.expected;
    Drain::Backlog {
        records: backlog,
        seconds: if spare > 0.0 { backlog / spare } else { f64::INFINITY },
        gap: burst.gap,
    }
}

fn over(load: Load, drain: Option<Drain>) -> Vec<Over> {
    let mut over = Vec::new();
    if load.rho_expected >= 1.0 {
        over.push(Over::Expected);
    }
    match drain {
        Some(Drain::Backlog { seconds, gap, .. }) if seconds > gap => over.push(Over::NotDrained),
        Some(Drain::Backlog { .. }) | None => over.push(Over::Peak),
        Some(Drain::Nothing) if load.rho_peak > BUSY && load.rho_expected < 1.0 => over.push(Over::Busy),
        Some(Drain::Nothing) => {}
    }
    over
}

fn verdict(load: Load) -> Verdict {
    if load.rho_expected >= 1.0 {
        Verdict::Broken
    } else if load.rho_peak > BUSY {
        Verdict::Warns
    } else {
        Verdict::Holds
    }
}

fn lines(numbers: &Numbers, peaks: bool, words: Words) -> Vec<Line> {
    let rates = |load: Load| {
        if peaks {
            format!("{} expected, {} peak", rate(load.expected), rate(load.peak))
        } else {
            format!("{} expected", rate(load.expected))
        }
    };
    let rho = |load: Load| {
        if peaks {
            format!(
                "ρ = {} expected, {} peak",
                ratio(load.rho_expected),
                ratio(load.rho_peak)
            )
        } else {
            format!("ρ = {}", ratio(load.rho_expected))
        }
    };
    let line = |formula: &dyn Fn() -> String, load: Load| {
        words.line(verdict(load), || Line {
            formula: formula(),
            result: rho(load),
            ..Line::wordless(Verdict::Holds)
        })
    };
    let busiest = || match numbers.usable {
        1 => String::new(),
        usable => format!(" on the busiest of {}", count(u64::from(usable), "member")),
    };
    let even = || format!("{}{} ÷ {}", rates(numbers.even), busiest(), rate(numbers.capacity));
    let mut lines = vec![line(&even, numbers.even)];
    if let (Some(load), Some(share)) = (numbers.hottest, numbers.hottest_share)
        && load.peak > numbers.even.peak * (1.0 + 1e-9)
    {
        let (all, share) = (|| rates(load), || percent(share));
        let formula = || format!("{} with the hottest partition, {} of its topic", all(), share());
        lines.push(line(&formula, load));
    }
    if let Some(Drain::Backlog {
        records: backlog,
        seconds: time,
        gap,
    }) = numbers.drain
    {
        let verdict = if time > gap { Verdict::Broken } else { Verdict::Warns };
        lines.push(words.line(verdict, || Line {
            formula: format!("a peak leaves {} on a member, worked off", records(backlog)),
            result: format!("in {}", seconds(time)),
            bound: format!("of {}", seconds(gap)),
            share: if gap > 0.0 { percent(time / gap) } else { String::new() },
            ..Line::wordless(verdict)
        }));
    }
    lines
}
