//! L12x: settings under a client's own names.

use std::time::Duration;

use crate::clients::{Modelled, RawProblem, raw_entry};
use crate::diagnostic::{Finding, Findings, Safety};
use crate::model::keywords::Client;
use crate::model::service::{Raw, RawValue, Service};
use crate::model::settings::{Kind, Setting, Value};
use crate::source::Edit;
use crate::units::Size;

use super::lowering_pages::{RAW_CLIENT, RAW_KEY, RAW_MODELLED, RAW_UNKNOWN, RAW_VALUE};
use super::{Check, Rule, ServiceView};

/// The rules on raw settings.
pub(super) const RULES: &[Rule] = &[
    Rule {
        page: &RAW_MODELLED,
        check: Check::Service(raw_settings),
    },
    Rule {
        page: &RAW_UNKNOWN,
        check: Check::Service(nothing_more),
    },
    Rule {
        page: &RAW_KEY,
        check: Check::Service(nothing_more),
    },
    Rule {
        page: &RAW_VALUE,
        check: Check::Service(nothing_more),
    },
    Rule {
        page: &RAW_CLIENT,
        check: Check::Service(other_client),
    },
];

/// [`raw_settings`] finds for this page too: a key is looked up once for all four.
fn nothing_more(_: &ServiceView<'_>, _: &mut Findings) {}

fn raw_settings(view: &ServiceView<'_>, findings: &mut Findings) {
    for raw in &view.service.raw {
        if let Err(problem) = raw_entry(raw.client, &raw.key, &raw.value.value) {
            findings.push(judge(view.service, raw, problem));
        }
    }
}

fn judge(service: &Service, raw: &Raw, problem: RawProblem) -> Finding {
    let (client, key) = (raw.client, raw.key.escape_debug());
    let remove = || Edit::Remove {
        file: service.file,
        path: vec![
            "raw".to_owned(),
            crate::model::keywords::Keyword::as_str(client).to_owned(),
            raw.key.clone(),
        ],
    };
    let at_key = |page, message: String| Finding::new(page, raw.key_span, message);
    let at_value = |message: String| Finding::new(&RAW_VALUE, raw.value.span(), message);
    match problem {
        RawProblem::Modelled(modelled) => modelled_finding(raw, modelled),
        RawProblem::Unknown(near) => {
            let finding = at_key(&RAW_UNKNOWN, format!("{client} has no consumer setting `{key}`"))
                .at_run_time(unknown_consequence(client));
            match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!(
                    "remove it, or allow {} if this client is newer than lagproof knows: it is then passed on as it stands",
                    RAW_UNKNOWN.code
                )),
            }
        }
        RawProblem::Alias(name) => at_key(&RAW_KEY, format!("`{key}` is another name of `{name}`"))
            .at_run_time("with both set, which of them wins is chance")
            .help(format!("write `{name}`")),
        RawProblem::Producer => at_key(&RAW_KEY, format!("`{key}` is a producer's setting"))
            .at_run_time("the consumer warns of it at every start and ignores it")
            .help("remove it")
            .fix(Safety::Suggested, format!("remove `{key}`"), vec![remove()]),
        RawProblem::Deprecated => at_key(&RAW_KEY, format!("{client} no longer uses `{key}`"))
            .at_run_time("the consumer warns of it at every start, or ignores it")
            .help("remove it")
            .fix(Safety::Suggested, format!("remove `{key}`"), vec![remove()]),
        RawProblem::Reserved(what) => at_key(&RAW_KEY, format!("`{key}` can't come from a profile"))
            .at_run_time("it would not reach the client, or break what the application does with it")
            .help(format!("remove it: it is {what}")),
        RawProblem::BadKey => at_key(&RAW_KEY, format!("`{key}` can't be a client's setting"))
            .at_run_time("the line would be read as another setting, or as none")
            .help("keys are made of letters, digits, `.`, `_` and `-`"),
        RawProblem::WrongValue(takes) => at_value(format!("`{key}` can't be `{}`", shown(&raw.value.value)))
            .at_run_time("the client refuses to start with it, or reads another value than this")
            .help(format!("it takes {takes}")),
        RawProblem::ControlCharacters => at_value(format!(
            "the value of `{key}` has a line break or another control character"
        ))
        .at_run_time("the rest of it would be read as a setting of its own: properties files can't hold it")
        .help("write it on one line"),
        RawProblem::OuterBlanks => at_value(format!("the value of `{key}` begins or ends with a blank"))
            .at_run_time("readers of properties files drop it, and others keep it")
            .help("take the blank away"),
        RawProblem::TooLong => at_value(format!("the value of `{key}` is longer than 400 bytes"))
            .at_run_time("readers of properties files cut the line and take the rest for a setting of its own")
            .help("shorten it, or set it in the application"),
    }
}

