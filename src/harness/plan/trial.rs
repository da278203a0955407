//! One trial: a service, or a case, and what it is tried under.

use crate::model::broker::Broker;
use crate::model::case::Case;
use crate::model::keywords::Keyword as _;
use crate::model::project::Model;
use crate::model::service::{Run, Service};
use crate::model::topic::Topic;
use crate::proofs::text::{number, seconds};

use super::cores::Carried;
use super::faults::{FaultWish, placed, room_s};
use super::load::{peak, rate, schedule};
use super::side::{micros, predicted, side_plan};
use super::speed::{floors, scaled_run, scaled_topic};
use super::topics::{broker_properties, bytes, size, topic_plans};
use super::wish::{Brokers, Comparison, LoadWish, SpeedWish, Wish};
use super::{FaultKind, LeftOut, PhaseKind, Side, Targets, TopicPlan, Trial};

/// What is tried, as declared or scaled.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// The service, with its baseline.
    pub service: Service,
    /// What it reads.
    pub topics: Vec<Topic>,
    /// The brokers' bounds.
    pub broker: Broker,
    /// The case's name, where it is one.
    pub case: Option<String>,
    /// Broker properties of the case's own.
    pub properties: Vec<(String, String)>,
    /// Stretches of load over all topics as (records a second, seconds); empty for the topics' declared rates.
    pub load: Vec<(f64, f64)>,
    /// What one should know of it.
    pub notes: Vec<String>,
}

impl Subject {
    /// A service as declared.
    pub fn of_service(model: &Model, service: &Service) -> Self {
        let others: Vec<&str> = model
            .services
            .iter()
            .filter(|other| other.group.value == service.group.value && other.name != service.name)
            .map(|other| other.name.as_str())
            .collect();
        let mut notes = Vec::new();
        if !others.is_empty() {
            notes.push(format!(
                "its group has members of {} too: only its own replicas run",
                others.join(", ")
            ));
        }
        let topics = service
            .topics
            .iter()
            .filter_map(|topic| model.topics.get(&topic.value).cloned());
        Self {
            service: service.clone(),
            topics: topics.collect(),
            broker: model.broker.clone(),
            case: None,
            properties: Vec::new(),
            load: Vec::new(),
            notes,
        }
    }

    /// A case as declared.
    pub fn of_case(case: &Case) -> Self {
        Self {
            service: case.service.clone(),
            topics: case.topics.clone(),
            broker: case.broker.clone(),
            case: Some(case.name.clone()),
            properties: case
                .broker_properties
                .iter()
                .map(|(name, value)| (name.clone(), value.value.clone()))
                .collect(),
            load: case
                .load
                .iter()
                .map(|load| (load.rate.get(), load.lasts.as_secs_f64()))
                .collect(),
            notes: Vec::new(),
        }
    }

    /// Its name in output.
    pub fn name(&self) -> &str {
        self.case.as_deref().unwrap_or(&self.service.name)
    }

    /// The same with all times divided, and rates multiplied.
    fn scaled(&self, speed: f64) -> Self {
        let mut scaled = self.clone();
        scaled.service.run = scaled_run(&self.service.run, speed);
        if let Some(baseline) = &mut scaled.service.baseline {
            **baseline = scaled_run(baseline, speed);
        }
        scaled.topics = self.topics.iter().map(|topic| scaled_topic(topic, speed)).collect();
        for (rate, seconds) in &mut scaled.load {
            *rate *= speed;
            *seconds /= speed;
        }
        scaled
    }

    /// Records and bytes a second at the highest rate of its load.
    pub fn highest_rate(&self) -> (f64, f64) {
        let size = |topic: &Topic| float(size(topic).mean);
        if self.load.is_empty() {
            let each = self.topics.iter().map(|topic| (peak(topic), peak(topic) * size(topic)));
            return each.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        }
        let highest = self.load.iter().map(|load| load.0).fold(0.0, f64::max);
        let shares = super::load::split(self, highest);
        let bytes = shares.iter().zip(&self.topics).map(|(rate, topic)| rate * size(topic));
        (highest, bytes.sum())
    }

    /// A run that nobody can make, and why.
    pub fn unfit(&self, because: String, help: &str) -> LeftOut {
        LeftOut {
            name: self.name().to_owned(),
            because,
            help: help.to_owned(),
        }
    }
}

