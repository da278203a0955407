//! How findings about settings are told: at the value that is to be changed, with labels where inherited ones stand.

use std::fmt;
use std::time::Duration;

use crate::diagnostic::{Finding, Page};
use crate::model::broker::Broker;
use crate::model::keywords::Client;
use crate::model::origin::{Layer, Sourced};
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::settings::{Setting, Value};
use crate::source::Span;

/// A finding about some of a service's settings. It stands at the first that the profile sets; where it sets none, at
/// the first that the matrix does, where one change mends it for all services of the type; else at the client's line.
/// The others are labelled where they come from.
///
/// The message names no service: the same mistake in a row of the matrix is then told once, not once a service.
pub(super) fn about(page: &Page, service: &Service, settings: &[Setting], message: impl Into<String>) -> Finding {
    let known: Vec<(Setting, &Sourced<Value>)> = settings
        .iter()
        .filter_map(|setting| Some((*setting, service.run.consumer.get(*setting)?)))
        .collect();
    let first = known.iter().min_by_key(|(_, value)| distance(value.origin.layer));
    let (at, mut finding) = match first {
        Some((setting, value)) if !value.is_edition() => {
            let finding = Finding::new(page, value.span(), message).here(words(service, *setting, value));
            (Some(*setting), finding)
        }
        _ => (None, at_client(page, service, message)),
    };
    for (setting, value) in known {
        if Some(setting) != at {
            finding = finding.label(value.span(), words(service, setting, value));
        }
    }
    finding
}

/// A finding at the line that names the client.
pub(super) fn at_client(page: &Page, service: &Service, message: impl Into<String>) -> Finding {
    Finding::new(page, service.client.span(), message).here(format!("the client is {}", *service.client))
}

/// How far from the profile a value comes from.
const fn distance(layer: Layer) -> u8 {
    match layer {
        Layer::Profile | Layer::Case | Layer::Environment => 0,
        Layer::Type => 1,
        Layer::Defaults => 2,
        Layer::Edition => 3,
    }
}

/// What a setting is and who says so: "`session_timeout` is 45s, from the row of `worker`".
fn words(service: &Service, setting: Setting, value: &Sourced<Value>) -> String {
    let told = format!("`{setting}` is {}", value.value);
    match value.origin.layer {
        Layer::Profile | Layer::Case | Layer::Environment => told,
        Layer::Type => format!("{told}, from the row of `{}`", *service.service_type),
        Layer::Defaults => format!("{told}, from the project's defaults"),
        Layer::Edition => format!("{told}, {}'s own default in this edition", *service.client),
    }
}

/// Whether a person chose one of these settings: a client's own defaults among themselves are no mistake.
pub(super) fn chosen(service: &Service, settings: &[Setting]) -> bool {
    settings
        .iter()
        .filter_map(|setting| service.run.consumer.get(*setting))
        .any(|value| !value.is_edition())
}

/// Whether a person chose this very setting.
pub(super) fn chose(service: &Service, setting: Setting) -> bool {
    chosen(service, &[setting])
}

/// Whose brokers are meant: those of an environment, or of the project.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a>(Option<&'a str>);

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(environment) => write!(f, "the brokers of {environment}"),
            None => f.write_str("the brokers"),
        }
    }
}

/// The brokers that a service will meet: those of the project and of every environment.
pub(super) fn brokers(model: &Model) -> impl Iterator<Item = (Whose<'_>, &Broker)> {
    let places = model.environments.iter();
    std::iter::once((Whose(None), &model.broker))
        .chain(places.map(|place| (Whose(Some(place.name.as_str())), &place.broker)))
}

/// Labels a setting where it comes from, unless the finding already stands there.
pub(super) fn label_setting(finding: Finding, service: &Service, setting: Setting) -> Finding {
    match service.run.consumer.get(setting) {
        Some(value) => label_other(finding, value.span(), words(service, setting, value)),
        None => finding,
    }
}

/// Labels a value that a person declared; a built-in default has no place worth showing.
pub(super) fn label_declared<T>(finding: Finding, value: &Sourced<T>, text: impl Into<String>) -> Finding {
    if value.is_edition() {
        finding
    } else {
        finding.label(value.span(), text)
    }
}

/// Labels a place unless the finding already stands there.
pub(super) fn label_other(finding: Finding, span: Span, text: impl Into<String>) -> Finding {
    if finding.primary.span == span {
        finding
    } else {
        finding.label(span, text)
    }
}

/// Whether the client is librdkafka or built on it.
pub(super) const fn on_librdkafka(client: Client) -> bool {
    matches!(client, Client::Librdkafka | Client::ConfluentJavascript)
}

/// A third, in whole seconds where it has some, else in whole milliseconds.
pub(super) fn third(duration: Duration) -> Duration {
    rounded_down(duration / 3)
}

/// In whole seconds where there are some, else in whole milliseconds.
pub(super) fn rounded_down(duration: Duration) -> Duration {
    if duration.as_secs() > 0 {
        Duration::from_secs(duration.as_secs())
    } else {
        Duration::from_millis(u64::from(duration.subsec_millis()))
    }
}

/// In whole MiB where there are some, else as it is.
pub(super) const fn rounded_up_size(bytes: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    if bytes < MIB {
        bytes
    } else {
        bytes.div_ceil(MIB).saturating_mul(MIB)
    }
}

/// In whole seconds, and at least one.
pub(super) fn rounded_up(seconds: f64) -> Duration {
    let whole = seconds.max(1.0).min(f64::from(u32::MAX)).ceil();
    Duration::try_from_secs_f64(whole).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_round() {
        let ms = Duration::from_millis;
        assert_eq!(third(ms(45_000)), ms(15_000));
        assert_eq!(third(ms(10_000)), ms(3_000));
        assert_eq!(third(ms(1_000)), ms(333));
        assert_eq!(third(ms(2)), ms(0));
        assert_eq!(rounded_down(ms(1_999)), ms(1_000));
        assert_eq!(rounded_up_size(1_000), 1_000);
        assert_eq!(rounded_up_size(8_389_120), 9 << 20);
        assert_eq!(rounded_up_size(8 << 20), 8 << 20);
        assert_eq!(rounded_up(0.0), ms(1_000));
        assert_eq!(rounded_up(1.2), ms(2_000));
        assert_eq!(rounded_up(f64::INFINITY), Duration::from_secs(u64::from(u32::MAX)));
    }
}
