//! Services.

use std::collections::BTreeMap;
use std::time::Duration;

use wildmatch::WildMatch;

use crate::clients::{edition_default, edition_delivery};
use crate::declared::{BaselineSection, DeclaredFile, ServiceFile, Spanned, TopicName};
use crate::diagnostic::Findings;
use crate::model::keywords::{Client, GroupProtocol, Handler};
use crate::model::matrix::Matrix;
use crate::model::origin::{Layer, Sourced};
use crate::model::service::{Concurrency, Delivery, Deviation, Memory, Processing, Raw, Run, Service, Targets};
use crate::model::settings::{Setting, Settings};
use crate::source::Span;

use super::Resolver;
use super::layers::{
    allows, lay_consumer, lay_delivery, lay_memory, lay_processing, lay_some, lay_targets, pinned, sourced, whole_table,
};
use super::matrix::edition_targets;
use super::pages;

pub(super) fn resolve_service(
    context: &Resolver<'_>,
    file: &DeclaredFile<ServiceFile>,
    profile: &ServiceFile,
    findings: &mut Findings,
) -> Service {
    let matrix = &context.matrix;
    let edition = matrix.edition.span();
    let client = sourced(&profile.client, Layer::Profile);
    let protocol = profile
        .group_protocol
        .as_ref()
        .map_or(pinned(GroupProtocol::Classic, edition), |protocol| {
            sourced(protocol, Layer::Profile)
        });
    let row = matrix.row(&profile.service_type.value);
    if row.is_none() {
        findings.push(pages::unknown_type(&file.name, &profile.service_type, matrix));
    }
    let mut run = Run {
        consumer: edition_settings(matrix, client.value, protocol.value),
        delivery: edition_run_delivery(matrix, client.value),
        processing: Processing {
            per_record: None,
            per_record_max: None,
            per_batch: pinned(Duration::ZERO, edition),
            concurrency: pinned(Concurrency::Bounded(1), edition),
            handler: pinned(Handler::Inline, edition),
            cpu: None,
            assumed: Vec::new(),
        },
        memory: Memory {
            limit: None,
            resident: None,
            per_record_factor: pinned(1.0, edition),
            assumed: Vec::new(),
        },
    };
    let mut targets = edition_targets(edition);
    lay_defaults(context, &mut run, &mut targets);
    for (setting, cell) in row.iter().flat_map(|row| &row.cells) {
        run.consumer.set(
            *setting,
            Sourced {
                value: cell.value.default().clone(),
                origin: cell.origin,
            },
        );
    }
    if let Some(section) = &profile.consumer {
        lay_consumer(&mut run, &section.value, Layer::Profile);
    }
    if let Some(section) = &profile.delivery {
        lay_delivery(&mut run.delivery, &section.value, Layer::Profile);
    }
    if let Some(section) = &profile.processing {
        lay_processing(&mut run.processing, &section.value, Layer::Profile);
    }
    if let Some(section) = &profile.memory {
        lay_memory(&mut run.memory, &section.value, Layer::Profile);
    }
    if let Some(section) = &profile.targets {
        lay_targets(&mut targets, &section.value, Layer::Profile);
    }
    let baseline = profile
        .baseline
        .as_ref()
        .map(|section| Box::new(lay_run(&run, &section.value, Layer::Profile)));
    let topics = expand_topics(context, &file.name, &profile.topics, findings);
    let deviations = resolve_deviations(&file.name, profile, findings);
    Service {
        name: file.name.clone(),
        file: file.file,
        version: sourced(&profile.version, Layer::Profile),
        service_type: sourced(&profile.service_type, Layer::Profile),
        client,
        client_version: profile
            .client_version
            .as_ref()
            .map(|version| Sourced::new((version.value.0, version.value.1), Layer::Profile, version.span)),
        group: Sourced::new(profile.group.value.0.clone(), Layer::Profile, profile.group.span),
        group_protocol: protocol,
        instance_id: profile
            .instance_id
            .as_ref()
            .map(|id| Sourced::new(id.value.0.clone(), Layer::Profile, id.span)),
        restart: profile.restart.as_ref().map(|restart| sourced(restart, Layer::Profile)),
        summary: profile.summary.as_ref().map(|summary| sourced(summary, Layer::Profile)),
        topics,
        subscribed: profile
            .topics
            .value
            .iter()
            .map(|topic| Sourced::new(topic.value.0.clone(), Layer::Profile, topic.span))
            .collect(),
        replicas: profile
            .replicas
            .as_ref()
            .map_or(pinned(1, edition), |replicas| sourced(replicas, Layer::Profile)),
        run,
        baseline,
        targets,
        raw: resolve_raw(profile),
        deviations,
        allows: allows(&profile.allows, Layer::Profile),
        renamed_from: profile
            .renamed
            .iter()
            .map(|renamed| {
                Sourced::new(
                    renamed.value.from.value.0.clone(),
                    Layer::Profile,
                    renamed.value.from.span,
                )
            })
            .collect(),
    }
}

fn edition_settings(matrix: &Matrix, client: Client, protocol: GroupProtocol) -> Settings {
    let mut settings = Settings::default();
    for setting in Setting::ALL {
        if let Some(value) = edition_default(matrix.edition.value, client, protocol, setting) {
            settings.set(setting, pinned(value, matrix.edition.span()));
        }
    }
    settings
}

