//! What a run needs of the machine, and which runs fit beside each other.
//!
//! The figures are estimates for planning, rounded up from what Apache Kafka 4.3 and librdkafka took on two cores: a small
//! record costs the three processes together about 60 µs where it comes alone and less in batches; a byte is made, checked,
//! copied, written and read in about 10 ns. Whether they were right is measured: a process that had to wait for a core makes
//! a run INVALID, never a pass.

use crate::model::service::Run;
use crate::model::settings::Setting;

use super::trial::Subject;

/// Core seconds a record: load, broker and worker.
const RECORD: f64 = 60e-6;
/// Core seconds a byte.
const BYTE: f64 = 10e-9;
/// Core seconds of one fetch that finds nothing.
const EMPTY_FETCH: f64 = 100e-6;
/// Core seconds of one commit.
const COMMIT: f64 = 100e-6;
/// Cores that a worker takes while nothing comes: heartbeats, samples.
const WORKER: f64 = 0.015;
/// Cores that a run takes while nothing comes: load, probe, the broker's part.
const RUN: f64 = 0.05;

/// The share of the cores that one run may take.
pub(super) const READY_SHARE: f64 = 0.7;
/// The share that runs beside each other may take together. Their peaks come at the same moment, and every process more
/// is one that may have to wait for a core.
const SHARED_SHARE: f64 = 0.35;

/// What a subject needs, in cores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Carried {
    /// Whatever its speed.
    pub fixed: f64,
    /// At the highest rate, in real time; it grows with the speed.
    pub at_peak: f64,
}

impl Carried {
    /// What a subject needs at the highest rate of its load, for the side that needs most.
    pub fn of(subject: &Subject, runs: &[&Run]) -> Self {
        let (records, bytes) = subject.highest_rate();
        let replicas = f64::from(subject.service.replicas.value.max(1));
        let sides = runs.iter().map(|run| {
            let burns = run.processing.cpu.as_ref().map_or(0.0, |cpu| cpu.as_secs_f64());
            let batch = run.consumer.count(Setting::MaxPollRecords).unwrap_or(500).max(1);
            #[expect(clippy::cast_precision_loss, reason = "a batch size")]
            let batches = records / (batch as f64).min(10.0);
            let wait = run
                .consumer
                .duration(Setting::FetchMaxWait)
                .map_or(0.5, |wait| wait.as_secs_f64());
            let idle = replicas * EMPTY_FETCH / wait.max(0.01);
            let grows = records.mul_add(RECORD + burns, bytes * BYTE) + batches * COMMIT;
            (idle, grows)
        });
        let (idle, grows) = sides.fold((0.0_f64, 0.0_f64), |(idle, grows), side| {
            (idle.max(side.0), grows.max(side.1))
        });
        Self {
            fixed: replicas.mul_add(WORKER, RUN) + idle,
            at_peak: grows,
        }
    }

    /// All of it, in real time or for a subject that is scaled already.
    pub fn cores(self) -> f64 {
        self.fixed + self.at_peak
    }
}

/// Which trials run at the same time: the largest first, each into the first group that has room for it. One that is too
/// large for the machine runs alone. Cases and comparisons run alone as well: what they show must not depend on company.
#[must_use]
pub fn waves(needs: &[(f64, Company)], cores: u32) -> Vec<Vec<usize>> {
    let room = f64::from(cores) * SHARED_SHARE;
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by(|one, other| needs[*other].0.total_cmp(&needs[*one].0).then(one.cmp(other)));
    let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
    let mut alone: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let (need, company) = needs[at];
        if company == Company::Alone {
            alone.push(vec![at]);
            continue;
        }
        match groups.iter_mut().find(|(used, _)| used + need <= room) {
            Some((used, group)) => {
                *used += need;
                group.push(at);
            }
            None => groups.push((need, vec![at])),
        }
    }
    let mut waves: Vec<Vec<usize>> = groups.into_iter().map(|(_, group)| group).chain(alone).collect();
    for wave in &mut waves {
        wave.sort_unstable();
    }
    waves.sort();
    waves
}

/// Whether a trial may run beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It may.
    Welcome,
    /// It may not.
    Alone,
}
