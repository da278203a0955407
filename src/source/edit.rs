//! Edits to TOML files that keep comments, order and formatting.

use std::fmt;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{FileId, Span};

/// One change to a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// Puts `text` where the span's bytes stand.
    Replace {
        /// What is replaced.
        span: Span,
        /// What stands there afterwards.
        text: String,
    },
    /// Sets a key in a table, which is made where it is missing.
    Set {
        /// The file.
        file: FileId,
        /// The tables' names, then the key.
        path: Vec<String>,
        /// The value as TOML.
        value: String,
    },
    /// Takes a key away.
    Remove {
        /// The file.
        file: FileId,
        /// The tables' names, then the key.
        path: Vec<String>,
    },
    /// Adds a table such as `[[deviation]]` at the end of its array.
    Append {
        /// The file.
        file: FileId,
        /// The array's name.
        array: String,
        /// Keys and values as TOML.
        entries: Vec<(String, String)>,
    },
}

impl Edit {
    /// The file that is edited.
    #[must_use]
    pub const fn file(&self) -> FileId {
        match self {
            Self::Replace { span, .. } => span.file,
            Self::Set { file, .. } | Self::Remove { file, .. } | Self::Append { file, .. } => *file,
        }
    }
}

/// Why edits could not be applied; the text stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditError {
    /// Two edits replace the same bytes by different texts.
    Overlap,
    /// The text, a path or a value is not what TOML allows.
    Toml(String),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap => f.write_str("two fixes change the same place"),
            Self::Toml(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for EditError {}

/// Applies all `edits` of one file to its text: replacements by span first, then the structural ones in order. Equal
/// edits count once.
///
/// # Errors
/// [`EditError`] where two replacements overlap or the file is not TOML.
pub fn apply_edits(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let mut replacements: Vec<(Span, &str)> = Vec::new();
    let mut structural: Vec<&Edit> = Vec::new();
    for edit in edits {
        match edit {
            Edit::Replace { span, text } => replacements.push((*span, text)),
            other if structural.contains(&other) => {}
            other => structural.push(other),
        }
    }
    replacements.sort_unstable();
    replacements.dedup();
    if replacements
        .windows(2)
        .any(|pair| pair[0].0.end > pair[1].0.start || pair[0].0 == pair[1].0)
    {
        return Err(EditError::Overlap);
    }
    let mut out = text.to_owned();
    for (span, replacement) in replacements.iter().rev() {
        if out.get(span.range()).is_none() {
            return Err(EditError::Toml("a fix points outside its file".to_owned()));
        }
        out.replace_range(span.range(), replacement);
    }
    if structural.is_empty() {
        return Ok(out);
    }
    let mut document: DocumentMut = out
        .parse()
        .map_err(|error: toml_edit::TomlError| EditError::Toml(error.to_string()))?;
    for edit in structural {
        apply_structural(&mut document, edit)?;
    }
    Ok(printed_like(text, &document))
}

/// A document's text with the line ends that `text` has; toml_edit knows line feeds alone.
#[must_use]
pub fn printed_like(text: &str, document: &DocumentMut) -> String {
    let printed = document.to_string();
    if text.find('\n').is_some_and(|end| text[..end].ends_with('\r')) {
        printed.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        printed
    }
}

fn apply_structural(document: &mut DocumentMut, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::Replace { .. } => Ok(()),
        Edit::Set { path, value, .. } => {
            let Some((key, tables)) = path.split_last() else {
                return Ok(());
            };
            let value = parse_value(value)?;
            let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
            for name in tables {
                table = table
                    .entry(name)
                    .or_insert_with(|| Item::Table(Table::new()))
                    .as_table_like_mut()
                    .ok_or_else(|| EditError::Toml(format!("`{name}` is not a table")))?;
            }
            match table.get_mut(key).and_then(Item::as_value_mut) {
                Some(existing) => {
                    let decor = existing.decor().clone();
                    *existing = value;
                    *existing.decor_mut() = decor;
                }
                None => {
                    table.insert(key, Item::Value(value));
                }
            }
            Ok(())
        }
        Edit::Remove { path, .. } => {
            let Some((key, tables)) = path.split_last() else {
                return Ok(());
            };
            let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
            for name in tables {
                match table.get_mut(name).and_then(Item::as_table_like_mut) {
                    Some(inner) => table = inner,
                    None => return Ok(()),
                }
            }
            table.remove(key);
            Ok(())
        }
        Edit::Append { array, entries, .. } => {
            let tables = document
                .entry(array)
                .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
                .as_array_of_tables_mut()
                .ok_or_else(|| EditError::Toml(format!("`{array}` is not an array of tables")))?;
            let mut table = Table::new();
            for (key, value) in entries {
                table.insert(key, Item::Value(parse_value(value)?));
            }
            tables.push(table);
            Ok(())
        }
    }
}

