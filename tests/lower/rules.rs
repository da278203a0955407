//! L1xx: the exact words.

use lagproof::diagnostic::{Finding, Severity};

use super::support::TestProject;

/// A profile of the example service with a snippet merged into it, and what the family says of it.
fn said(snippet: &str) -> String {
    let project = TestProject::new();
    project.merge(snippet);
    let loaded = project.load();
    let findings: Vec<Finding> = loaded
        .findings
        .into_iter()
        .filter(|finding| finding.code.0.starts_with('L'))
        .collect();
    let place = |span: &lagproof::source::Span| {
        let file = loaded.sources.get(span.file);
        file.text.get(span.range()).unwrap_or("?").to_owned()
    };
    findings
        .iter()
        .map(|finding| {
            let mut text = format!(
                "{}[{}] {}\n  at `{}` {}\n",
                finding.severity.name(),
                finding.code,
                finding.message,
                place(&finding.primary.span),
                finding.primary.text
            );
            for label in &finding.labels {
                text += &format!("  at `{}` {}\n", place(&label.span), label.text);
            }
            text += &format!("  at run time: {}\n", finding.consequence);
            if let Some(help) = &finding.help {
                text += &format!("  help: {help}\n");
            }
            if let Some(fix) = &finding.fix {
                text += &format!("  fix: {}\n", fix.description);
            }
            text
        })
        .collect()
}

#[test]
fn what_is_lost() {
    insta::assert_snapshot!(said(
        "client = \"kafkajs\"\n[consumer]\nremote_assignor = \"range\"\nconnections_max_idle = \"10min\"\ncheck_crcs = true\n\
         assignors = \"cooperative-sticky\"\noffset_reset = \"none\"\n\
         # file: profiles/matrix.toml\n[types.worker]\nqueued_max = \"16MB\"\nrebalance_timeout = \"2min\"\n"
    ));
}

#[test]
fn what_librdkafka_gets_instead() {
    insta::assert_snapshot!(said(
        "client = \"librdkafka\"\ngroup = \" example\"\n[consumer]\nassignors = [\"sticky\"]\noffset_reset = \"90s\"\nfetch_max = \"10B\"\n\
         message_max = \"2MB\"\nreceive_message_max = \"1kB\"\nqueued_max = \"1500B\"\nfetch_max_wait = \"5min\"\nrequest_timeout = \"1s\"\n\
         reconnect_backoff = \"2s\"\nreconnect_backoff_max = \"1s\"\n"
    ));
    insta::assert_snapshot!(
        "mixed",
        said(
            "client = \"confluent-javascript\"\n[consumer]\nassignors = [\"cooperative-sticky\", \"range\", \"sticky\"]\nmax_poll_interval = \"1d\"\n"
        )
    );
}

#[test]
fn java_says_no() {
    insta::assert_snapshot!(said(
        "client_version = \"3.9\"\n[consumer]\noffset_reset = \"1d\"\nconnections_max_idle = \"1min\"\n"
    ));
}

#[test]
fn raw_settings() {
    insta::assert_snapshot!(said(
        "[raw.librdkafka]\n\"fetch.wait.max.ms\" = 250\n\"fetch.message.max.bytes\" = 1048576\n\"queued.max.messages.kbytes\" = 100\n\
         \"group.id\" = \"x\"\n\"enable.auto.commit\" = true\n\"bootstrap.servers\" = \"a:1\"\n\"ssl.ca.location\" = \"/x\"\n\
         \"linger.ms\" = 5\n\"offset.store.method\" = \"file\"\n\"stats_cb\" = \"x\"\n\"max.in.flight\" = 5\n\"a=b\" = 1\n\
         \"fetch.error.backof.ms\" = 5\n\"unheard.of\" = 5\n\"fetch.error.backoff.ms\" = \"30s\"\n\"broker.address.family\" = \"v5\"\n\
         \"client.id\" = \"a\\nb=c\"\n\"client.dns.lookup\" = \" x\"\n\"log_level\" = inf\n\
         [raw.aiokafka]\nnope = 1\n[raw.kafkajs]\nnope = 1\n[raw.java]\n\"nope.nope\" = 1\n\"client.id\" = \"\"\n"
    ));
}

/// What another family judges is not told twice.
#[test]
fn others_speak_of_values_that_contradict_each_other() {
    for snippet in [
        "client = \"librdkafka\"\n[consumer]\nmessage_max = \"60MiB\"\n",
        "client = \"librdkafka\"\n[consumer]\nreceive_message_max = \"1kB\"\n",
        "client = \"librdkafka\"\n[consumer]\nfetch_max_wait = \"5s\"\nrequest_timeout = \"5s\"\n",
        "client = \"librdkafka\"\n[consumer]\nretry_backoff = \"2s\"\nretry_backoff_max = \"1s\"\n",
        "client = \"librdkafka\"\n[consumer]\nreconnect_backoff = \"2s\"\nreconnect_backoff_max = \"1s\"\n",
        "client = \"librdkafka\"\n[consumer]\nsession_timeout = \"2min\"\nmax_poll_interval = \"1min\"\n",
        "client = \"librdkafka\"\n[consumer]\nremote_assignor = \"range\"\n",
        "client = \"librdkafka\"\ngroup_protocol = \"consumer\"\n[consumer]\nassignors = \"range\"\n",
        "client = \"confluent-javascript\"\n[consumer]\nmax_poll_interval = \"1d\"\n",
        "[consumer]\nconnections_max_idle = \"1min\"\n",
        "client = \"kafkajs\"\ninstance_id = \"example-${POD}\"\n",
        "client = \"kafkajs\"\ngroup_protocol = \"consumer\"\n",
    ] {
        assert_eq!(said(snippet), "", "{snippet}");
        let project = TestProject::new();
        project.merge(snippet);
        assert!(!project.findings().is_empty(), "nobody speaks of it: {snippet}");
    }
}

#[test]
fn what_works_is_not_spoken_of() {
    for quiet in [
        "[raw.java]\n\"client.id\" = \"example\"\n\"enable.metrics.push\" = false\n",
        "client = \"librdkafka\"\n[consumer]\nassignors = \"cooperative-sticky\"\nmax_poll_records = 5\n",
        "instance_id = \"example-${POD}\"\n[consumer]\noffset_reset = \"1d\"\n",
        "client = \"kafkajs\"\n",
    ] {
        assert_eq!(said(quiet), "", "{quiet}");
    }
}

#[test]
fn a_long_value_is_an_error_of_its_own() {
    let text = said(&format!("[raw.java]\n\"client.id\" = \"{}\"\n", "x".repeat(401)));
    assert!(
        text.starts_with("error[L124] the value of `client.id` is longer than 400 bytes"),
        "{text}"
    );
}

#[test]
fn what_a_client_refuses_cannot_be_lowered() {
    let project = TestProject::new();
    project.merge("client = \"librdkafka\"\n[consumer]\nassignors = [\"range\", \"cooperative-sticky\"]\n");
    let found = project.found("L105");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Error);
}
