//! The files that clients read their settings from: lines of `key=value` for librdkafka and Java, JSON for the others.
//!
//! Every service has one for librdkafka (rdkafka, `kcat -F`, confluent-kafka; `verify` runs it), and another for its own
//! client. None holds servers or secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::clients::{Entry, Literal, Lowered, Section, Text, lower};
use crate::model::keywords::Client;
use crate::model::project::Model;
use crate::model::service::Service;

use super::artifact::{Artifact, file_name, header};

/// Comments are wrapped here: readers of properties files take lines of limited length (kcat: 511 bytes).
const COLUMNS: usize = 110;

/// The files of all services, in the order of the services.
#[must_use]
pub fn property_files(model: &Model) -> Vec<Artifact> {
    model
        .services
        .par_iter()
        .flat_map_iter(|service| {
            let own = *service.client;
            let other = (own != Client::Librdkafka).then_some(own);
            [Some(Client::Librdkafka), other]
                .into_iter()
                .flatten()
                .map(|client| property_file(service, &lower(service, client)))
        })
        .collect()
}

/// The consumer's own keys and their values, as the client reads them out of its compiled file.
#[must_use]
pub fn consumer_properties(lowered: &Lowered) -> BTreeMap<String, String> {
    lowered
        .section(Section::Consumer)
        .map(|entry| {
            let mut value = String::new();
            librdkafka_value(&mut value, &entry.value);
            (entry.key.to_string(), value)
        })
        .collect()
}

/// What the client's compiled file holds beside the consumer's own keys, by its sections and as it stands there: kafkajs's
/// `client`, `subscribe` and `run`. The topics and what the loader honours are left out, and with them every section of the
/// other clients' files.
///
/// # Panics
/// Never: what is read here is JSON that was written here.
#[must_use]
pub fn other_sections(lowered: &Lowered) -> BTreeMap<String, BTreeMap<String, Json>> {
    let others = SECTIONS.into_iter().filter_map(|section| {
        if matches!(section, Section::Consumer | Section::Loader) {
            return None;
        }
        let is_topics = |entry: &&Entry| section == Section::Subscribe && entry.key == "topics";
        let entries: Vec<&Entry> = lowered.section(section).filter(|entry| !is_topics(entry)).collect();
        let mut text = String::new();
        object(&mut text, &entries, lowered.client);
        let keys = serde_json::from_str(&text).expect("an object of JSON");
        (!entries.is_empty()).then(|| (section.name().to_owned(), keys))
    });
    others.collect()
}

/// The file of one service for one client.
///
/// # Panics
/// Never: the path is made of a name that [`file_name`] has made fit.
#[must_use]
pub fn property_file(service: &Service, lowered: &Lowered) -> Artifact {
    let from = format!("profiles/services/{}.toml", service.name);
    let (ending, contents) = match lowered.client {
        Client::Librdkafka => (".properties", lines(&from, lowered, librdkafka_value)),
        Client::Java => (".java.properties", lines(&from, lowered, java_value)),
        Client::Aiokafka => (".aiokafka.json", json(&from, lowered)),
        Client::Kafkajs => (".kafkajs.json", json(&from, lowered)),
        Client::ConfluentJavascript => (".confluent-javascript.json", json(&from, lowered)),
    };
    let path = format!("properties/{}{ending}", stem(&service.name));
    Artifact::new(path, contents).expect("a path of a name made fit")
}

/// The service's part of the file name. `a.java` for librdkafka would be the file of `a` for Java, so its dot is written
/// out; no other name can end like that, since a `%` in a name is written out too.
fn stem(service: &str) -> String {
    let name = file_name(service);
    match name.strip_suffix(".java") {
        Some(name) => format!("{name}%2Ejava"),
        None => name,
    }
}

fn lines(from: &str, lowered: &Lowered, write_value: fn(&mut String, &Literal)) -> String {
    let mut out = String::with_capacity(2048);
    let _ = writeln!(out, "# {}", header(from));
    let readers = match lowered.client {
        Client::Java => "For Java's KafkaConsumer.",
        _ => "For librdkafka: rdkafka, confluent-kafka, kcat -F.",
    };
    comment(&mut out, &format!("{readers} Servers and secrets come from elsewhere."));
    for note in &lowered.notes {
        comment(&mut out, &format!("{}: {}.", note.name, note.text));
    }
    for entry in &lowered.entries {
        match (entry.section, &entry.value) {
            (Section::Consumer, value) => {
                out.push_str(&entry.key);
                out.push('=');
                write_value(&mut out, value);
                out.push('\n');
            }
            // What is no key of the client is still for people to read, and for the loader.
            (section, Literal::List(list)) => {
                for item in list {
                    let _ = writeln!(out, "# {}: {}={item}", section.name(), entry.key);
                }
            }
            (section, value) => {
                let _ = write!(out, "# {}: {}=", section.name(), entry.key);
                librdkafka_value(&mut out, value);
                out.push('\n');
            }
        }
    }
    out
}

