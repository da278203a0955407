//! JSON schemas of a project's files, for editors.

use std::str::FromStr;

use serde_json::{Value as Json, json};

use crate::declared::{CaseFile, ConfigFile, MatrixFile, ServiceFile, TopicsFile, schema_of};
use crate::diagnostic::json_schema;

use super::Artifact;

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaKind {
    /// lagproof.toml.
    Project,
    /// profiles/matrix.toml.
    Matrix,
    /// profiles/topics.toml.
    Topics,
    /// profiles/services/*.toml.
    Service,
    /// profiles/cases/*.toml.
    Case,
    /// What `check --format json` prints.
    Findings,
    /// `report.json` of a proof.
    Report,
}

/// The schema of `report.json`. Its types need the cargo feature `kafka`; the generated file is there without.
const REPORT: &str = include_str!("../../docs/reference/report.schema.json");

impl SchemaKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Project,
        Self::Matrix,
        Self::Topics,
        Self::Service,
        Self::Case,
        Self::Findings,
        Self::Report,
    ];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Matrix => "matrix",
            Self::Topics => "topics",
            Self::Service => "service",
            Self::Case => "case",
            Self::Findings => "findings",
            Self::Report => "report",
        }
    }
}

impl FromStr for SchemaKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no schema `{}`; there are {known}", name.escape_debug())
        })
    }
}

/// The schema of a kind of file, as formatted JSON.
#[must_use]
pub fn file_schema(kind: SchemaKind) -> String {
    let schema = match kind {
        SchemaKind::Project => titled("lagproof.toml", schema_of::<ConfigFile>()),
        SchemaKind::Matrix => titled("profiles/matrix.toml", schema_of::<MatrixFile>()),
        SchemaKind::Topics => titled("profiles/topics.toml", schema_of::<TopicsFile>()),
        SchemaKind::Service => titled("profiles/services/*.toml", schema_of::<ServiceFile>()),
        SchemaKind::Case => titled("profiles/cases/*.toml", schema_of::<CaseFile>()),
        SchemaKind::Findings => serde_json::to_value(json_schema()).unwrap_or_default(),
        SchemaKind::Report => return REPORT.to_owned(),
    };
    format!("{schema:#}\n")
}

fn titled(title: &str, mut schema: Json) -> Json {
    if let Some(object) = schema.as_object_mut() {
        object.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        object.insert("title".to_owned(), json!(format!("lagproof: {title}")));
        object.insert(
            "$comment".to_owned(),
            json!(format!("{}. Do not edit.", super::HEADER_MARK)),
        );
    }
    schema
}

/// A schema file a kind that people edit.
#[must_use]
pub fn schema_files() -> Vec<Artifact> {
    SchemaKind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, SchemaKind::Findings | SchemaKind::Report))
        .map(|kind| {
            let path = format!("schema/{}.schema.json", kind.name());
            Artifact::new(path, file_schema(kind)).expect("a kind's name makes a path")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_their_schemas() {
        for (kind, text) in [
            (SchemaKind::Project, include_str!("../../templates/lagproof.toml")),
            (SchemaKind::Matrix, include_str!("../../templates/matrix.toml")),
            (SchemaKind::Topics, include_str!("../../templates/topics.toml")),
            (SchemaKind::Service, include_str!("../../templates/example.toml")),
        ] {
            let schema: Json = serde_json::from_str(&file_schema(kind)).unwrap();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let document: toml::Table = text.parse().unwrap();
            let document = serde_json::to_value(document).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&document)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{kind:?}: {errors:?}");
            let mut broken = document.clone();
            broken
                .as_object_mut()
                .unwrap()
                .insert("no_such_key".to_owned(), json!(1));
            assert!(!validator.is_valid(&broken), "{kind:?}");
        }
    }
}
