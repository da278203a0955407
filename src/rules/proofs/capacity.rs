//! P108 to P111: can the members process what arrives?

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::topic::Topic;
use crate::proofs::capacity::{BUSY as BUSY_SHARE, Drain, Load, Numbers, Over};
use crate::proofs::lag_floor;
use crate::proofs::text::{count, number, percent, rate, ratio, records, seconds};
use crate::rules::{Check, Rule, ServiceView};

use super::ARITHMETIC;

/// P108.
pub(super) const EXPECTED: Rule = Rule {
    page: &Page {
        code: Code("P108"),
        name: "too-little-capacity",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "More arrives at the expected rate than the members can process (ρ ≥ 1).",
        why: "Lag grows for as long as the service runs, until records are deleted unread. The busiest member decides: the one that holds the hottest partition under the declared keys.",
        bad: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrate = \"200/s\"\n"),
        good: Example::Snippet("# file: profiles/topics.toml\n[topics.\"orders.created\"]\nrate = \"30/s\"\n"),
        source: ARITHMETIC,
    },
    check: Check::Service(expected),
};

/// P109.
pub(super) const NOT_DRAINED: Rule = Rule {
    page: &Page {
        code: Code("P109"),
        name: "peak-never-drained",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "What one peak leaves behind is not worked off before the next.",
        why: "Every peak then starts where the last one left off, and lag grows from peak to peak.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"200/s\", for = \"12h\", every = \"1d\" }\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"60/s\", for = \"12h\", every = \"1d\" }\n",
        ),
        source: ARITHMETIC,
    },
    check: Check::Service(not_drained),
};

/// P110.
pub(super) const PEAK: Rule = Rule {
    page: &Page {
        code: Code("P110"),
        name: "peak-over-capacity",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "More arrives at the peak than the members can process; the backlog is worked off afterwards.",
        why: "Lag grows while the peak lasts and shrinks after it. Whether that is acceptable is for those who wait for the records to say: allow it with a reason, or add capacity.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"120/s\", for = \"10min\", every = \"1d\" }\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"60/s\", for = \"10min\", every = \"1d\" }\n",
        ),
        source: ARITHMETIC,
    },
    check: Check::Service(peak),
};

/// P111.
pub(super) const BUSY: Rule = Rule {
    page: &Page {
        code: Code("P111"),
        name: "little-to-spare",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "At the peak, more than 0.8 of the capacity is in use.",
        why: "The nearer ρ comes to 1, the longer the queues, and the less is left for a slow dependency, a rebalance or a replica that is away. 0.8 is where waiting begins to grow steeply.",
        bad: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"75/s\", for = \"10min\", every = \"1d\" }\n",
        ),
        good: Example::Snippet(
            "# file: profiles/topics.toml\n[topics.\"orders.created\"]\npeak = { rate = \"60/s\", for = \"10min\", every = \"1d\" }\n",
        ),
        source: ARITHMETIC,
    },
    check: Check::Service(busy),
};

fn expected(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((numbers, load)) = over(view, Over::Expected) else {
        return;
    };
    let lost = load.expected - numbers.capacity;
    let message = format!(
        "{} can't keep up with what is expected (ρ = {})",
        view.service.name,
        ratio(load.rho_expected)
    );
    let finding = at_cost(view, EXPECTED.page, message)
        .here(format!(
            "a member can process {}, and the busiest receives {}",
            rate(numbers.capacity),
            rate(load.expected)
        ))
        .at_run_time(format!("lag grows by {} on that member, for ever", rate(lost)));
    findings.push(remedies(view, rates(view, finding, false), numbers, load.rho_expected));
}

fn not_drained(view: &ServiceView<'_>, findings: &mut Findings) {
    let not_back = view.lag_floor().over.contains(&lag_floor::Over::NotBack);
    let drained = over(view, Over::NotDrained);
    let numbers = view.capacity().numbers.as_ref();
    let (true, Some(numbers)) = (drained.is_some() || not_back, numbers) else {
        return;
    };
    let load = judged(numbers);
    if load.rho_expected >= 1.0 {
        return;
    }
    let message = format!("{} has not worked one peak off when the next comes", view.service.name);
    let mut finding = at_cost(view, NOT_DRAINED.page, message).at_run_time("lag grows from peak to peak");
    finding = match numbers.drain {
        Some(Drain::Backlog {
            records: left,
            seconds: time,
            gap,
        }) => finding.here(format!(
            "a peak leaves {} on a member, worked off in {}; the next comes after {}",
            records(left),
            seconds(time),
            seconds(gap)
        )),
        Some(Drain::Nothing) | None => finding.here("lag is not back at its target before the next peak"),
    };
    findings.push(remedies(view, rates(view, finding, true), numbers, load.rho_peak));
}

