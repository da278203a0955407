//! Other ways to run a trial: one setting put back, the client's own defaults, another rate.

use crate::clients::{edition_default, edition_delivery};
use crate::model::matrix::Edition;
use crate::model::origin::{Layer, Sourced};
use crate::model::project::Model;
use crate::model::service::{Concurrency, Run, Service};
use crate::model::settings::Setting;
use crate::source::Span;

use super::super::protocol::Stretch;
use super::load::WARM_UP_S;
use super::make::{Names, PlanError};
use super::trial::{Subject, build, make_trial};
use super::wish::{Comparison, Wish};
use super::{Phase, PhaseKind, Side, Trial};

/// A trial with one setting put back.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The setting's neutral name.
    pub setting: String,
    /// Its value where it is put back from.
    pub before: String,
    /// Its value as compiled.
    pub after: String,
    /// The trial: its compiled side alone, with that one setting.
    pub trial: Trial,
}

/// One way in which two runs differ: its name, both values, and how to put it back.
type Difference = (&'static str, String, String, Box<dyn Fn(&mut Run)>);

/// The compiled side of a service or case with each setting of its baseline put back, one at a time, at the speed and
/// under the load of `of`. What only costs time, such as a cost itself, is no setting and is not put back.
///
/// # Errors
/// [`PlanError`] where the name is none, or has no baseline.
pub fn put_backs(model: &Model, wish: &Wish, of: &Trial) -> Result<Vec<Variant>, PlanError> {
    let subject = Names(model).find(of.name())?;
    let Some(before) = subject.service.baseline.as_deref().cloned() else {
        let because = "it has no baseline to put settings back from".to_owned();
        return Err(PlanError::Unfit(
            subject.unfit(because, "say in [baseline] how it ran before"),
        ));
    };
    variants(&subject, &before, wish, of)
}

/// The same against what the client does by itself.
///
/// # Errors
/// [`PlanError`] where the name is none.
pub fn defaults_put_back(model: &Model, wish: &Wish, of: &Trial) -> Result<Vec<Variant>, PlanError> {
    let subject = Names(model).find(of.name())?;
    let before = defaults_run(&subject.service);
    variants(&subject, &before, wish, of)
}

/// A service or case with its client's own defaults in place of what was chosen, costs and memory as they are.
///
/// # Errors
/// [`PlanError`] where the name is none.
pub fn defaults_side(model: &Model, wish: &Wish, of: &Trial) -> Result<Trial, PlanError> {
    let mut subject = Names(model).find(of.name())?;
    subject.service.run = defaults_run(&subject.service);
    one(&subject, wish, of)
}

fn variants(subject: &Subject, before: &Run, wish: &Wish, of: &Trial) -> Result<Vec<Variant>, PlanError> {
    let differences = differences(&subject.service.run, before);
    let variants = differences.into_iter().map(|(setting, before, after, put)| {
        let mut changed = subject.clone();
        put(&mut changed.service.run);
        Ok(Variant {
            setting: setting.to_owned(),
            before,
            after,
            trial: one(&changed, wish, of)?,
        })
    });
    variants.collect()
}

/// One run of the compiled side, at the speed of another trial.
fn one(subject: &Subject, wish: &Wish, of: &Trial) -> Result<Trial, PlanError> {
    let wish = Wish {
        comparison: Comparison::CompiledOnly,
        runs: Some(1),
        ..wish.clone()
    };
    // What is missing is said first, as for any trial.
    make_trial(
        subject,
        &Wish {
            speed: super::SpeedWish::Exactly(1.0),
            ..wish.clone()
        },
    )
    .and_then(|_| build(subject, &wish, of.speed, of.speed_because.clone()))
    .map(|trial| Trial {
        broker_properties: of.broker_properties.clone(),
        ..trial
    })
    .map_err(PlanError::Unfit)
}

fn differences(after: &Run, before: &Run) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    let unset = || "unset".to_owned();
    for setting in Setting::ALL {
        let (old, new) = (before.consumer.get(setting).cloned(), after.consumer.get(setting));
        if old.as_ref().map(|value| &value.value) == new.map(|value| &value.value) {
            continue;
        }
        let words = |value: Option<&Sourced<crate::model::settings::Value>>| {
            value.map_or_else(unset, |value| value.value.to_string())
        };
        let (was, is) = (words(old.as_ref()), words(new));
        let put = move |run: &mut Run| match old.clone() {
            Some(value) => run.consumer.set(setting, value),
            None => run.consumer.unset(setting),
        };
        found.push((setting.name(), was, is, Box::new(put)));
    }
    let (old, new) = (&before.delivery, &after.delivery);
    if old.commit.value != new.commit.value {
        let value = old.commit.clone();
        let (was, is) = (old.commit.value.to_string(), new.commit.value.to_string());
        found.push((
            "commit",
            was,
            is,
            Box::new(move |run| run.delivery.commit = value.clone()),
        ));
    }
    if old.commit_interval.value != new.commit_interval.value {
        let value = old.commit_interval.clone();
        let words = |time: &Sourced<std::time::Duration>| crate::units::format_duration(time.value);
        let (was, is) = (words(&old.commit_interval), words(&new.commit_interval));
        let put = move |run: &mut Run| run.delivery.commit_interval = value.clone();
        found.push(("commit_interval", was, is, Box::new(put)));
    }
    if old.isolation.value != new.isolation.value {
        let value = old.isolation.clone();
        let (was, is) = (old.isolation.value.to_string(), new.isolation.value.to_string());
        let put = move |run: &mut Run| run.delivery.isolation = value.clone();
        found.push(("isolation", was, is, Box::new(put)));
    }
    let (old, new) = (&before.processing, &after.processing);
    if old.concurrency.value != new.concurrency.value {
        let value = old.concurrency.clone();
        let words = |concurrency: Concurrency| match concurrency {
            Concurrency::Bounded(bound) => bound.to_string(),
            Concurrency::Unbounded => "unbounded".to_owned(),
        };
        let (was, is) = (words(old.concurrency.value), words(new.concurrency.value));
        let put = move |run: &mut Run| run.processing.concurrency = value.clone();
        found.push(("concurrency", was, is, Box::new(put)));
    }
    if old.handler.value != new.handler.value {
        let value = old.handler.clone();
        let (was, is) = (old.handler.value.to_string(), new.handler.value.to_string());
        found.push((
            "handler",
            was,
            is,
            Box::new(move |run| run.processing.handler = value.clone()),
        ));
    }
    found
}

