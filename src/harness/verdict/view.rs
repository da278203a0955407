//! One run, with what it was to be.

use super::super::plan::{Phase, PhaseKind, SidePlan, Trial};
use super::super::recording::{Moment, Recording};
use super::disturbed::undisturbed;
use super::{Judgement, Kpi, Verdict};

/// One run, with what it was to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub trial: &'a Trial,
    pub side: &'a SidePlan,
    pub run: &'a Recording,
}

impl<'a> View<'a> {
    /// Phases of a kind, in order.
    pub fn phases(self, kind: PhaseKind) -> impl Iterator<Item = &'a Phase> {
        self.trial.phases.iter().filter(move |phase| phase.kind == kind)
    }

    /// The stretches of a kind in which it is judged, as (from, to) in seconds: of the steady ones, those in which nothing is
    /// felt of a fault.
    fn stretches(self, kind: PhaseKind) -> Vec<(f64, f64)> {
        if kind == PhaseKind::Steady {
            return undisturbed(self);
        }
        self.phases(kind).map(|phase| (phase.from_s, phase.to_s)).collect()
    }

    fn within(self, (from_s, to_s): (f64, f64)) -> impl Iterator<Item = &'a Moment> {
        let moments = self.run.moments.iter();
        moments.filter(move |moment| from_s <= moment.at_s && moment.at_s < to_s)
    }

    /// Lag from a moment on, whatever the phase, as (seconds after the start, records).
    pub fn lag_from(self, from_s: f64) -> Vec<(f64, f64)> {
        let seen = self.within((from_s, f64::INFINITY));
        seen.filter_map(|moment| Some((moment.at_s, wide(moment.lag?))))
            .collect()
    }

    /// Lag in phases of a kind, as (seconds after the start, records).
    pub fn lag(self, kind: PhaseKind) -> Vec<(f64, f64)> {
        let seen = self
            .stretches(kind)
            .into_iter()
            .flat_map(|stretch| self.within(stretch));
        seen.filter_map(|moment| Some((moment.at_s, wide(moment.lag?))))
            .collect()
    }

    /// When the warm-up is over, in seconds after the start.
    pub fn warm_until(self) -> f64 {
        let mut at = 0.0;
        for phase in &self.trial.phases {
            if phase.kind != PhaseKind::WarmUp {
                break;
            }
            at = phase.to_s;
        }
        at
    }

    /// The client that ran, without its version.
    pub fn client(self) -> &'a str {
        self.run.client_name().unwrap_or(&self.side.client)
    }

    /// Whether it ran on the declared client.
    pub fn is_declared_client(self) -> bool {
        self.client() == self.trial.declared_client
    }

    /// Why what is the client's own affair is not judged: another one ran than is declared.
    pub fn other_client(self) -> String {
        format!(
            "{} ran, and the declared client does this in its own way",
            self.client()
        )
    }

    /// Records sent and processed between the first and the last moment of stretches of a kind, and the seconds between.
    pub fn flow(self, kind: PhaseKind) -> Option<Flow> {
        let flows = self.stretches(kind).into_iter().filter_map(|stretch| {
            let mut moments = self.within(stretch);
            let first = moments.next()?;
            let last = moments.last()?;
            Some(Flow {
                sent: wide(last.sent.saturating_sub(first.sent)),
                processed: wide(last.processed.saturating_sub(first.processed)),
                seconds: last.at_s - first.at_s,
            })
        });
        flows.reduce(|sum, one| Flow {
            sent: sum.sent + one.sent,
            processed: sum.processed + one.processed,
            seconds: sum.seconds + one.seconds,
        })
    }

    /// A judgement of a target.
    pub fn says(self, kpi: Kpi, verdict: Verdict, target: impl Into<String>) -> Said {
        Said(Judgement {
            kpi,
            verdict,
            value: None,
            measured: String::new(),
            target: target.into(),
            because: String::new(),
        })
    }
}

/// What came and what was done of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flow {
    pub sent: f64,
    pub processed: f64,
    pub seconds: f64,
}

/// A judgement that is being put together.
#[derive(Debug)]
pub(super) struct Said(Judgement);

impl Said {
    pub fn value(mut self, value: f64) -> Self {
        self.0.value = Some(value);
        self
    }

    pub fn measured(mut self, measured: impl Into<String>) -> Self {
        self.0.measured = measured.into();
        self
    }

    pub fn because(mut self, because: impl Into<String>) -> Judgement {
        self.0.because = because.into();
        self.0
    }
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "records and bytes")]
pub(super) fn wide(whole: u64) -> f64 {
    whole as f64
}