fn edition_run_delivery(matrix: &Matrix, client: Client) -> Delivery {
    let (commit, interval, isolation) = edition_delivery(matrix.edition.value, client);
    let at = matrix.edition.span();
    Delivery {
        commit: pinned(commit, at),
        commit_interval: pinned(interval, at),
        isolation: pinned(isolation, at),
        retry: None,
    }
}

/// Puts another client's edition defaults where nobody chose a value: a case may run a service on another client.
pub(super) fn lay_client(run: &mut Run, matrix: &Matrix, client: Client, protocol: GroupProtocol) {
    let mut settings = edition_settings(matrix, client, protocol);
    for (setting, chosen) in run.consumer.iter().filter(|(_, value)| !value.is_edition()) {
        settings.set(setting, chosen.clone());
    }
    run.consumer = settings;
    let Delivery {
        commit,
        commit_interval,
        isolation,
        retry: _,
    } = edition_run_delivery(matrix, client);
    let delivery = &mut run.delivery;
    if delivery.commit.is_edition() {
        delivery.commit = commit;
    }
    if delivery.commit_interval.is_edition() {
        delivery.commit_interval = commit_interval;
    }
    if delivery.isolation.is_edition() {
        delivery.isolation = isolation;
    }
}

fn lay_defaults(context: &Resolver<'_>, run: &mut Run, targets: &mut Targets) {
    let Some(defaults) = &context.declared_matrix.defaults else {
        return;
    };
    lay_consumer(run, &defaults.value.consumer, Layer::Defaults);
    if let Some(delivery) = &defaults.value.delivery {
        lay_delivery(&mut run.delivery, &delivery.value, Layer::Defaults);
    }
    if let Some(section) = &defaults.value.targets {
        lay_targets(targets, &section.value, Layer::Defaults);
    }
}

/// A run with a baseline's keys laid over it.
pub(super) fn lay_run(run: &Run, section: &BaselineSection, layer: Layer) -> Run {
    let mut before = run.clone();
    lay_consumer(&mut before, &section.consumer, layer);
    lay_delivery(&mut before.delivery, &section.delivery, layer);
    lay_processing(&mut before.processing, &section.processing, layer);
    lay_memory(&mut before.memory, &section.memory, layer);
    lay_some(&mut before.memory.limit, section.memory.limit.as_ref(), layer);
    before
}

/// The topics that a subscription means: names as they are, patterns by what matches in topics.toml.
fn expand_topics(
    context: &Resolver<'_>,
    service: &str,
    subscribed: &Spanned<Vec<Spanned<TopicName>>>,
    findings: &mut Findings,
) -> Vec<Sourced<String>> {
    let mut topics: BTreeMap<String, Span> = BTreeMap::new();
    if subscribed.value.is_empty() {
        findings.push(pages::no_topics(service, subscribed.span));
    }
    for topic in &subscribed.value {
        let name = &topic.value.0;
        // Without `*` and `?` a pattern matches its own text, and looking that up is faster.
        let pattern = topic.value.is_pattern().then(|| WildMatch::new(name));
        let matching: Vec<&String> = match &pattern {
            Some(pattern) => context.topics.keys().filter(|known| pattern.matches(known)).collect(),
            None => context
                .topics
                .get_key_value(name)
                .map(|(known, _)| known)
                .into_iter()
                .collect(),
        };
        let unreadable = || match &pattern {
            Some(pattern) => context.unreadable_topics.iter().any(|known| pattern.matches(known)),
            None => context.unreadable_topics.contains(name),
        };
        if matching.is_empty() && !unreadable() {
            findings.push(pages::unknown_topic(service, topic, &context.topics));
        }
        for known in matching {
            if let Some(first) = topics.get(known) {
                findings.push(pages::topic_twice(service, known, topic.span, *first));
            } else {
                topics.insert(known.clone(), topic.span);
            }
        }
    }
    topics
        .into_iter()
        .map(|(name, span)| Sourced::new(name, Layer::Profile, span))
        .collect()
}

fn resolve_deviations(service: &str, profile: &ServiceFile, findings: &mut Findings) -> Vec<Deviation> {
    let mut deviations: Vec<Deviation> = Vec::new();
    for deviation in &profile.deviations {
        let name = &deviation.value.setting;
        let Some(setting) = Setting::parse(&name.value) else {
            findings.push(pages::unknown_setting(service, name));
            continue;
        };
        deviations.push(Deviation {
            setting: Sourced::new(setting, Layer::Profile, name.span),
            reason: sourced(&deviation.value.reason, Layer::Profile),
            span: whole_table(deviation.span, [Some(name.span), Some(deviation.value.reason.span)]),
        });
    }
    deviations
}

fn resolve_raw(profile: &ServiceFile) -> Vec<Raw> {
    profile
        .raw
        .iter()
        .flat_map(|(client, section)| {
            section.0.iter().map(|(key, value)| Raw {
                client: *client,
                key: key.value.clone(),
                key_span: key.span,
                value: sourced(value, Layer::Profile),
            })
        })
        .collect()
}