/// What the client does by itself, with the service's costs, memory and concurrency.
fn defaults_run(service: &Service) -> Run {
    let mut run = service.run.clone();
    let client = service.client.value;
    let (protocol, span) = (service.group_protocol.value, Span::whole(service.file));
    for setting in Setting::ALL {
        match edition_default(Edition::E2026, client, protocol, setting) {
            Some(value) => run.consumer.set(setting, Sourced::new(value, Layer::Edition, span)),
            None => run.consumer.unset(setting),
        }
    }
    // Where a consumer starts is not what it can carry, and a probe's records come after it has joined or before.
    if let Some(reset) = service.run.consumer.get(Setting::OffsetReset) {
        run.consumer.set(Setting::OffsetReset, reset.clone());
    }
    let (commit, interval, isolation) = edition_delivery(Edition::E2026, client);
    run.delivery.commit.value = commit;
    run.delivery.commit_interval.value = interval;
    run.delivery.isolation.value = isolation;
    run
}

/// A trial's compiled side under an even load of `rate` records a second, as it runs, shared out over its topics as before:
/// a warm-up, then `steady_s` seconds.
#[must_use]
pub fn at_rate(trial: &Trial, rate: f64, steady_s: f64) -> Trial {
    let mut probe = trial.clone();
    let first = |stretches: &[Stretch]| stretches.iter().map(|stretch| stretch.from_rate).fold(0.0, f64::max);
    let sum: f64 = probe.topics.iter().map(|topic| first(&topic.load.stretches)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of topics")]
    let even = 1.0 / probe.topics.len().max(1) as f64;
    let mut bytes = 0.0;
    for topic in &mut probe.topics {
        let share = if sum > 0.0 {
            first(&topic.load.stretches) / sum
        } else {
            even
        };
        let seconds = WARM_UP_S + steady_s;
        topic.load.stretches = vec![Stretch {
            from_rate: rate * share,
            to_rate: rate * share,
            seconds,
        }];
        bytes += rate * share * seconds * super::trial::float(topic.load.size.mean);
    }
    probe.phases = vec![
        Phase {
            kind: PhaseKind::WarmUp,
            from_s: 0.0,
            to_s: WARM_UP_S,
        },
        Phase {
            kind: PhaseKind::Steady,
            from_s: WARM_UP_S,
            to_s: WARM_UP_S + steady_s,
        },
    ];
    probe.sides.retain(|side| side.side == Side::After);
    probe.order = vec![Side::After];
    probe.faults.clear();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of bytes"
    )]
    let bytes = bytes as u64;
    probe.bytes = bytes;
    probe
}