/// What is tried of a subject, and how.
///
/// # Errors
/// [`LeftOut`] where something that a run needs is not declared, or not to be had.
pub(super) fn make_trial(subject: &Subject, wish: &Wish) -> Result<Trial, LeftOut> {
    let runs = sides(subject, wish.comparison)?;
    for (_, run) in &runs {
        if run.processing.per_record.is_none() {
            let because = "nobody declares what a record costs: there is nothing to spend on it".to_owned();
            return Err(subject.unfit(because, "add [processing] per_record to its profile"));
        }
    }
    if subject.topics.is_empty() {
        let because = "none of its topics is declared".to_owned();
        return Err(subject.unfit(because, "declare them in profiles/topics.toml"));
    }
    if wish.load == LoadWish::Declared && subject.highest_rate().0 <= 0.0 {
        let because = "none of its topics has a rate: there is nothing to send".to_owned();
        let help = "add `rate` to its topics in profiles/topics.toml, or give the load with --ramp or --replay";
        return Err(subject.unfit(because, help));
    }
    let all: Vec<&Run> = runs.iter().map(|(_, run)| *run).collect();
    let (speed, speed_because) = choose_speed(subject, &all, wish)?;
    build(subject, wish, speed, speed_because)
}

/// The trial at a speed that is known.
///
/// # Errors
/// [`LeftOut`] where a fault comes after the end of the load, or a side is missing.
pub(super) fn build(subject: &Subject, wish: &Wish, speed: f64, speed_because: String) -> Result<Trial, LeftOut> {
    let scaled = subject.scaled(speed);
    let mut schedule = schedule(&scaled, &wish.load, wish.steady_s, speed);
    let usual = schedule.phases();
    let judged = usual.iter().find(|phase| phase.kind != PhaseKind::WarmUp);
    let middle_s = judged.map_or(0.0, |phase| f64::midpoint(phase.from_s, phase.to_s));
    let utilisation = || predicted((&scaled, &scaled.service.run), (subject, &subject.service.run)).utilisation;
    let is_steady = usual.iter().any(|phase| phase.kind == PhaseKind::Steady);
    let room = |fault: &FaultWish| match is_steady {
        true => room_s(fault.kind, &scaled.service.run, utilisation()),
        false => 0.0,
    };
    let rooms: Vec<f64> = wish.faults.iter().map(room).collect();
    if wish.steady_s.is_none() {
        schedule.make_room(rooms.iter().sum());
    }
    let phases = schedule.phases();
    let end_s = phases.last().map_or(0.0, |phase| phase.to_s);
    let faults = placed(&wish.faults, &rooms, middle_s, end_s).map_err(|at_s| {
        let because = format!(
            "a fault at {} comes after the load, which ends at {}",
            seconds(at_s),
            seconds(end_s)
        );
        subject.unfit(because, "give it an earlier moment, or a longer --duration")
    })?;
    let mut notes = subject.notes.clone();
    notes.extend(schedule.notes.iter().cloned());
    let mut topics = topic_plans(subject, &scaled, &schedule, wish.brokers, &mut notes);
    let moments = |kind: FaultKind| {
        let faults = faults.iter().filter(|fault| fault.kind == kind);
        faults.map(|fault| micros(fault.at_s)).collect()
    };
    let busy = |topic: &&mut TopicPlan| {
        let highest = |stretch: &super::super::protocol::Stretch| stretch.from_rate.max(stretch.to_rate);
        topic.load.stretches.iter().any(|stretch| highest(stretch) > 0.0)
    };
    if let Some(topic) = topics.iter_mut().find(busy) {
        topic.load.poison_at_us = moments(FaultKind::PoisonRecord);
        topic.load.slow_at_us = moments(FaultKind::SlowRecord);
    }
    let plain = sides(subject, wish.comparison)?;
    let runs = sides(&scaled, wish.comparison)?;
    let sides: Vec<_> = runs
        .iter()
        .zip(&plain)
        .map(|((side, run), (_, plain))| side_plan(*side, (&scaled, run), (subject, plain), &faults, wish, &mut notes))
        .collect();
    let order = order(wish);
    let highest: Vec<&Run> = runs.iter().map(|(_, run)| *run).collect();
    let bytes: f64 = topics.iter().map(bytes).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
    let all_bytes = bytes * order.len() as f64;
    assumptions(subject, &mut notes);
    let targets = &subject.service.targets;
    Ok(Trial {
        service: subject.service.name.clone(),
        case: subject.case.clone(),
        declared_client: subject.service.client.as_str().to_owned(),
        service_type: subject.service.service_type.value.clone(),
        broker_properties: broker_properties(&scaled, &sides, wish.brokers, speed),
        cores_needed: Carried::of(&scaled, &highest).cores(),
        phases,
        order,
        targets: Targets {
            lag: targets.lag.value,
            errors: targets.errors.value,
            rebalances_per_hour: targets.rebalances_per_hour.value,
            return_s: schedule.return_s,
        },
        faults,
        speed,
        speed_because,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of bytes"
        )]
        bytes: all_bytes as u64,
        topics,
        sides,
        notes,
    })
}

