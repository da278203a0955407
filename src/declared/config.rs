//! `lagproof.toml`: the project.

use super::tree::{Item, Node};
use serde_json::{Value as Json, json};

use crate::diagnostic::Severity;
use crate::source::FileId;

use super::environment::{BrokerSection, EnvironmentSection};
use super::fields::{Fields, Section, Spanned};
use super::leaf::{Leaf, LeafError, unknown_word};
use super::names::{Folder, Name, check_names};

impl Leaf for Severity {
    const EXAMPLE: &'static str = "\"warning\"";

    fn read(value: &Node<'_>, _: FileId) -> Result<Self, LeafError> {
        let known = [Self::Off, Self::Warning, Self::Error];
        match value.get_ref() {
            Item::String(word) => known
                .into_iter()
                .find(|severity| severity.name() == word)
                .ok_or_else(|| unknown_word(word, known.iter().map(|severity| severity.name()))),
            other => Err(LeafError::wrong_type("\"error\", \"warning\" or \"off\"", other)),
        }
    }

    fn schema() -> Json {
        json!({ "enum": ["off", "warning", "error"] })
    }
}

/// `[severity]`: codes and severities.
#[derive(Debug, Clone, PartialEq, Default)]
struct Severities(Vec<(Spanned<String>, Spanned<Severity>)>);

impl Section for Severities {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.entries()))
    }
}

/// `lagproof.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigFile {
    /// The project's name.
    pub name: Spanned<Name>,
    /// The branch that work is merged into.
    pub base: Option<Spanned<Name>>,
    /// The folder of profiles.
    pub profiles: Option<Spanned<Folder>>,
    /// The folder of generated files.
    pub generated: Option<Spanned<Folder>>,
    /// Severities that the project changes.
    pub severities: Vec<(Spanned<String>, Spanned<Severity>)>,
    /// The brokers' bounds.
    pub broker: Option<Spanned<BrokerSection>>,
    /// Environments by name.
    pub environments: Vec<(Spanned<String>, EnvironmentSection)>,
}

impl Section for ConfigFile {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", "the project's name");
        let base = fields.optional("base", "the branch that work is merged into; default main");
        let profiles = fields.optional("profiles", "the folder of profiles; default profiles");
        let generated = fields.optional("generated", "the folder of generated files; default generated");
        let severities =
            fields.section::<Severities>("severity", "findings that count as error, warning or off, by code");
        let broker = fields.section(
            "broker",
            "bounds that the brokers enforce, where they are not Kafka's defaults",
        );
        let environments = fields.named("environments", "places that the project runs in");
        check_names(
            fields,
            "an environment's name",
            environments.iter().map(|(name, _)| name),
        );
        Some(Self {
            name: name?,
            base,
            profiles,
            generated,
            severities: severities.map(|table| table.value.0).unwrap_or_default(),
            broker,
            environments,
        })
    }
}
