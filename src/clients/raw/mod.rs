//! Settings that a profile gives under the client's own names: which of them the client takes, and as what.

mod known;
mod native;
mod others;

use crate::model::keywords::{Client, Keyword};
use crate::model::service::RawValue;
use crate::model::settings::Setting;

use super::client_key;
use super::lowered::{Entry, Literal, Section, Text};
use known::Known;

/// The longest text, in bytes: kcat reads lines of at most 511, and the key needs room too.
const LONGEST_TEXT: usize = 400;

/// What of the profile stands for a client's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modelled {
    /// A setting of `[consumer]`.
    Setting(Setting),
    /// Another key, with its section: `delivery.commit`, `group`.
    Key(&'static str),
    /// An environment of lagproof.toml: servers and authentication.
    Environment,
}

/// Why a raw setting can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawProblem {
    /// lagproof models it.
    Modelled(Modelled),
    /// The key has characters that no client's keys have.
    BadKey,
    /// The client has no such key; the nearest that it has.
    Unknown(Option<&'static str>),
    /// It has another name, which is the one to write.
    Alias(&'static str),
    /// Only producers take it.
    Producer,
    /// The client warns of it and does nothing.
    Deprecated,
    /// It can't come from a profile: it is this.
    Reserved(&'static str),
    /// The client takes this instead of such a value.
    WrongValue(String),
    /// The value has control characters, which some files can't hold.
    ControlCharacters,
    /// The line would be longer than readers of properties files take (kcat).
    TooLong,
    /// The value begins or ends with a blank, which readers of properties files drop.
    OuterBlanks,
}

/// What of the profile stands for a client's key, whatever its name for it: the names of other clients count too, since
/// whoever writes one of them means that setting.
#[must_use]
pub fn is_modelled(client: Client, key: &str) -> Option<Modelled> {
    if let Some(key) = top_level(key) {
        return Some(key);
    }
    let alias = match key {
        "fetch.message.max.bytes" => Some(Setting::MaxPartitionFetch),
        "maxPollRecords" | "js.consumer.max.batch.size" => Some(Setting::MaxPollRecords),
        // Not the same as topic.metadata.refresh.interval.ms in librdkafka, but follows it.
        "metadata.max.age.ms" => Some(Setting::MetadataMaxAge),
        _ => Setting::parse(key),
    };
    let setting = alias.or_else(|| {
        let has = |client: Client| {
            Setting::ALL
                .into_iter()
                .find(|setting| client_key(client, *setting) == Some(key))
        };
        has(client).or_else(|| Client::ALL.iter().find_map(|other| has(*other)))
    })?;
    Some(Modelled::Setting(setting))
}

fn top_level(key: &str) -> Option<Modelled> {
    Some(match key {
        "group.id" | "group_id" | "groupId" => Modelled::Key("group"),
        "group.instance.id" | "group_instance_id" | "groupInstanceId" => Modelled::Key("instance_id"),
        "group.protocol" => Modelled::Key("group_protocol"),
        "enable.auto.commit"
        | "auto.commit.enable"
        | "enable_auto_commit"
        | "autoCommit"
        | "enable.auto.offset.store" => Modelled::Key("delivery.commit"),
        "auto.commit.interval.ms" | "auto_commit_interval_ms" | "autoCommitInterval" => {
            Modelled::Key("delivery.commit_interval")
        }
        "isolation.level" | "isolation_level" | "readUncommitted" => Modelled::Key("delivery.isolation"),
        "topics" | "topic" => Modelled::Key("topics"),
        "bootstrap.servers"
        | "metadata.broker.list"
        | "bootstrap_servers"
        | "brokers"
        | "ssl"
        | "sasl"
        | "enable.ssl.certificate.verification"
        | "enable.sasl.oauthbearer.unsecure.jwt"
        | "oauthbearer_token_refresh_cb" => Modelled::Environment,
        _ => {
            let security = ["ssl.", "ssl_", "sasl.", "sasl_", "security.", "security_", "https."];
            if security.iter().any(|prefix| key.starts_with(prefix)) {
                return Some(Modelled::Environment);
            }
            return None;
        }
    })
}

/// A raw setting as the client takes it.
///
/// # Errors
/// [`RawProblem`] where the client does not take it, ignores it, or lagproof has a name for it.
pub fn raw_entry(client: Client, key: &str, value: &RawValue) -> Result<Entry, RawProblem> {
    if let Some(modelled) = is_modelled(client, key) {
        return Err(RawProblem::Modelled(modelled));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if key.is_empty() || !key.chars().all(plain) {
        return Err(RawProblem::BadKey);
    }
    if let RawValue::Text(text) = value {
        if text.chars().any(char::is_control) {
            return Err(RawProblem::ControlCharacters);
        }
        if text.len() > LONGEST_TEXT {
            return Err(RawProblem::TooLong);
        }
        if text.trim() != text {
            return Err(RawProblem::OuterBlanks);
        }
    }
    if matches!(value, RawValue::Float(number) if !number.is_finite()) {
        return Err(RawProblem::WrongValue("a finite number".to_owned()));
    }
    let (section, kind) = match known(client, key) {
        None => return Err(RawProblem::Unknown(nearest(client, key))),
        Some(Known::Takes(kind)) => (Section::Consumer, kind),
        Some(Known::In(section, kind)) => (section, kind),
        Some(Known::Alias(name)) => return Err(RawProblem::Alias(name)),
        Some(Known::Producer) => return Err(RawProblem::Producer),
        Some(Known::Deprecated) => return Err(RawProblem::Deprecated),
        Some(Known::Reserved(what)) => return Err(RawProblem::Reserved(what)),
    };
    match kind.literal(value) {
        Some(value) => Ok(Entry {
            section,
            key: Text::Owned(key.to_owned()),
            value,
        }),
        None => Err(RawProblem::WrongValue(kind.words())),
    }
}

/// A raw setting whose key lagproof does not know, as it stands: a project that allows the finding knows better, a newer
/// client for one.
pub(super) fn unknown_entry(key: &str, value: &RawValue) -> Entry {
    let value = match value {
        RawValue::Integer(number) => Literal::Int(*number),
        RawValue::Float(number) => Literal::Float(*number),
        RawValue::Switch(on) => Literal::Switch(*on),
        RawValue::Text(text) => Literal::Text(Text::Owned(text.clone())),
    };
    Entry {
        section: Section::Consumer,
        key: Text::Owned(key.to_owned()),
        value,
    }
}

fn tables(client: Client) -> [&'static [(&'static str, Known)]; 2] {
    match client {
        Client::Librdkafka => [native::KEYS, &[]],
        Client::Java => [others::JAVA, &[]],
        Client::Aiokafka => [others::AIOKAFKA, &[]],
        Client::Kafkajs => [others::KAFKAJS, &[]],
        Client::ConfluentJavascript => [native::KEYS, others::CONFLUENT_JAVASCRIPT],
    }
}

fn known(client: Client, key: &str) -> Option<Known> {
    tables(client)
        .into_iter()
        .flatten()
        .find(|(name, _)| *name == key)
        .map(|(_, known)| *known)
}

fn nearest(client: Client, key: &str) -> Option<&'static str> {
    tables(client)
        .into_iter()
        .flatten()
        .map(|(name, _)| (strsim::jaro_winkler(name, key), *name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_each_key_once_and_none_that_is_modelled() {
        for client in Client::ALL {
            let mut names: Vec<&str> = tables(*client).into_iter().flatten().map(|(name, _)| *name).collect();
            for name in &names {
                // Only producers take librdkafka's request.timeout.ms; whoever writes it means the setting.
                let producers = known(*client, name) == Some(Known::Producer);
                assert!(producers || is_modelled(*client, name).is_none(), "{client}: {name}");
            }
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{client}");
        }
    }

    #[test]
    fn every_key_of_a_setting_is_modelled_for_every_client() {
        for (client, of) in Client::ALL
            .iter()
            .flat_map(|client| Client::ALL.iter().map(move |of| (client, of)))
        {
            for setting in Setting::ALL {
                if let Some(key) = client_key(*of, setting) {
                    assert_eq!(
                        is_modelled(*client, key),
                        Some(Modelled::Setting(setting)),
                        "{client}: {key}"
                    );
                }
            }
        }
    }
}
