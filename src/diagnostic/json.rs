//! Findings as one JSON object with a schema. Fields are added to it; none is renamed, dropped or given another meaning
//! without a new [`JsonReport::version`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::{Edit, Span};

use super::place::{self, Places};
use super::report::Reported;
use super::text::guard_json;
use super::{Finding, Fix, Label, ReportContext, Safety, Severity};

/// The findings of one run of `lagproof check --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "lagproof report")]
pub struct JsonReport {
    /// The version of this format: 1.
    pub version: u32,
    /// The version of lagproof.
    pub lagproof: String,
    /// How many findings there are.
    pub counts: JsonCounts,
    /// Every finding, sorted by file, place and code.
    pub findings: Vec<JsonFinding>,
}

/// How many findings there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonCounts {
    /// Errors: nothing is compiled while there is one.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Findings of each code that has any.
    pub by_code: BTreeMap<String, usize>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JsonSeverity {
    /// Reported; counts only where warnings are denied.
    Warning,
    /// Nothing is compiled while there is one.
    Error,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonFinding {
    /// The stable code, such as `P104`.
    pub code: String,
    /// The code's short name, where this version of lagproof has one.
    pub name: Option<String>,
    /// How bad it is here.
    pub severity: JsonSeverity,
    /// What is wrong, in one line.
    pub message: String,
    /// The service, topic or group that it is about, if it is about one.
    pub subject: Option<String>,
    /// The place that is to be changed.
    pub primary: JsonLabel,
    /// Other places that matter, such as where an inherited value comes from.
    pub labels: Vec<JsonLabel>,
    /// What happens at run time, in one sentence without a full stop; may be empty.
    pub consequence: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The mending as edits, where it is known.
    pub fix: Option<JsonFix>,
}

/// A place and what is to be seen there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonLabel {
    /// The file's path from the project's root, with `/` between its parts.
    pub file: String,
    /// The first character; nothing where the file as a whole is meant.
    pub start: Option<JsonPosition>,
    /// Behind the last character; nothing where the file as a whole is meant.
    pub end: Option<JsonPosition>,
    /// What is to be seen there; may be empty.
    pub text: String,
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonPosition {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters (Unicode scalar values), from 1.
    pub column: usize,
    /// The byte in the UTF-8 text, from 0. A byte order mark is not counted.
    pub byte: usize,
}

/// Whether a fix can be applied without a person looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JsonSafety {
    /// `lagproof check --fix` applies it.
    Safe,
    /// It needs a person's decision.
    Suggested,
}

/// A change that mends a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonFix {
    /// What it does, as an order.
    pub description: String,
    /// Whether `--fix` applies it.
    pub safety: JsonSafety,
    /// The edits, all to be made together.
    pub edits: Vec<JsonEdit>,
}

/// One edit to a file, named from the project's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum JsonEdit {
    /// Puts `text` where the bytes from `start` to `end` stand.
    Replace {
        /// The file.
        file: String,
        /// The first byte.
        start: usize,
        /// One past the last byte.
        end: usize,
        /// What stands there afterwards.
        text: String,
    },
    /// Sets a key in a table, which is made where it is missing.
    Set {
        /// The file.
        file: String,
        /// The tables' names, then the key.
        path: Vec<String>,
        /// The value as TOML.
        value: String,
    },
    /// Takes a key away.
    Remove {
        /// The file.
        file: String,
        /// The tables' names, then the key.
        path: Vec<String>,
    },
    /// Adds a table at the end of an array of tables.
    Append {
        /// The file.
        file: String,
        /// The array's name.
        array: String,
        /// Keys, each with its value as TOML.
        entries: Vec<(String, String)>,
    },
}

/// The JSON schema of [`JsonReport`], with a line feed at its end.
///
/// # Panics
/// Never: the schema is made of strings and numbers.
#[must_use]
pub fn json_schema() -> String {
    // What is printed always has every key, with null for what there is not; readers may rely on that.
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<JsonReport>();
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

/// Prints every finding.
pub(super) fn render(reported: &Reported<'_>, places: &Places<'_>, context: &ReportContext<'_>) -> String {
    let mut by_code = BTreeMap::new();
    for finding in &reported.0 {
        *by_code.entry(finding.code.0.to_owned()).or_default() += 1;
    }
    let report = JsonReport {
        version: 1,
        lagproof: context.version.to_owned(),
        counts: JsonCounts {
            errors: reported.count(Severity::Error),
            warnings: reported.count(Severity::Warning),
            by_code,
        },
        findings: reported.0.iter().map(|one| finding(one, places, context)).collect(),
    };
    let json = serde_json::to_string_pretty(&report).expect("strings and numbers are JSON");
    guard_json(&json).into_owned() + "\n"
}

fn finding(finding: &Finding, places: &Places<'_>, context: &ReportContext<'_>) -> JsonFinding {
    JsonFinding {
        code: finding.code.0.to_owned(),
        name: context.page(finding.code).map(|page| page.name.to_owned()),
        severity: match finding.severity {
            Severity::Error => JsonSeverity::Error,
            Severity::Warning | Severity::Off => JsonSeverity::Warning,
        },
        message: finding.message.clone(),
        subject: finding.subject.clone(),
        primary: label(&finding.primary, places),
        labels: finding.labels.iter().map(|one| label(one, places)).collect(),
        consequence: finding.consequence.clone(),
        help: finding.help.clone(),
        fix: finding.fix.as_ref().map(|one| fix(one, places)),
    }
}

fn label(label: &Label, places: &Places<'_>) -> JsonLabel {
    let region = places.region(label.span);
    JsonLabel {
        file: places.path(label.span.file).to_owned(),
        start: region.map(|region| position(region.start)),
        end: region.map(|region| position(region.end)),
        text: label.text.clone(),
    }
}

const fn position(position: place::Position) -> JsonPosition {
    JsonPosition {
        line: position.line,
        column: position.column,
        byte: position.byte,
    }
}

fn fix(fix: &Fix, places: &Places<'_>) -> JsonFix {
    JsonFix {
        description: fix.description.clone(),
        safety: match fix.safety {
            Safety::Safe => JsonSafety::Safe,
            Safety::Suggested => JsonSafety::Suggested,
        },
        edits: fix.edits.iter().map(|one| edit(one, places)).collect(),
    }
}

fn edit(edit: &Edit, places: &Places<'_>) -> JsonEdit {
    let file = places.path(edit.file()).to_owned();
    match edit {
        Edit::Replace { span, text } => {
            let Span { start, end, .. } = *span;
            JsonEdit::Replace {
                file,
                start: start as usize,
                end: end as usize,
                text: text.clone(),
            }
        }
        Edit::Set { path, value, .. } => JsonEdit::Set {
            file,
            path: path.clone(),
            value: value.clone(),
        },
        Edit::Remove { path, .. } => JsonEdit::Remove {
            file,
            path: path.clone(),
        },
        Edit::Append { array, entries, .. } => JsonEdit::Append {
            file,
            array: array.clone(),
            entries: entries.clone(),
        },
    }
}
