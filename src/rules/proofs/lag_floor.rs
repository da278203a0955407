//! P112: can the lag target be met at all?

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::settings::Setting;
use crate::proofs::lag_floor::{Floor, Over};
use crate::proofs::text::{rate, records, seconds};
use crate::rules::{Check, Rule, ServiceView};

use super::{ARITHMETIC, inherited, sayer};

/// P112.
pub(super) const TARGET: Rule = Rule {
    page: &Page {
        code: Code("P112"),
        name: "lag-target-below-floor",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "The lag target is below what a batch in hand amounts to at the expected rate.",
        why: "Records that arrive while a batch is processed wait for the next. Just before a batch is done, it and what has arrived since are both unprocessed, so lag reaches `2 × rate × T` a member, where `T = (per_batch + commit) ÷ (1 − rate × per_record ÷ concurrency)`. No setting of the lag alarm changes that; a cheaper batch does.",
        bad: Example::Snippet("[processing]\nper_batch = \"500ms\"\n\n[targets]\nlag = 10\n"),
        good: Example::Snippet("[processing]\nper_batch = \"5ms\"\n\n[targets]\nlag = 10\n"),
        source: ARITHMETIC,
    },
    check: Check::Service(target),
};

fn target(view: &ServiceView<'_>, findings: &mut Findings) {
    let proof = view.lag_floor();
    let Some(numbers) = proof.numbers.as_ref().filter(|_| proof.over.contains(&Over::Expected)) else {
        return;
    };
    // Lag that grows for ever is P108's.
    let Floor::Steady { records: floor } = numbers.expected else {
        return;
    };
    let target = &view.service.targets.lag;
    let mut finding = Finding::new(
        TARGET.page,
        target.span(),
        format!("{} can't stay below its lag target", view.service.name),
    )
    .here(format!("below {} by {}{}", records(wide(target.value)), sayer(target, view.service), inherited(target)))
    .at_run_time(format!(
        "at the expected {} a member, lag reaches {} again and again, and whoever watches the target is woken for nothing",
        rate(numbers.rate),
        records(floor)
    ));
    let per_batch = &view.service.run.processing.per_batch;
    if !per_batch.is_edition() {
        finding = finding.label(
            per_batch.span(),
            format!("a batch takes {} at that rate", seconds(numbers.batch)),
        );
    }
    if numbers.wait > 0.0
        && let Some(wait) = view.service.run.consumer.get(Setting::FetchMaxWait)
    {
        finding = finding.label(
            wait.span(),
            format!("and waits {} for fetch_min", seconds(numbers.wait)),
        );
    }
    findings.push(finding.help(format!(
        "set targets.lag to at least {:.0}, or make a batch cheaper",
        floor.ceil()
    )));
}

/// Records as a float.
#[allow(clippy::cast_precision_loss)]
fn wide(whole: u64) -> f64 {
    whole as f64
}