fn shown(value: &RawValue) -> String {
    value
        .to_string()
        .chars()
        .take(60)
        .collect::<String>()
        .escape_debug()
        .to_string()
}

const fn unknown_consequence(client: Client) -> &'static str {
    match client {
        Client::Librdkafka | Client::ConfluentJavascript => {
            "the consumer fails to start: `No such configuration property`"
        }
        Client::Java => "the client ignores it, with a line in the log at level INFO: supplied but not used",
        Client::Aiokafka => "the constructor raises a TypeError: unexpected keyword argument",
        Client::Kafkajs => "the client ignores it in silence",
    }
}

fn modelled_finding(raw: &Raw, modelled: Modelled) -> Finding {
    let key = raw.key.escape_debug();
    let finding = |name: &str| {
        Finding::new(&RAW_MODELLED, raw.key_span, format!("`{key}` is `{name}` in a profile"))
            .at_run_time("two places would set it, and rules, proofs and other clients would see only one of them")
    };
    match modelled {
        Modelled::Setting(setting) => {
            let help = match neutral(setting, raw) {
                Some(value) => format!("write `{setting} = {}` in [consumer]", value.to_toml()),
                None => format!("write `{setting}` in [consumer]"),
            };
            finding(setting.name()).help(help)
        }
        Modelled::Key(name) => {
            let help = match name.split_once('.') {
                Some((section, name)) => format!("write `{name}` in [{section}]"),
                None => format!("write `{name}` at the top of the profile"),
            };
            finding(name).help(help)
        }
        Modelled::Environment => Finding::new(
            &RAW_MODELLED,
            raw.key_span,
            format!("`{key}` is an environment's, not a service's"),
        )
        .at_run_time("the service would reach the same servers in every environment, or none")
        .help("write brokers and `security` in lagproof.toml, and give secrets to the process"),
    }
}

/// The raw value under the neutral name, where it is a number.
fn neutral(setting: Setting, raw: &Raw) -> Option<Value> {
    let RawValue::Integer(number) = raw.value.value else {
        return None;
    };
    let number = u64::try_from(number).ok()?;
    match setting.info().kind {
        Kind::Duration => Some(Value::Duration(Duration::from_millis(number))),
        Kind::Size if raw.key == "queued.max.messages.kbytes" => Some(Value::Size(Size(number.checked_mul(1_000)?))),
        Kind::Size => Some(Value::Size(Size(number))),
        Kind::Count => Some(Value::Count(number)),
        _ => None,
    }
}

/// The librdkafka file is there for every service: `verify` and kcat read it.
fn other_client(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    let mut seen: Vec<Client> = Vec::new();
    for raw in &service.raw {
        let used = raw.client == service.client.value || raw.client == Client::Librdkafka;
        if used || seen.contains(&raw.client) {
            continue;
        }
        seen.push(raw.client);
        let finding = Finding::new(
            &RAW_CLIENT,
            raw.key_span,
            format!("[raw.{}] in a profile for {}", raw.client, service.client.value),
        )
        .label(service.client.span(), "the client")
        .at_run_time("nothing reads these settings")
        .help(format!("remove the table, or name it [raw.{}]", service.client.value));
        findings.push(finding);
    }
}
