//! Time compressed: costs, gaps and timers divided together, rates multiplied, as far as a verdict survives it.
//!
//! What does not shrink is the client's and the broker's own time: about 1.5 ms for a commit, a fetch and a wake-up. Tried
//! by hand, a consumer at ρ = 0.8 with 20 ms a record held in real time and failed at ten times the speed. Hence the floors.

use std::time::Duration;

use crate::model::cost::Cost;
use crate::model::keywords::GroupProtocol;
use crate::model::origin::Sourced;
use crate::model::service::Run;
use crate::model::settings::{OffsetReset, Setting, Settings, Value};
use crate::model::topic::Topic;
use crate::proofs::Words;
use crate::proofs::inputs::Inputs;
use crate::proofs::text::{number, ratio, seconds};
use crate::units::Rate;

use super::cores::{Carried, READY_SHARE};
use super::trial::Subject;

/// The least work a batch that may be left, in seconds.
const LEAST_WORK_S: f64 = 0.020;
/// What commit, fetch and wake-ups take beside the work, in seconds, whatever the speed.
const FIXED_S: f64 = 0.0015;
/// The most that utilisation may come to with them.
const MOST_BUSY: f64 = 0.9;
/// The least poll interval: clients look at it every half a second.
const LEAST_POLL_S: f64 = 2.0;
/// The least session; brokers take no less.
const LEAST_SESSION_S: f64 = 1.0;
/// The session of a KIP-848 group where the broker says nothing else.
const BROKERS_SESSION_S: f64 = 45.0;

/// Bytes a second at the peak beyond which a disk's write-back would be measured, not a consumer.
const MOST_BYTES: f64 = 25e6;

/// How far time may be compressed, and why no further.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Floor {
    /// The largest speed.
    pub most: f64,
    /// What stands in the way, in a sentence without a full stop.
    pub because: String,
}

/// Every floor of a subject whose sides run as `runs`.
pub(super) fn floors(subject: &Subject, runs: &[&Run], cores: u32) -> Vec<Floor> {
    let mut floors = Vec::new();
    for run in runs {
        timers(subject, run, &mut floors);
        work(subject, run, &mut floors);
    }
    // The larger the speed, the more this machine has to carry.
    let room = f64::from(cores) * READY_SHARE;
    let carried = Carried::of(subject, runs);
    let most = (room - carried.fixed).max(0.0) / carried.at_peak.max(f64::MIN_POSITIVE);
    floors.push(Floor {
        most,
        because: format!(
            "load, broker and workers share {} here, of which {} are left for what grows with the speed",
            crate::proofs::text::count(u64::from(cores), "core"),
            number((room - carried.fixed).max(0.0))
        ),
    });
    let (_, bytes) = subject.highest_rate();
    floors.push(Floor {
        most: MOST_BYTES / bytes.max(f64::MIN_POSITIVE),
        because: format!(
            "{} a second at the peak would become more than {}, which measures disks",
            crate::proofs::text::bytes(bytes),
            crate::proofs::text::bytes(MOST_BYTES)
        ),
    });
    floors
}

fn timers(subject: &Subject, run: &Run, floors: &mut Vec<Floor>) {
    if let Some(poll) = run.consumer.duration(Setting::MaxPollInterval) {
        floors.push(Floor {
            most: poll.as_secs_f64() / LEAST_POLL_S,
            because: format!(
                "the poll interval of {} may not come below {}",
                seconds(poll.as_secs_f64()),
                seconds(LEAST_POLL_S)
            ),
        });
    }
    let session = match subject.service.group_protocol.value {
        GroupProtocol::Classic => run
            .consumer
            .duration(Setting::SessionTimeout)
            .map(|session| session.as_secs_f64()),
        GroupProtocol::Consumer => Some(BROKERS_SESSION_S),
    };
    if let Some(session) = session {
        floors.push(Floor {
            most: session / LEAST_SESSION_S,
            because: format!(
                "the session of {} may not come below {}",
                seconds(session),
                seconds(LEAST_SESSION_S)
            ),
        });
    }
    // Where the broker waits for company, its wait is part of lag and must shrink with everything else.
    let waits = run.consumer.size(Setting::FetchMin).unwrap_or(1) > 1;
    if let Some(wait) = run.consumer.duration(Setting::FetchMaxWait).filter(|_| waits) {
        floors.push(Floor {
            most: wait.as_secs_f64() / 0.005,
            because: format!(
                "the fetch wait of {} may not come below 5 ms",
                seconds(wait.as_secs_f64())
            ),
        });
    }
}