/// A comment, wrapped between words.
fn comment(out: &mut String, text: &str) {
    out.push('#');
    let mut column = 1;
    for word in text.split(' ') {
        let length = 1 + word.chars().count();
        if column + length > COLUMNS {
            out.push_str("\n#  ");
            column = 4;
        }
        out.push(' ');
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

/// A value as it stands: there is nothing to escape with in these files, and rules have refused what would need it.
fn librdkafka_value(out: &mut String, value: &Literal) {
    let _ = match value {
        Literal::Int(number) => write!(out, "{number}"),
        Literal::Float(number) => write!(out, "{number}"),
        Literal::Switch(on) => write!(out, "{on}"),
        Literal::Text(text) => out.write_str(text),
        Literal::List(list) => out.write_str(&list.join(",")),
        Literal::Off => Ok(()),
    };
}

/// The same by the rules of `java.util.Properties`. What is not ASCII is written as `\uXXXX`, since the class reads a
/// stream of bytes as Latin-1 and only a reader of characters as it is.
fn java_value(out: &mut String, value: &Literal) {
    let mut plain = String::new();
    librdkafka_value(&mut plain, value);
    for (at, character) in plain.char_indices() {
        match character {
            ' ' if at == 0 => out.push_str("\\ "),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
}

/// The sections of a JSON file, in its order.
const SECTIONS: [Section; 5] = [
    Section::Client,
    Section::Consumer,
    Section::Subscribe,
    Section::Run,
    Section::Loader,
];

fn json(from: &str, lowered: &Lowered) -> String {
    let mut out = String::with_capacity(2048);
    out.push_str("{\n  \"_generated\": ");
    string(&mut out, &header(from));
    out.push_str(",\n  \"notes\": ");
    let notes: Vec<Text> = lowered
        .notes
        .iter()
        .map(|note| Text::Owned(format!("{}: {}", note.name, note.text)))
        .collect();
    list(&mut out, &notes, "  ");
    for section in SECTIONS {
        let entries: Vec<&Entry> = lowered.section(section).collect();
        if !entries.is_empty() {
            let _ = write!(out, ",\n  \"{}\": ", section.name());
            object(&mut out, &entries, lowered.client);
        }
    }
    out.push_str("\n}\n");
    out
}

/// An object of entries; kafkajs's `retry.factor` stands in an object `retry`, the last of its section.
fn object(out: &mut String, entries: &[&Entry], client: Client) {
    const OUTER: &str = "retry.";
    let is_inner = |entry: &&Entry| client == Client::Kafkajs && entry.key.starts_with(OUTER);
    let (inner, outer): (Vec<&Entry>, Vec<&Entry>) = entries.iter().copied().partition(is_inner);
    out.push('{');
    let mut comma = "";
    for entry in outer {
        let _ = write!(out, "{comma}\n    ");
        member(out, &entry.key, &entry.value, "    ");
        comma = ",";
    }
    if !inner.is_empty() {
        let _ = write!(out, "{comma}\n    \"retry\": {{");
        comma = "";
        for entry in inner {
            let _ = write!(out, "{comma}\n      ");
            member(out, &entry.key[OUTER.len()..], &entry.value, "      ");
            comma = ",";
        }
        out.push_str("\n    }");
    }
    out.push_str("\n  }");
}

fn member(out: &mut String, key: &str, value: &Literal, indent: &str) {
    string(out, key);
    out.push_str(": ");
    match value {
        Literal::Int(number) => {
            let _ = write!(out, "{number}");
        }
        // Whole or not, Rust writes it without an exponent; JSON has no word for what is not finite, and no rule lets it in.
        Literal::Float(number) if number.is_finite() => {
            let _ = write!(out, "{number}");
        }
        Literal::Float(_) | Literal::Off => out.push_str("null"),
        Literal::Switch(on) => {
            let _ = write!(out, "{on}");
        }
        Literal::Text(text) => string(out, text),
        Literal::List(items) => list(out, items, indent),
    }
}

fn list(out: &mut String, items: &[Text], indent: &str) {
    if items.is_empty() {
        out.push_str("[]");
        return;
    }
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        let _ = write!(out, "{}\n{indent}  ", if at == 0 { "" } else { "," });
        string(out, item);
    }
    let _ = write!(out, "\n{indent}]");
}

fn string(out: &mut String, text: &str) {
    // Writing a string to a string can't fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
