//! No rule panics, and every finding points into its file, whatever a profile says.

use lagproof::model::keywords::{Client, Keyword};
use lagproof::model::limits::bounds;
use lagproof::model::settings::{Kind, Setting};
use proptest::prelude::*;

use super::support::TestProject;

/// A setting with a number at or between its bounds, as a line of `[consumer]`.
fn setting_line() -> impl Strategy<Value = String> {
    (0..Setting::ALL.len(), any::<u64>(), 0..4_u8).prop_map(|(at, random, extreme)| {
        let setting = Setting::ALL[at];
        let name = setting.name();
        let Some(bounds) = bounds(setting) else {
            return match setting.info().kind {
                Kind::Switch => format!("{name} = {}", random % 2 == 0),
                Kind::OffsetReset => format!(
                    "{name} = \"{}\"",
                    ["latest", "earliest", "none", "1d"][(random % 4) as usize]
                ),
                Kind::Assignors => format!("{name} = [\"range\", \"cooperative-sticky\"]"),
                Kind::RemoteAssignor => format!("{name} = \"uniform\""),
                _ => format!("{name} = \"a\""),
            };
        };
        let number = match extreme {
            0 => bounds.min,
            1 => bounds.max,
            _ => bounds.min + random % (bounds.max - bounds.min + 1),
        };
        match setting.info().kind {
            Kind::Duration => format!("{name} = \"{number}ms\""),
            Kind::Size => format!("{name} = \"{number}B\""),
            _ => format!("{name} = {number}"),
        }
    })
}

/// A duration from nothing to centuries.
fn duration() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("0s".to_owned()),
        Just("1ns".to_owned()),
        Just("100000d".to_owned()),
        (1..100_000_u64).prop_map(|millis| format!("{millis}ms")),
    ]
}

fn profile() -> impl Strategy<Value = String> {
    let client = 0..Client::ALL.len();
    let protocol = prop_oneof![Just("classic"), Just("consumer")];
    let handler = prop_oneof![Just("inline"), Just("thread"), Just("event-loop")];
    let commit = prop_oneof![
        Just("after-batch"),
        Just("after-record"),
        Just("on-receipt"),
        Just("interval")
    ];
    let count = || prop_oneof![Just(1_u32), Just(1_000_000_000), 1..1_000_u32];
    let settings = prop::collection::btree_set(setting_line(), 0..8);
    (
        (client, protocol, handler, commit),
        (count(), count(), count()),
        (duration(), duration(), duration(), duration()),
        settings,
    )
        .prop_map(|((client, protocol, handler, commit), (replicas, concurrency, attempts), times, settings)| {
            let (restart, cost, backoff, cpu) = times;
            let mut seen = std::collections::BTreeSet::new();
            let lines: Vec<String> = settings
                .into_iter()
                .filter(|line| seen.insert(line.split(' ').next().map(str::to_owned)))
                .collect();
            format!(
                "client = \"{}\"\ngroup_protocol = \"{protocol}\"\nreplicas = {replicas}\nrestart = \"{restart}\"\n\
                 instance_id = \"a-${{X}}\"\n\n[processing]\nper_record = \"{cost}\"\ncpu = \"{cpu}\"\nhandler = \"{handler}\"\n\
                 concurrency = {concurrency}\n\n[delivery]\ncommit = \"{commit}\"\ncommit_interval = \"{backoff}\"\n\
                 retry = {{ attempts = {attempts}, backoff = \"{backoff}\" }}\n\n[consumer]\n{}\n",
                Client::ALL[client],
                lines.join("\n")
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_profile_makes_a_rule_panic(profile in profile()) {
        let project = TestProject::new();
        project.merge(&profile);
        let loaded = project.load();
        prop_assert!(loaded.model.is_some_and(|model| model.services.len() == 1), "resolved: {}", profile);
        for finding in loaded.findings.iter() {
            for label in finding.labels.iter().chain([&finding.primary]) {
                let text = &loaded.sources.get(label.span.file).text;
                prop_assert!(text.get(label.span.range()).is_some(), "{finding:?}");
            }
            prop_assert!(!finding.message.contains("NaN") && !finding.message.contains("inf"), "{}", finding.message);
            prop_assert!(finding.help.as_deref() != Some(""), "{finding:?}");
        }
    }
}