/// The sides that are wanted, the baseline first.
fn sides(subject: &Subject, comparison: Comparison) -> Result<Vec<(Side, &Run)>, LeftOut> {
    let after = (Side::After, &subject.service.run);
    match (comparison, &subject.service.baseline) {
        (Comparison::CompiledOnly, _) => Ok(vec![after]),
        (Comparison::BeforeAfter, Some(baseline)) => Ok(vec![(Side::Before, baseline), after]),
        (Comparison::BeforeAfter, None) => {
            let because = "it has no baseline to run beside it".to_owned();
            Err(subject.unfit(
                because,
                "say in [baseline] how it ran before, or leave --before-after out",
            ))
        }
    }
}

/// A B B A, so that whatever drifts while it lasts falls on both sides alike.
fn order(wish: &Wish) -> Vec<Side> {
    match wish.comparison {
        Comparison::CompiledOnly => {
            let runs = wish.runs.unwrap_or(1).max(1);
            (0..runs).map(|_| Side::After).collect()
        }
        Comparison::BeforeAfter => {
            let runs = wish.runs.unwrap_or(2).max(1);
            let pair = |at: u32| {
                if at.is_multiple_of(2) {
                    [Side::Before, Side::After]
                } else {
                    [Side::After, Side::Before]
                }
            };
            (0..runs).flat_map(pair).collect()
        }
    }
}

fn choose_speed(subject: &Subject, runs: &[&Run], wish: &Wish) -> Result<(f64, String), LeftOut> {
    let floors = floors(subject, runs, wish.cores);
    let lowest = floors.iter().min_by(|one, other| one.most.total_cmp(&other.most));
    match wish.speed {
        SpeedWish::Exactly(speed) if !speed.is_finite() || speed < 1.0 => Err(subject.unfit(
            format!("a speed of {speed} is none"),
            "give 1 or more: time is never stretched",
        )),
        SpeedWish::Exactly(speed) if speed > 1.0 && wish.brokers == Brokers::Theirs => Err(subject.unfit(
            "time is compressed only on brokers that we start: theirs have bounds of their own".to_owned(),
            "leave --speed out",
        )),
        SpeedWish::Exactly(speed) => match lowest.filter(|floor| speed > 1.0 && floor.most < speed) {
            Some(floor) => Err(subject.unfit(
                format!("a speed of {} is too much: {}", number(speed), floor.because),
                &format!("give at most --speed {}", floor.most.max(1.0).floor()),
            )),
            None => Ok((speed, "asked for".to_owned())),
        },
        SpeedWish::Largest if wish.brokers == Brokers::Theirs => Ok((1.0, "these brokers are not ours".to_owned())),
        SpeedWish::Largest if wish.workers.command(subject.service.client.value).is_some() => {
            Ok((1.0, "a worker of the service's own does real work".to_owned()))
        }
        SpeedWish::Largest if subject.case.is_some() => Ok((1.0, "a case runs in real time".to_owned())),
        SpeedWish::Largest => Ok(lowest.map_or_else(
            || (1.0, "its proofs have unknown inputs".to_owned()),
            |floor| (floor.most.floor().max(1.0), floor.because.clone()),
        )),
    }
}

fn assumptions(subject: &Subject, notes: &mut Vec<String>) {
    let run = &subject.service.run;
    let mut assumed = Vec::new();
    if !run.processing.assumed.is_empty() {
        assumed.push("costs".to_owned());
    }
    if !run.memory.assumed.is_empty() {
        assumed.push("memory".to_owned());
    }
    if subject.topics.iter().any(|topic| !topic.assumed.is_empty()) {
        assumed.push("values of topics".to_owned());
    }
    if !assumed.is_empty() {
        notes.push(format!("assumed, since nobody stated them: {}", assumed.join(", ")));
    }
    let silent: Vec<&str> = subject
        .topics
        .iter()
        .filter(|topic| subject.load.is_empty() && rate(topic) <= 0.0 && topic.rate.is_some())
        .map(|topic| topic.name.as_str())
        .collect();
    if !silent.is_empty() {
        notes.push(format!("nothing is expected on {}", silent.join(", ")));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
pub(super) fn float(whole: u64) -> f64 {
    whole as f64
}