fn parse_value(text: &str) -> Result<Value, EditError> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| EditError::Toml(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId(0);
    const TEXT: &str = "# top\nversion = 3   # bumped\n\n[consumer] # settings\nfetch_max = \"8MiB\" # big\n";

    fn replace(range: std::ops::Range<usize>, text: &str) -> Edit {
        Edit::Replace {
            span: Span::new(FILE, range),
            text: text.to_owned(),
        }
    }

    #[test]
    fn replaces_bytes_and_keeps_the_rest() {
        let at = TEXT.find('3').unwrap();
        let fixed = apply_edits(TEXT, &[replace(at..at + 1, "4"), replace(at..at + 1, "4")]).unwrap();
        assert_eq!(fixed, TEXT.replace("= 3", "= 4"));
        assert_eq!(
            apply_edits(TEXT, &[replace(at..at + 1, "4"), replace(at..at + 1, "5")]),
            Err(EditError::Overlap)
        );
    }

    #[test]
    fn sets_removes_and_appends_keeping_comments() {
        let edits = [
            Edit::Set {
                file: FILE,
                path: vec!["consumer".into(), "fetch_max".into()],
                value: "\"4MiB\"".into(),
            },
            Edit::Set {
                file: FILE,
                path: vec!["consumer".into(), "fetch_max_wait".into()],
                value: "\"1s\"".into(),
            },
            Edit::Remove {
                file: FILE,
                path: vec!["nowhere".into(), "x".into()],
            },
            Edit::Append {
                file: FILE,
                array: "deviation".into(),
                entries: vec![("setting".into(), "\"fetch_max\"".into())],
            },
        ];
        insta::assert_snapshot!(apply_edits(TEXT, &edits).unwrap(), @r#"
        # top
        version = 3   # bumped

        [consumer] # settings
        fetch_max = "4MiB" # big
        fetch_max_wait = "1s"

        [[deviation]]
        setting = "fetch_max"
        "#);
    }

    #[test]
    fn line_ends_stay_as_they_are() {
        let set = |key: &str| Edit::Set {
            file: FILE,
            path: vec!["consumer".into(), key.into()],
            value: "\"4MiB\"".into(),
        };
        let windows = TEXT.replace('\n', "\r\n");
        for edits in [[set("fetch_max")], [set("max_partition_fetch")]] {
            let plain = apply_edits(TEXT, &edits).unwrap();
            assert!(!plain.contains('\r'));
            assert_eq!(apply_edits(&windows, &edits).unwrap(), plain.replace('\n', "\r\n"));
        }
    }

    #[test]
    fn a_broken_file_or_value_changes_nothing() {
        let edit = Edit::Set {
            file: FILE,
            path: vec!["a".into()],
            value: "\"unclosed".into(),
        };
        assert!(matches!(apply_edits("a = 1", &[edit]), Err(EditError::Toml(_))));
        let edit = Edit::Remove {
            file: FILE,
            path: vec!["a".into()],
        };
        assert!(matches!(apply_edits("a = ", &[edit]), Err(EditError::Toml(_))));
    }
}
