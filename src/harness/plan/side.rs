//! How one side of a trial runs.

use crate::clients::{Loss, lower_run};
use crate::emit::{consumer_properties, other_sections};
use crate::model::cost::Cost;
use crate::model::keywords::{Client, Commit, Handler};
use crate::model::service::{Concurrency, Delivery, Run};
use crate::model::settings::Setting;
use crate::model::topic::Topic;
use crate::proofs::Words;
use crate::proofs::inputs::{Inputs, poll_setting};
use crate::proofs::lag_floor::Floor;

use super::super::protocol::{CommitSpec, ConcurrencySpec, CostSpec, DeliverySpec, HandlerSpec, RetrySpec, WorkSpec};
use super::trial::Subject;
use super::wish::Wish;
use super::{FaultKind, FaultPlan, MemoryPlan, Predicted, Side, SidePlan};

/// By how much a slow record is slower than the poll interval allows, in seconds: clients look every half a second.
pub(super) const SLOWER_S: f64 = 2.0;

/// One side. `scaled` is as it runs, `plain` as declared: proofs are printed of the latter.
pub(super) fn side_plan(
    side: Side,
    (scaled, run): (&Subject, &Run),
    (plain, plain_run): (&Subject, &Run),
    faults: &[FaultPlan],
    wish: &Wish,
    notes: &mut Vec<String>,
) -> SidePlan {
    let service = &scaled.service;
    let command = wish.workers.command(service.client.value);
    let (client, name) = match command {
        None => (Client::Librdkafka, "librdkafka".to_owned()),
        Some(command) => (service.client.value, command.name.clone()),
    };
    let lowered = lower_run(service, run, client);
    if side == Side::After {
        for note in lowered.notes.iter().filter(|note| note.loss != Loss::Elsewhere) {
            notes.push(format!("{}: {}", note.name, note.text));
        }
    }
    let properties = consumer_properties(&lowered);
    let ms = |key: &str| -> Option<f64> { Some(properties.get(key)?.parse::<f64>().ok()? / 1_000.0) };
    let setting_s = |setting: Setting| run.consumer.duration(setting).map(|time| time.as_secs_f64());
    let poll_interval_s = ms("max.poll.interval.ms")
        .or_else(|| setting_s(poll_setting(client)))
        .unwrap_or(300.0);
    // Both sides get the same slow record: one that the compiled side can't be in time with.
    let slow_s = setting_s(Setting::MaxPollInterval)
        .filter(|_| side == Side::After)
        .or_else(|| {
            let after = service.run.consumer.duration(Setting::MaxPollInterval)?;
            Some(after.as_secs_f64())
        })
        .unwrap_or(300.0)
        + SLOWER_S;
    SidePlan {
        side,
        client: name,
        command: command.map(|command| command.words.clone()),
        sections: other_sections(&lowered),
        instance_id: service
            .instance_id
            .as_ref()
            .map(|id| id.value.clone())
            .filter(|id| id.contains("${")),
        group: service.group.value.clone(),
        replicas: service.replicas.value,
        max_poll_records: run
            .consumer
            .count(Setting::MaxPollRecords)
            .and_then(|records| u32::try_from(records).ok())
            .unwrap_or(500),
        work: work(run, slow_s, faults),
        delivery: delivery(&run.delivery),
        memory: MemoryPlan {
            limit: run.memory.limit.as_ref().map(|size| size.bytes()),
            resident: run.memory.resident.as_ref().map_or(0, |size| size.bytes()),
            per_record_factor: run.memory.per_record_factor.value,
        },
        poll_interval_s,
        session_s: ms("session.timeout.ms").or_else(|| setting_s(Setting::SessionTimeout)),
        predicted: predicted((scaled, run), (plain, plain_run)),
        properties,
    }
}

fn work(run: &Run, slow_s: f64, faults: &[FaultPlan]) -> WorkSpec {
    let processing = &run.processing;
    let cost = processing.per_record.as_ref().map(|cost| cost.value.clone());
    let mean = cost.as_ref().map_or(0.0, Cost::mean);
    let burns = processing.cpu.as_ref().map_or(0.0, |cpu| cpu.as_secs_f64());
    let stalls = faults.iter().filter_map(|fault| match fault.kind {
        FaultKind::DownstreamStall { seconds } => Some((micros(fault.at_s), micros(fault.at_s + seconds))),
        _ => None,
    });
    WorkSpec {
        per_record: match cost {
            None => CostSpec::Constant { us: 0.0 },
            Some(Cost::Constant { seconds }) => CostSpec::Constant { us: seconds * 1e6 },
            Some(Cost::LogNormal { mu, sigma, max }) => CostSpec::LogNormal { mu, sigma, max },
        },
        per_batch_us: micros(processing.per_batch.as_secs_f64()),
        concurrency: match processing.concurrency.value {
            Concurrency::Bounded(bound) => ConcurrencySpec::Bounded(bound),
            Concurrency::Unbounded => ConcurrencySpec::Unbounded,
        },
        handler: match processing.handler.value {
            Handler::Inline => HandlerSpec::Inline,
            Handler::Thread => HandlerSpec::Thread,
            Handler::EventLoop => HandlerSpec::EventLoop,
        },
        cpu_share: if mean > 0.0 {
            (burns / mean).clamp(0.0, 1.0)
        } else {
            0.0
        },
        slow_us: micros(slow_s),
        stalls_us: stalls.collect(),
    }
}