fn peak(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((numbers, load)) = over(view, Over::Peak) else {
        return;
    };
    // What is too much without a peak is P108's.
    if load.rho_expected >= 1.0 {
        return;
    }
    let message = format!(
        "{} can't keep up with the peak (ρ = {})",
        view.service.name,
        ratio(load.rho_peak)
    );
    let finding = at_cost(view, PEAK.page, message).here(format!(
        "a member can process {}, and the busiest receives {}",
        rate(numbers.capacity),
        rate(load.peak)
    ));
    let finding = match numbers.drain {
        Some(Drain::Backlog {
            records: left,
            seconds: time,
            ..
        }) => finding.at_run_time(format!(
            "each peak leaves {} on a member, worked off {} after it ends",
            records(left),
            seconds(time)
        )),
        Some(Drain::Nothing) | None => {
            finding.at_run_time("lag grows while the peak lasts; how long it takes to work off is unknown")
        }
    };
    findings.push(remedies(view, rates(view, finding, true), numbers, load.rho_peak));
}

fn busy(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some((numbers, load)) = over(view, Over::Busy) else {
        return;
    };
    let message = format!(
        "{} has little to spare at the peak (ρ = {})",
        view.service.name,
        ratio(load.rho_peak)
    );
    let finding = at_cost(view, BUSY.page, message)
        .here(format!(
            "a member can process {}, and the busiest receives {}",
            rate(numbers.capacity),
            rate(load.peak)
        ))
        .at_run_time("a slow dependency or a replica that is away is enough for lag to grow");
    findings.push(remedies(view, rates(view, finding, true), numbers, load.rho_peak));
}

/// The numbers, where `what` is too much.
fn over<'a>(view: &'a ServiceView<'_>, what: Over) -> Option<(&'a Numbers, Load)> {
    let proof = view.capacity();
    let numbers = proof.numbers.as_ref().filter(|_| proof.over.contains(&what))?;
    Some((numbers, judged(numbers)))
}

/// The load that the verdict rests on.
fn judged(numbers: &Numbers) -> Load {
    numbers.hottest.unwrap_or(numbers.even)
}

fn at_cost(view: &ServiceView<'_>, page: &Page, message: String) -> Finding {
    let cost = view.service.run.processing.per_record.as_ref();
    let span = cost.map_or(view.service.service_type.span(), |cost| cost.span());
    Finding::new(page, span, message)
}

/// Labels the rates of all topics, and the replicas.
fn rates(view: &ServiceView<'_>, finding: Finding, at_peak: bool) -> Finding {
    let finding = view
        .topics
        .iter()
        .filter_map(|topic| rate_label(topic, at_peak))
        .fold(finding, |finding, (span, text)| finding.label(span, text));
    let replicas = &view.service.replicas;
    if replicas.is_edition() {
        finding
    } else {
        finding.label(replicas.span(), count(u64::from(replicas.value), "replica"))
    }
}

fn rate_label(topic: &Topic, at_peak: bool) -> Option<(crate::source::Span, String)> {
    match (&topic.peak, &topic.rate) {
        (Some(peak), _) if at_peak => Some((peak.rate.span(), format!("{} at the peak", rate(peak.rate.get())))),
        (_, Some(expected)) => Some((expected.span(), format!("{} expected", rate(expected.get())))),
        _ => None,
    }
}

/// Records a second of a topic at its peak, or as expected where it has none.
fn busiest_rate(topic: &Topic) -> f64 {
    let peak = topic.peak.as_ref().map(|peak| peak.rate.get());
    let expected = topic.rate.as_ref().map(|rate| rate.get());
    peak.unwrap_or(0.0).max(expected.unwrap_or(0.0))
}

/// How many members would do, as far as there are partitions for them.
fn remedies(view: &ServiceView<'_>, finding: Finding, numbers: &Numbers, rho: f64) -> Finding {
    let partitions: u64 = view.topics.iter().map(|topic| u64::from(topic.partitions.value)).sum();
    let wanted = (rho * f64::from(numbers.usable.max(1)) / BUSY_SHARE).ceil();
    // What one partition gets, one member must process, however many there are.
    let largest = view.topics.iter().map(|topic| busiest_rate(topic)).fold(0.0, f64::max);
    let share = numbers.hottest_share.unwrap_or(0.0);
    let help = if share * largest > BUSY_SHARE * numbers.capacity && numbers.usable > 1 {
        format!(
            "the hottest partition gets {} of its topic: spread its keys, or make a record cheaper; more replicas do not help",
            percent(share)
        )
    } else if f64::from(u32::try_from(partitions).unwrap_or(u32::MAX)) < wanted {
        format!(
            "about {} members would do, but there are only {}: add partitions and replicas, or make a record cheaper",
            number(wanted),
            count(partitions, "partition")
        )
    } else {
        format!(
            "run about {} replicas, raise concurrency, or make a record cheaper",
            number(wanted)
        )
    };
    finding.help(help)
}