fn work(subject: &Subject, run: &Run, floors: &mut Vec<Floor>) {
    let topics: Vec<&Topic> = subject.topics.iter().collect();
    let inputs = Inputs::new(
        &subject.service,
        run,
        &topics,
        &subject.broker,
        subject.service.replicas.value,
    );
    let proofs = inputs.prove(Words::LeftOut);
    let (Some(capacity), Some(lag)) = (&proofs.capacity.numbers, &proofs.lag_floor.numbers) else {
        return;
    };
    let load = capacity.hottest.unwrap_or(capacity.even);
    if load.rho_expected >= 1.0 {
        // It fails at any speed.
        return;
    }
    let mean = run.processing.per_record.as_ref().map_or(0.0, |cost| cost.mean());
    let most = f64::from(inputs.work.max_poll_records.unwrap_or(1).max(1));
    let records = (lag.rate * lag.batch).clamp(1.0, most);
    let side_by_side = if capacity.concurrency.is_finite() {
        (records / capacity.concurrency.max(1.0)).max(1.0)
    } else {
        1.0
    };
    let work = side_by_side.mul_add(mean, run.processing.per_batch.as_secs_f64());
    if work > 0.0 {
        floors.push(Floor {
            most: work / LEAST_WORK_S,
            because: format!(
                "a batch is {} of work, of which {} must be left",
                seconds(work),
                seconds(LEAST_WORK_S)
            ),
        });
    }
    let rho = load.rho_peak;
    if rho > 0.0 && work > 0.0 {
        floors.push(Floor {
            most: (work * (MOST_BUSY - rho) / (FIXED_S * rho)).max(0.0),
            because: format!(
                "at ρ = {} at the peak, the {} a batch that do not shrink would come to more than {}",
                ratio(rho),
                seconds(FIXED_S),
                MOST_BUSY
            ),
        });
    }
}

/// A run with all its times divided.
pub(super) fn scaled_run(run: &Run, speed: f64) -> Run {
    let mut scaled = run.clone();
    let by = |duration: Duration| duration.div_f64(speed);
    scale_settings(&mut scaled.consumer, speed);
    let processing = &mut scaled.processing;
    if let Some(cost) = &mut processing.per_record {
        cost.value = scaled_cost(&cost.value, speed);
    }
    processing.per_batch.value = by(processing.per_batch.value);
    if let Some(cpu) = &mut processing.cpu {
        cpu.value = by(cpu.value);
    }
    let delivery = &mut scaled.delivery;
    delivery.commit_interval.value = whole_ms(by(delivery.commit_interval.value));
    if let Some(retry) = &mut delivery.retry {
        retry.backoff.value = by(retry.backoff.value);
    }
    scaled
}

fn scaled_cost(cost: &Cost, speed: f64) -> Cost {
    match *cost {
        Cost::Constant { seconds } => Cost::Constant {
            seconds: seconds / speed,
        },
        Cost::LogNormal { mu, sigma, max } => Cost::LogNormal {
            mu: mu - speed.ln(),
            sigma,
            max: max.map(|max| max / speed),
        },
    }
}

/// Divides every timer. Those that guard against a dead connection, or that only keep a client from asking too often, stay
/// at a value that a real broker can meet: they decide nothing that is judged.
fn scale_settings(settings: &mut Settings, speed: f64) {
    let waits = settings.size(Setting::FetchMin).unwrap_or(1) > 1;
    let all: Vec<(Setting, Sourced<Value>)> = settings
        .iter()
        .map(|(setting, value)| (setting, value.clone()))
        .collect();
    for (setting, value) in all {
        let least_ms = match setting {
            Setting::RequestTimeout | Setting::ConnectionsMaxIdle => 10_000,
            Setting::MetadataMaxAge => 5_000,
            // The floors hold the compiled side above these; a client's defaults, in their place, never joined below them.
            Setting::SessionTimeout => 1_000,
            Setting::MaxPollInterval => 2_000,
            Setting::ReconnectBackoff | Setting::ReconnectBackoffMax => 10,
            // One byte is there as soon as a record is: the wait only says how often an idle client asks.
            Setting::FetchMaxWait if !waits => 10,
            Setting::StatisticsInterval => continue,
            _ => 1,
        };
        let scaled = match &value.value {
            // Zero is "off", or "at once".
            Value::Duration(duration) if !duration.is_zero() => {
                let least = Duration::from_millis(least_ms).min(*duration);
                Value::Duration(whole_ms(duration.div_f64(speed)).max(least))
            }
            Value::OffsetReset(OffsetReset::ByDuration(back)) => {
                Value::OffsetReset(OffsetReset::ByDuration(whole_ms(back.div_f64(speed))))
            }
            _ => continue,
        };
        settings.set(setting, value.map(|_| scaled));
    }
}

/// To whole milliseconds, which is all that clients take; at least one.
fn whole_ms(duration: Duration) -> Duration {
    let ms = (duration.as_secs_f64() * 1000.0).round().max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1, at most a day"
    )]
    Duration::from_millis(ms as u64)
}

/// A topic whose records come faster, and whose times are shorter.
pub(super) fn scaled_topic(topic: &Topic, speed: f64) -> Topic {
    let mut scaled = topic.clone();
    let by = |duration: &mut Sourced<Duration>| duration.value = whole_ms(duration.value.div_f64(speed));
    let times = |rate: &mut Sourced<Rate>| {
        rate.value = Rate::per_second(rate.value.get() * speed).unwrap_or(rate.value);
    };
    if let Some(rate) = &mut scaled.rate {
        times(rate);
    }
    if let Some(peak) = &mut scaled.peak {
        times(&mut peak.rate);
        peak.lasts.as_mut().map(by);
        peak.every.as_mut().map(by);
    }
    scaled.retention_time.as_mut().map(by);
    scaled.segment_time.as_mut().map(by);
    scaled
}