fn delivery(delivery: &Delivery) -> DeliverySpec {
    DeliverySpec {
        commit: match delivery.commit.value {
            Commit::AfterBatch => CommitSpec::AfterBatch,
            Commit::AfterRecord => CommitSpec::AfterRecord,
            Commit::OnReceipt => CommitSpec::OnReceipt,
            Commit::Interval => CommitSpec::Interval,
        },
        retry: delivery.retry.as_ref().map(|retry| RetrySpec {
            attempts: retry.attempts.value,
            backoff_us: micros(retry.backoff.as_secs_f64()),
            dead_letter: retry.dead_letter.as_ref().map(|topic| topic.value.clone()),
        }),
    }
}

/// What the proofs say: in numbers of what runs, in words of what is declared.
pub(super) fn predicted((scaled, run): (&Subject, &Run), (plain, plain_run): (&Subject, &Run)) -> Predicted {
    let inputs = |subject: &Subject, run: &Run| {
        let topics: Vec<Topic> = subject.topics.iter().map(|topic| as_loaded(subject, topic)).collect();
        let topics: Vec<&Topic> = topics.iter().collect();
        let replicas = subject.service.replicas.value;
        Inputs::new(&subject.service, run, &topics, &subject.broker, replicas)
    };
    let proofs = inputs(scaled, run).prove(Words::LeftOut);
    let capacity = proofs.capacity.numbers;
    let load = capacity.as_ref().map(|numbers| numbers.hottest.unwrap_or(numbers.even));
    let (lag_floor, lag_grows) = match proofs.lag_floor.numbers.map(|numbers| numbers.expected) {
        Some(Floor::Steady { records }) => (Some(records), None),
        Some(Floor::Grows { per_second, .. }) => (None, Some(per_second)),
        None => (None, None),
    };
    let written = inputs(plain, plain_run).prove(Words::Written);
    let lines = written.all().into_iter().flat_map(|proof| {
        proof.lines.iter().enumerate().map(|(at, line)| {
            let name = if at == 0 { proof.kind.name() } else { "" };
            let parts = [
                line.formula.as_str(),
                line.result.as_str(),
                line.bound.as_str(),
                line.verdict.word(),
            ];
            let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            format!("{name:<12}{}", said.join("  "))
        })
    });
    Predicted {
        utilisation: load.map(|load| load.rho_expected),
        utilisation_peak: load.map(|load| load.rho_peak),
        lag_floor,
        lag_grows,
        memory: proofs.memory.total.filter(|total| total.is_finite()),
        poll_budget: proofs.poll_budget.mean.map(|mean| {
            let limit = proofs
                .poll_budget
                .limit
                .map_or(f64::INFINITY, |limit| limit.as_secs_f64());
            mean / limit
        }),
        lines: lines.collect(),
    }
}

/// A topic with the rates that a case's own load comes to: its lowest one is expected, its highest one the peak.
fn as_loaded(subject: &Subject, topic: &Topic) -> Topic {
    use crate::model::topic::Peak;
    use crate::units::Rate;

    let mut topic = topic.clone();
    if subject.load.is_empty() {
        return topic;
    }
    let Some(at) = subject.topics.iter().position(|other| other.name == topic.name) else {
        return topic;
    };
    let share = |total: f64| Rate::per_second(super::load::split(subject, total)[at]).unwrap_or_default();
    let rates = || subject.load.iter().map(|load| load.0);
    let (lowest, highest) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    let origin = topic.rate.as_ref().map_or(topic.partitions.origin, |rate| rate.origin);
    let sourced = |value: Rate| crate::model::origin::Sourced { value, origin };
    let longest = subject
        .load
        .iter()
        .filter(|load| load.0 >= highest)
        .map(|load| load.1)
        .sum::<f64>();
    topic.rate = Some(sourced(share(lowest)));
    topic.peak = (highest > lowest).then(|| Peak {
        rate: sourced(share(highest)),
        lasts: Some(crate::model::origin::Sourced {
            value: std::time::Duration::from_secs_f64(longest),
            origin,
        }),
        every: None,
    });
    topic
}

pub(super) fn micros(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates at 0 and at the most"
    )]
    let us = (seconds * 1e6).round() as u64;
    us
}
