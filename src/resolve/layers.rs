//! Laying a section over what is already there.

use crate::declared::{
    AllowSection, Assumed, ConsumerSection, DeliverySection, MemorySection, ProcessingSection, Spanned, TargetsSection,
};
use crate::model::origin::{Layer, Sourced};
use crate::model::service::{Allow, Delivery, Memory, Processing, Retry, Run, Targets};
use crate::source::Span;
use crate::units::Size;

/// A declared value as one of `layer`.
pub(super) fn sourced<T: Clone>(value: &Spanned<T>, layer: Layer) -> Sourced<T> {
    Sourced::new(value.value.clone(), layer, value.span)
}

/// Lays a declared value over a resolved one.
pub(super) fn lay<T: Clone>(onto: &mut Sourced<T>, value: Option<&Spanned<T>>, layer: Layer) {
    if let Some(value) = value {
        *onto = sourced(value, layer);
    }
}

/// The same where there may be nothing underneath.
pub(super) fn lay_some<T: Clone>(onto: &mut Option<Sourced<T>>, value: Option<&Spanned<T>>, layer: Layer) {
    if let Some(value) = value {
        *onto = Some(sourced(value, layer));
    }
}

pub(super) fn lay_consumer(run: &mut Run, section: &ConsumerSection, layer: Layer) {
    for (setting, value) in &section.0 {
        run.consumer.set(*setting, sourced(value, layer));
    }
}

pub(super) fn lay_delivery(delivery: &mut Delivery, section: &DeliverySection, layer: Layer) {
    lay(&mut delivery.commit, section.commit.as_ref(), layer);
    lay(&mut delivery.commit_interval, section.commit_interval.as_ref(), layer);
    lay(&mut delivery.isolation, section.isolation.as_ref(), layer);
    if let Some(retry) = &section.retry {
        let backoff = Sourced::new(std::time::Duration::from_secs(1), Layer::Edition, retry.span);
        let mut resolved = Retry {
            attempts: sourced(&retry.value.attempts, layer),
            backoff,
            dead_letter: retry
                .value
                .dead_letter
                .as_ref()
                .map(|topic| Sourced::new(topic.value.0.clone(), layer, topic.span)),
        };
        lay(&mut resolved.backoff, retry.value.backoff.as_ref(), layer);
        delivery.retry = Some(resolved);
    }
}

pub(super) fn lay_processing(processing: &mut Processing, section: &ProcessingSection, layer: Layer) {
    if let Some(cost) = &section.per_record {
        processing.per_record = Some(Sourced::new(cost.value.cost.clone(), layer, cost.span));
        processing.per_record_max = cost.value.max;
    }
    lay(&mut processing.per_batch, section.per_batch.as_ref(), layer);
    if let Some(concurrency) = &section.concurrency {
        processing.concurrency = Sourced::new(concurrency.value.0, layer, concurrency.span);
    }
    lay(&mut processing.handler, section.handler.as_ref(), layer);
    lay_some(&mut processing.cpu, section.cpu.as_ref(), layer);
    if let Some(assumed) = &section.assumed {
        processing.assumed = assumed.value.0.clone();
    }
}

pub(super) fn lay_memory(memory: &mut Memory, section: &MemorySection, layer: Layer) {
    lay_some::<Size>(&mut memory.limit, section.limit.as_ref(), layer);
    lay_some::<Size>(&mut memory.resident, section.resident.as_ref(), layer);
    lay(&mut memory.per_record_factor, section.per_record_factor.as_ref(), layer);
    if let Some(assumed) = &section.assumed {
        memory.assumed = assumed.value.0.clone();
    }
}

pub(super) fn lay_targets(targets: &mut Targets, section: &TargetsSection, layer: Layer) {
    lay(&mut targets.lag, section.lag.as_ref(), layer);
    if let Some(errors) = &section.errors {
        targets.errors = Sourced::new(errors.value.0, layer, errors.span);
    }
    lay(
        &mut targets.rebalances_per_hour,
        section.rebalances_per_hour.as_ref(),
        layer,
    );
}

pub(super) fn allows(sections: &[Spanned<AllowSection>], layer: Layer) -> Vec<Allow> {
    sections
        .iter()
        .map(|allow| Allow {
            code: sourced(&allow.value.code, layer),
            about: allow.value.about.as_ref().map(|about| sourced(about, layer)),
            reason: sourced(&allow.value.reason, layer),
            until: allow.value.until.as_ref().map(|until| sourced(until, layer)),
            span: whole_table(
                allow.span,
                [
                    Some(allow.value.code.span),
                    allow.value.about.as_ref().map(|about| about.span),
                    Some(allow.value.reason.span),
                    allow.value.until.as_ref().map(|until| until.span),
                ],
            ),
        })
        .collect()
}

/// From a table's header to the end of its last value. TOML's own span of a table is its header alone.
pub(super) fn whole_table(header: Span, values: impl IntoIterator<Item = Option<Span>>) -> Span {
    let end = values.into_iter().flatten().map(|value| value.end).max();
    Span {
        end: end.unwrap_or(0).max(header.end),
        ..header
    }
}

pub(super) fn assumed(assumed: Option<&Spanned<Assumed>>) -> Vec<String> {
    assumed.map(|assumed| assumed.value.0.clone()).unwrap_or_default()
}

/// A value that the edition gives, at the place that pins the edition.
pub(super) const fn pinned<T>(value: T, edition: Span) -> Sourced<T> {
    Sourced::new(value, Layer::Edition, edition)
}
