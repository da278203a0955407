//! P105 to P107: does the process stay inside its container?

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::settings::Setting;
use crate::proofs::memory::Over;
use crate::proofs::text::{bytes, declared_bytes};
use crate::rules::{Check, Rule, ServiceView};

use super::{inherited, sayer};

const BOUND: &str = "each client's documentation of its fetch and queue sizes (librdkafka: CONFIGURATION.md, queued.max.messages.kbytes); librdkafka's bound was measured with 2.16.0";

/// P105.
pub(in crate::rules) const OVER_LIMIT: Rule = Rule {
    page: &Page {
        code: Code("P105"),
        name: "memory-over-limit",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "What the client may fetch ahead, what is resident and what the handler holds exceed memory.limit.",
        why: "A consumer that falls behind fills its buffers to the bound that its settings allow. That is when the container is killed, in the middle of the backlog, and the restarted one fills its buffers again.",
        bad: Example::Snippet("[memory]\nlimit = \"301MiB\"\n"),
        good: Example::Snippet("[memory]\nlimit = \"512MiB\"\n"),
        source: BOUND,
    },
    check: Check::Service(over_limit),
};

/// P106.
pub(in crate::rules) const UNBOUNDED: Rule = Rule {
    page: &Page {
        code: Code("P106"),
        name: "memory-unbounded",
        severity: Severity::Error,
        stance: Stance::Judged,
        summary: "Concurrency is unbounded, so no memory limit is enough.",
        why: "A handler that takes on every record that arrives holds every record that is not done. A backlog of a million records is a million records in memory.",
        bad: Example::Snippet("[processing]\nconcurrency = \"unbounded\"\n"),
        good: Example::Snippet(
            "[processing]\nconcurrency = 4\n\n# file: profiles/topics.toml\n[topics.\"orders.created\"]\nordering = \"none\"\n",
        ),
        source: BOUND,
    },
    check: Check::Service(unbounded),
};

/// P107.
pub(in crate::rules) const REPLICA_AWAY: Rule = Rule {
    page: &Page {
        code: Code("P107"),
        name: "memory-with-a-replica-away",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "Memory fits, but not while one replica is away and the others hold its partitions.",
        why: "During every deployment, and after every crash, fewer members share the same partitions. If each then needs more than its limit, one crash becomes all of them, one after another.",
        bad: Example::Snippet("[memory]\nlimit = \"304MiB\"\n"),
        good: Example::Snippet("[memory]\nlimit = \"512MiB\"\n"),
        source: BOUND,
    },
    check: Check::Service(replica_away),
};

fn over_limit(view: &ServiceView<'_>, findings: &mut Findings) {
    let proof = view.memory();
    let (Some(total), Some(limit), true) = (proof.total, proof.limit, proof.over.contains(&Over::Limit)) else {
        return;
    };
    let finding = at_limit(
        view,
        OVER_LIMIT.page,
        format!(
            "{} needs up to {}, above its memory limit",
            view.service.name,
            bytes(total)
        ),
    )
    .here(format!("{} is the limit", declared_bytes(limit)))
    .at_run_time("as soon as it falls behind, its container is killed, and again after each restart");
    let finding = finding.help(format!(
        "raise memory.limit above {}, or lower {}",
        bytes(total),
        knobs(view)
    ));
    findings.push(parts(view, finding));
}

fn unbounded(view: &ServiceView<'_>, findings: &mut Findings) {
    if !view.memory().over.contains(&Over::UnboundedHandler) {
        return;
    }
    let concurrency = &view.service.run.processing.concurrency;
    let finding = Finding::new(
        UNBOUNDED.page,
        concurrency.span(),
        format!("nothing bounds what {} holds in memory", view.service.name),
    )
    .here("takes on every record that arrives")
    .at_run_time("with a backlog, the process takes on all of it at once and is killed")
    .help("write the number of records that may be in hand at once, such as `concurrency = 8`");
    findings.push(match &view.service.run.memory.limit {
        Some(limit) => finding.label(limit.span(), "no limit is enough"),
        None => finding,
    });
}

fn replica_away(view: &ServiceView<'_>, findings: &mut Findings) {
    let proof = view.memory();
    let away = proof.over.iter().find_map(|over| match over {
        Over::OneReplicaAway { total } => Some(*total),
        Over::Limit | Over::UnboundedHandler => None,
    });
    let (Some(away), Some(limit)) = (away, proof.limit) else {
        return;
    };
    let finding = at_limit(
        view,
        REPLICA_AWAY.page,
        format!("memory fits only while every replica of {} is there", view.service.name),
    )
    .here(format!("{} is the limit", declared_bytes(limit)))
    .label(
        view.service.replicas.span(),
        "with one fewer, the others hold its partitions",
    )
    .at_run_time("when one replica stops, for a deployment or a crash, the others may be killed one after another")
    .help(format!(
        "raise memory.limit above {}, or lower {}",
        bytes(away),
        knobs(view)
    ));
    findings.push(finding);
}

fn at_limit(view: &ServiceView<'_>, page: &Page, message: String) -> Finding {
    let limit = view.service.run.memory.limit.as_ref();
    let span = limit.map_or(view.service.service_type.span(), |limit| limit.span());
    Finding::new(page, span, message)
}

/// The settings that bound the client's fetch memory.
fn knobs(view: &ServiceView<'_>) -> &'static str {
    use crate::model::keywords::Client;
    match view.service.client.value {
        Client::Librdkafka | Client::ConfluentJavascript => "queued_max, fetch_max and max_partition_fetch",
        Client::Java | Client::Aiokafka => "max_partition_fetch",
        Client::Kafkajs => "fetch_max",
    }
}

/// Where the largest parts come from.
fn parts(view: &ServiceView<'_>, mut finding: Finding) -> Finding {
    let proof = view.memory();
    let setting = match view.service.client.value {
        crate::model::keywords::Client::Kafkajs => Setting::FetchMax,
        _ => Setting::MaxPartitionFetch,
    };
    if let (Some(fetched), Some(value)) = (proof.fetched, view.service.run.consumer.get(setting)) {
        finding = finding.label(
            value.span(),
            format!(
                "up to {} fetched ahead; {setting} is {} by {}{}",
                bytes(fetched),
                value.value,
                sayer(value, view.service),
                inherited(value)
            ),
        );
    }
    match &view.service.run.memory.resident {
        Some(resident) => finding.label(
            resident.span(),
            format!("{} before the first record", declared_bytes(resident.bytes())),
        ),
        None => finding,
    }
}
