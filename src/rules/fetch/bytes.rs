//! Sizes of fetches, held against each other and against the brokers' bounds.

use crate::diagnostic::{Code, Example, Findings, Page, Severity, Stance};
use crate::model::settings::Setting;
use crate::rules::mend::suggest_size;
use crate::rules::tell::{about, brokers, chose, label_declared, on_librdkafka, rounded_up_size};
use crate::rules::{Check, Rule, ServiceView};
use crate::units::Size;

/// librdkafka's default for fetch.max.bytes.
const FETCH_MAX: u64 = 52_428_800;
/// What a response holds besides the records, by librdkafka's own reckoning.
pub(super) const OVERHEAD: u64 = 512;

pub(in crate::rules) const RULES: &[Rule] = &[
    Rule {
        page: &FETCH_BELOW_MESSAGE,
        check: Check::Service(fetch_below_message),
    },
    Rule {
        page: &RECEIVE_BELOW_FETCH,
        check: Check::Service(receive_below_fetch),
    },
    Rule {
        page: &FETCH_ABOVE_BROKER,
        check: Check::Service(fetch_above_broker),
    },
];

/// A fetch that librdkafka thinks too small for a message.
pub const FETCH_BELOW_MESSAGE: Page = Page {
    code: Code("F101"),
    name: "fetch-below-message",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "On librdkafka, fetch_max is below message_max.",
    why: "librdkafka refuses to create a consumer whose `fetch.max.bytes` is below its `message.max.bytes`. Unset, message_max follows a smaller fetch_max by itself when the profile is compiled; set, it has to be lowered with it.",
    bad: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"500kB\"\nmessage_max = \"1MB\"\n"),
    good: Example::Snippet("client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"500kB\"\nmessage_max = \"500kB\"\n"),
    source: "librdkafka 2.12.1, rd_kafka_conf_finalize: `fetch.max.bytes` must be >= `message.max.bytes`",
};

/// A response that librdkafka would refuse.
pub const RECEIVE_BELOW_FETCH: Page = Page {
    code: Code("F102"),
    name: "receive-below-fetch",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "On librdkafka, receive_message_max is below fetch_max + 512 bytes.",
    why: "A response may hold fetch_max bytes of records and what is around them. librdkafka refuses to create a consumer that would refuse such a response. Unset, receive_message_max follows fetch_max by itself.",
    bad: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"8MiB\"\nreceive_message_max = \"8MiB\"\n",
    ),
    good: Example::Snippet(
        "client = \"librdkafka\"\n\n[consumer]\nfetch_max = \"8MiB\"\nreceive_message_max = \"9MiB\"\n",
    ),
    source: "librdkafka 2.12.1, rd_kafka_conf_finalize: `receive.message.max.bytes` must be >= `fetch.max.bytes` + 512",
};

/// A fetch that brokers cut short.
pub const FETCH_ABOVE_BROKER: Page = Page {
    code: Code("F103"),
    name: "fetch-above-broker",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "fetch_max is above what the brokers give in one response.",
    why: "A broker answers with at most its own `fetch.max.bytes`, 55 MiB unless configured otherwise. What is asked for beyond that never comes, and the declared number says something that is not so.",
    bad: Example::Snippet("[consumer]\nfetch_max = \"64MiB\"\n"),
    good: Example::Snippet("[consumer]\nfetch_max = \"55MiB\"\n"),
    source: "Apache Kafka 4.2 broker configuration, fetch.max.bytes 57671680",
};

fn fetch_below_message(view: &ServiceView<'_>, findings: &mut Findings) {
    const PAIR: [Setting; 2] = [Setting::FetchMax, Setting::MessageMax];
    let settings = &view.service.run.consumer;
    let (Some(fetch), Some(message_max)) = (settings.size(PAIR[0]), settings.size(PAIR[1])) else {
        return;
    };
    if !on_librdkafka(*view.service.client) || fetch >= message_max {
        return;
    }
    let message = format!(
        "fetch_max ({}) is below message_max ({})",
        Size(fetch),
        Size(message_max)
    );
    let finding = about(&FETCH_BELOW_MESSAGE, view.service, &PAIR, message)
        .at_run_time("librdkafka refuses to create the consumer, and the service does not start");
    findings.push(suggest_size(
        finding,
        view.model,
        view.service,
        Setting::MessageMax,
        fetch,
        "remove it, or raise fetch_max",
    ));
}

fn receive_below_fetch(view: &ServiceView<'_>, findings: &mut Findings) {
    const PAIR: [Setting; 2] = [Setting::ReceiveMessageMax, Setting::FetchMax];
    let settings = &view.service.run.consumer;
    let Some(receive) = settings.size(Setting::ReceiveMessageMax) else {
        return;
    };
    let needed = settings
        .size(Setting::FetchMax)
        .unwrap_or(FETCH_MAX)
        .saturating_add(OVERHEAD);
    // Unset, it follows fetch_max by itself.
    let set = chose(view.service, Setting::ReceiveMessageMax);
    if !on_librdkafka(*view.service.client) || !set || receive >= needed {
        return;
    }
    let message = format!(
        "receive_message_max ({}) is below fetch_max + 512B ({})",
        Size(receive),
        Size(needed)
    );
    let finding = about(&RECEIVE_BELOW_FETCH, view.service, &PAIR, message)
        .at_run_time("librdkafka refuses to create the consumer, and the service does not start");
    findings.push(suggest_size(
        finding,
        view.model,
        view.service,
        Setting::ReceiveMessageMax,
        rounded_up_size(needed),
        "or remove it: it follows fetch_max by itself",
    ));
}

fn fetch_above_broker(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(fetch) = view.service.run.consumer.size(Setting::FetchMax) else {
        return;
    };
    if !chose(view.service, Setting::FetchMax) {
        return;
    }
    let Some((by, broker)) = brokers(view.model).find(|(_, broker)| broker.fetch_max.bytes() < fetch) else {
        return;
    };
    let most = *broker.fetch_max;
    let message = format!("fetch_max is {}, and {by} give at most {most}", Size(fetch));
    let finding = about(&FETCH_ABOVE_BROKER, view.service, &[Setting::FetchMax], message);
    let finding = label_declared(finding, &broker.fetch_max, format!("fetch.max.bytes is {most} there"))
        .at_run_time(format!("responses are never larger than {most}"));
    findings.push(suggest_size(
        finding,
        view.model,
        view.service,
        Setting::FetchMax,
        most.bytes(),
        "or raise fetch.max.bytes on the brokers and say so under [broker] in lagproof.toml",
    ));
}
