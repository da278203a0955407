//! A table as it is read: known keys are taken one by one, and what is left over is a finding.

use std::collections::BTreeSet;
use std::ops::Range;

use super::tree::{Item, Node, Table};
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Finding, Findings};
use crate::source::{FileId, Span};

use super::leaf::Leaf;
use super::pages;
use super::problems::{Missing, leaf_findings, missing_key, nearest, secret_finding, unknown_key, wrong_type};
use super::secrets::looks_secret;
use super::syntax::{parse, syntax_findings};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A table with known keys.
pub trait Section: Sized {
    /// Takes every key. It must ask for all of them before it gives up on one, so that all problems are found at once
    /// and the schema is whole.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Either a table that is being read, or nothing, while the keys are being listed.
enum Source<'t> {
    Table {
        file: FileId,
        table: &'t Table<'t>,
        span: Range<usize>,
        findings: &'t mut Findings,
    },
    /// For the schema.
    Schema,
    /// For their names alone.
    Keys,
}

/// A table's keys, as they are asked for.
pub struct Fields<'t> {
    source: Source<'t>,
    /// A bit for each of the table's first entries that was asked for: in most tables all are, and nobody needs the names
    /// of the others.
    taken: u64,
    /// Names of keys, while they are being listed.
    known: Vec<&'static str>,
    missing: Vec<Missing>,
    properties: Map<String, Json>,
    required: Vec<Json>,
    open: Openness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Openness {
    Closed,
    Open,
}

/// Reads a whole file as one section.
pub fn read_document<T: Section>(file: FileId, text: &str, findings: &mut Findings) -> Option<T> {
    let (table, errors) = parse(text);
    let broken = !errors.is_empty();
    findings.extend(syntax_findings(file, text, &errors));
    let mut inner = Findings::new();
    let read = read_table(file, &table, 0..0, &mut inner);
    // What a half-read file lacks or holds too much of is a consequence of the syntax errors, not news.
    let secondary = [pages::MISSING_KEY.code, pages::UNKNOWN_KEY.code, pages::WRONG_TYPE.code];
    findings.extend(
        inner
            .into_iter()
            .filter(|finding| !broken || !secondary.contains(&finding.code))
            .collect(),
    );
    if broken { None } else { read }
}

fn read_table<'t, T: Section>(
    file: FileId,
    table: &'t Table<'t>,
    span: Range<usize>,
    findings: &'t mut Findings,
) -> Option<T> {
    let mut fields = Fields::new(Source::Table {
        file,
        table,
        span,
        findings,
    });
    let value = T::read(&mut fields);
    fields.finish(keys_of::<T>);
    value
}

/// The keys of a section.
fn keys_of<T: Section>() -> Vec<&'static str> {
    let mut fields = Fields::new(Source::Keys);
    T::read(&mut fields);
    fields.known
}

/// The JSON schema of a section.
#[must_use]
pub fn schema_of<T: Section>() -> Json {
    let mut fields = Fields::new(Source::Schema);
    T::read(&mut fields);
    fields.into_schema()
}

impl<'t> Fields<'t> {
    fn new(source: Source<'t>) -> Self {
        Self {
            source,
            taken: 0,
            known: Vec::new(),
            missing: Vec::new(),
            properties: Map::new(),
            required: Vec::new(),
            open: Openness::Closed,
        }
    }

    /// The file that is read.
    #[must_use]
    pub fn file(&self) -> FileId {
        match &self.source {
            Source::Table { file, .. } => *file,
            Source::Schema | Source::Keys => FileId(0),
        }
    }

    /// Where the table stands.
    #[must_use]
    pub fn span(&self) -> Span {
        match &self.source {
            Source::Table { file, span, .. } => Span::new(*file, span.clone()),
            Source::Schema | Source::Keys => Span::whole(FileId(0)),
        }
    }

    /// A key that may be left out. `doc` is its line in the reference.
    pub fn optional<T: Leaf>(&mut self, key: &'static str, doc: &'static str) -> Option<Spanned<T>> {
        self.learn(key, doc, || T::schema());
        let Source::Table {
            file, table, findings, ..
        } = &mut self.source
        else {
            return None;
        };
        let value = take(table, key, &mut self.taken)?;
        let span = Span::new(*file, value.span());
        match T::read(value, *file) {
            Ok(value) => Some(Spanned { value, span }),
            Err(error) => {
                findings.extend(leaf_findings(key, span, error));
                None
            }
        }
    }

    /// A key that must be there.
    pub fn required<T: Leaf>(&mut self, key: &'static str, doc: &'static str) -> Option<Spanned<T>> {
        let value = self.optional(key, doc);
        self.require::<T>(key, doc);
        value
    }

    /// Says that a key must be there, whoever reads it.
    pub(super) fn require<T: Leaf>(&mut self, key: &'static str, doc: &'static str) {
        match &self.source {
            Source::Schema => self.required.push(key.into()),
            Source::Table { table, .. } if !table.contains_key(key) => self.missing.push(Missing {
                key,
                doc,
                example: T::example(),
            }),
            Source::Table { .. } | Source::Keys => {}
        }
    }

    /// A table inside this one.
    pub fn section<T: Section>(&mut self, key: &'static str, doc: &'static str) -> Option<Spanned<T>> {
        self.learn(key, doc, schema_of::<T>);
        let Source::Table {
            file, table, findings, ..
        } = &mut self.source
        else {
            return None;
        };
        let value = take(table, key, &mut self.taken)?;
        let span = Span::new(*file, value.span());
        match value.get_ref() {
            Item::Table(inner) => read_table(*file, inner, value.span(), findings).map(|value| Spanned { value, span }),
            other => {
                findings.push(wrong_type(key, span, "a table", other));
                None
            }
        }
    }

