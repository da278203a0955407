//! Names and versions: text that must be made of certain characters.

use super::tree::Node;
use serde_json::{Value as Json, json};

use crate::diagnostic::Finding;
use crate::source::FileId;
use crate::units::shown;

use super::fields::Fields;
use super::leaf::{Leaf, LeafError, text};
use super::pages;

macro_rules! name {
    ($(#[$meta:meta])* $type:ident, $what:literal, $example:literal, $pattern:literal, $made_of:literal, $valid:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $type(pub String);

        impl $type {
            /// Whether a text is such a name.
            #[must_use]
            pub fn is_valid(text: &str) -> bool {
                let valid: fn(&str) -> bool = $valid;
                valid(text)
            }
        }

        impl Leaf for $type {
            const EXAMPLE: &'static str = $example;

            fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
                let text = text(value, $what)?;
                if Self::is_valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(LeafError::refused(
                    &pages::BAD_NAME,
                    format!("`{}` can't be {}", shown(text), $what),
                    Some(format!("it is made of {}", $made_of)),
                ))
            }

            fn schema() -> Json {
                json!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

fn made_of(text: &str, most: usize, allowed: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(allowed)
}

name!(
    /// A service's or a case's name: also a file name, so lower case and without odd characters.
    ServiceName, "a service's name", "\"my-service\"", "^[a-z0-9][a-z0-9._-]{0,99}$",
    "at most 100 lower-case letters, digits, `.`, `_` and `-`, a letter or digit first",
    |text| made_of(text, 100, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        && text.as_bytes()[0].is_ascii_alphanumeric()
);

name!(
    /// A topic's name, or a pattern with `*` and `?`. Kafka's own rule: at most 249 of `[A-Za-z0-9._-]`.
    TopicName, "a topic's name", "\"my.topic\"", "^[A-Za-z0-9._*?-]{1,249}$",
    "at most 249 letters, digits, `.`, `_` and `-`; `*` and `?` make it a pattern",
    |text| made_of(text, 249, |b| b.is_ascii_alphanumeric() || b"._-*?".contains(&b)) && text != "." && text != ".."
);

impl TopicName {
    /// Whether it is a pattern.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?'])
    }
}

name!(
    /// A consumer group's name or another one that Kafka takes as it is: no control characters, at most 249 bytes.
    Name, "a name", "\"my-name\"", "^[^\\x00-\\x1f\\x7f]{1,249}$",
    "1 to 249 bytes of anything but blanks alone and control characters",
    |text| !text.trim().is_empty() && text.len() <= 249 && !text.chars().any(char::is_control)
);

name!(
    /// A folder of the project: below its root, so that nothing is read from or written to anywhere else.
    Folder, "a folder of the project", "\"profiles\"", "^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*/?$",
    "letters, digits, `.`, `_`, `-` and `/` between folders; neither absolute nor with a `..`",
    |text| made_of(text, 249, |b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
        && text.strip_suffix('/').unwrap_or(text).split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
);

/// A broker's address. Whoever connects joins several with commas, so that no other character may stand in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl Address {
    /// Whether a text is a host, or an IPv6 address in brackets, and a port.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let Some((host, port)) = text.rsplit_once(':') else {
            return false;
        };
        let host_is_valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => made_of(inner, 64, |b| b.is_ascii_hexdigit() || b":.".contains(&b)),
            None => made_of(host, 253, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        };
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        host_is_valid && digits && port.parse::<u16>().is_ok_and(|port| port > 0)
    }
}

impl Leaf for Address {
    const EXAMPLE: &'static str = "\"kafka-1:9092\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let text = text(value, "a broker's address")?;
        if Self::is_valid(text) {
            return Ok(Self(text.to_owned()));
        }
        // A password may stand there: it is not repeated.
        if text.contains('@') {
            return Err(LeafError::refused(
                &pages::SECRET,
                "an address with a user name or a password".to_owned(),
                Some("write host:port alone; user and password come from the process environment".to_owned()),
            ));
        }
        Err(LeafError::refused(
            &pages::BAD_NAME,
            format!("`{}` can't be a broker's address", shown(text)),
            Some("write host:port, such as \"kafka-1:9092\"".to_owned()),
        ))
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$" })
    }
}

/// Reports the names of tables that can't be names.
pub(super) fn check_names<'n>(
    fields: &mut Fields<'_>,
    what: &str,
    names: impl Iterator<Item = &'n super::Spanned<String>>,
) {
    for name in names.filter(|name| !Name::is_valid(&name.value)) {
        let message = format!("`{}` can't be {what}", shown(&name.value));
        let finding = Finding::new(&pages::BAD_NAME, name.span, message)
            .at_run_time("it would be refused or misread where it ends up, so nothing is compiled")
            .help("it is made of 1 to 249 bytes of anything but blanks alone and control characters");
        fields.report(finding);
    }
}

/// A version written as `"4.3"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u32, pub u32);

impl Leaf for Version {
    const EXAMPLE: &'static str = "\"4.3\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let text = text(value, "a version as text")?;
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) if parts.all(|part| part.is_some()) => Ok(Self(major, minor)),
            _ => Err(LeafError::refused(
                &pages::BAD_QUANTITY,
                format!("`{}` is not a version", shown(text)),
                Some("write it as \"4.3\" or \"4.3.1\"".to_owned()),
            )),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+(\\.[0-9]+)?$" })
    }
}