    /// An array of tables, `[[key]]`.
    pub fn sections<T: Section>(&mut self, key: &'static str, doc: &'static str) -> Vec<Spanned<T>> {
        self.learn(key, doc, || json!({ "type": "array", "items": schema_of::<T>() }));
        let Source::Table {
            file, table, findings, ..
        } = &mut self.source
        else {
            return Vec::new();
        };
        let Some(value) = take(table, key, &mut self.taken) else {
            return Vec::new();
        };
        let Item::Array(items) = value.get_ref() else {
            let span = Span::new(*file, value.span());
            findings.push(wrong_type(key, span, "an array of tables", value.get_ref()));
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items.iter() {
            let span = Span::new(*file, item.span());
            match item.get_ref() {
                Item::Table(inner) => {
                    out.extend(read_table(*file, inner, item.span(), findings).map(|value| Spanned { value, span }));
                }
                other => findings.push(wrong_type(key, span, "a table", other)),
            }
        }
        out
    }

    /// Tables by name, `[key.NAME]`; the span of each is its name's.
    pub fn named<T: Section>(&mut self, key: &'static str, doc: &'static str) -> Vec<(Spanned<String>, T)> {
        self.learn(
            key,
            doc,
            || json!({ "type": "object", "additionalProperties": schema_of::<T>() }),
        );
        let Source::Table {
            file, table, findings, ..
        } = &mut self.source
        else {
            return Vec::new();
        };
        let Some(value) = take(table, key, &mut self.taken) else {
            return Vec::new();
        };
        let Item::Table(tables) = value.get_ref() else {
            let span = Span::new(*file, value.span());
            findings.push(wrong_type(key, span, "a table of tables", value.get_ref()));
            return Vec::new();
        };
        let mut out = Vec::new();
        for (name, item) in tables.iter() {
            let span = Span::new(*file, name.span());
            match item.get_ref() {
                Item::Table(inner) => {
                    let name = Spanned {
                        value: name.get_ref().to_owned(),
                        span,
                    };
                    out.extend(read_table(*file, inner, item.span(), findings).map(|value| (name, value)));
                }
                other => {
                    let span = Span::new(*file, item.span());
                    findings.push(wrong_type(name.get_ref(), span, "a table", other));
                }
            }
        }
        out
    }

    /// Every key of a table whose keys are not lagproof's, with where each stands; the table has no known keys.
    pub fn entries<T: Leaf>(&mut self) -> Vec<(Spanned<String>, Spanned<T>)> {
        self.open = Openness::Open;
        self.properties.insert("*".to_owned(), T::schema());
        let Source::Table {
            file, table, findings, ..
        } = &mut self.source
        else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (key, value) in table.iter() {
            let key = Spanned {
                value: key.get_ref().to_owned(),
                span: Span::new(*file, key.span()),
            };
            if looks_secret(&key.value) {
                findings.push(secret_finding(&key.value, key.span));
                continue;
            }
            let span = Span::new(*file, value.span());
            match T::read(value, *file) {
                Ok(value) => out.push((key, Spanned { value, span })),
                Err(error) => findings.extend(leaf_findings(&key.value, span, error)),
            }
        }
        out
    }

    /// Reports a problem that takes more than one key to see.
    pub fn report(&mut self, finding: Finding) {
        if let Source::Table { findings, .. } = &mut self.source {
            findings.push(finding);
        }
    }

    fn learn(&mut self, key: &'static str, doc: &'static str, schema: impl FnOnce() -> Json) {
        match self.source {
            Source::Table { .. } => {}
            Source::Keys => self.known.push(key),
            Source::Schema => {
                let mut schema = schema();
                if let Some(object) = schema.as_object_mut() {
                    object.insert("description".to_owned(), doc.into());
                }
                self.properties.insert(key.to_owned(), schema);
            }
        }
    }

    /// Reports the keys that nobody asked for, and those that are missing. One that is missing because it is misspelt
    /// is reported once. `keys` lists all that were asked for.
    fn finish(self, keys: fn() -> Vec<&'static str>) {
        let Source::Table {
            file,
            table,
            span,
            findings,
        } = self.source
        else {
            return;
        };
        if self.open == Openness::Open {
            return;
        }
        if self.missing.is_empty() && self.taken.count_ones() as usize == table.len() {
            return;
        }
        let known: BTreeSet<&str> = keys().into_iter().collect();
        let mut missing = self.missing;
        for (key, value) in table.iter() {
            let name: &str = key.get_ref();
            if !known.contains(name) {
                let absent = |key: &&str| !table.contains_key(key);
                let near = nearest(name, known.iter().copied().filter(absent));
                missing.retain(|missing| Some(missing.key) != near);
                findings.push(unknown_key(
                    name,
                    value.get_ref(),
                    Span::new(file, key.span()),
                    &known,
                    near,
                ));
            }
        }
        let span = Span::new(file, span);
        findings.extend(missing.iter().map(|missing| missing_key(missing, span)).collect());
    }

    fn into_schema(mut self) -> Json {
        if self.open == Openness::Open {
            let any = self.properties.remove("*").unwrap_or(Json::Bool(true));
            return json!({ "type": "object", "additionalProperties": any });
        }
        json!({
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

/// A key's value, which is then known to have been asked for.
fn take<'n, 't>(table: &'n Table<'t>, key: &str, taken: &mut u64) -> Option<&'n Node<'t>> {
    let position = table.position(key)?;
    *taken |= 1_u64
        .checked_shl(u32::try_from(position).unwrap_or(u32::MAX))
        .unwrap_or(0);
    table.at(position)
}
