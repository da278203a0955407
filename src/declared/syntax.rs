//! What is not TOML, worded.

use std::ops::Range;

use toml::de::{DeTable, Error};

use crate::diagnostic::{Finding, Findings};
use crate::source::{FileId, Span, conflicts};

use super::pages;
use super::plain::scan;
use super::tree::Table;

/// What to do about an error, by a part of the parser's own message. The first that fits counts.
const HELP: [(&str, &str); 14] = [
    ("must be quoted", "put straight quotes around it: key = \"text\""),
    ("basic string", "close the text with a `\"` on the same line"),
    ("literal string", "close the text with a `'` on the same line"),
    (
        "duplicate key",
        "it stands above already: keep one, or put both together under one heading",
    ),
    (
        "key with no value",
        "write `key = value`, with nothing else on the line",
    ),
    (
        "invalid unquoted key",
        "write `key = value`; keys are letters, digits, `_` and `-`",
    ),
    ("unclosed inline table", "close it with `}`"),
    ("unclosed table", "close the heading with `]`"),
    ("unclosed array table", "close the heading with `]]`"),
    ("unclosed array", "close the list with `]`"),
    ("missing comma", "put a `,` between the two"),
    ("recurs", "nothing here is nested so deep: is it the right file?"),
    ("carriage return", "save the file with line ends of one kind"),
    ("extra", "take it away"),
];

/// Beyond so many bytes only the first error is kept: a megabyte of garbage has a million, each of them kept whole.
const LARGE: usize = 1 << 18;

/// What a file declares, as far as it is TOML, and what is not.
pub(super) fn parse(text: &str) -> (Table<'_>, Vec<Error>) {
    if let Some(table) = scan(text) {
        return (table, Vec::new());
    }
    if text.len() <= LARGE {
        let (table, errors) = DeTable::parse_recoverable(text);
        return (table.into_inner().into(), errors);
    }
    match DeTable::parse(text) {
        Ok(table) => (table.into_inner().into(), Vec::new()),
        Err(error) => (Table::default(), vec![error]),
    }
}

/// Findings for the first errors of a file; the last of them says how many more there are.
pub(super) fn syntax_findings(file: FileId, text: &str, errors: &[Error]) -> Findings {
    if errors.is_empty() {
        return Findings::new();
    }
    // Each mark is several errors to a parser, and what stands between them a few more.
    let unsettled = conflicts(text);
    if !unsettled.is_empty() {
        let shown = unsettled.into_iter().take(pages::MOST_SYNTAX_ERRORS);
        return shown.map(|line| unsettled_merge(file, line)).collect();
    }
    let more = errors.len().saturating_sub(pages::MOST_SYNTAX_ERRORS);
    let shown = errors.len() - more;
    errors
        .iter()
        .take(shown)
        .enumerate()
        .map(|(at, error)| {
            let span = Span::new(file, error.span().unwrap_or(0..0));
            let message = format!("not TOML: {}", error.message());
            let finding = Finding::new(&pages::NOT_TOML, span, message)
                .at_run_time("nothing is known of what this file declares, so nothing is compiled");
            if more > 0 && at + 1 == shown {
                let plural = if more == 1 { "" } else { "s" };
                return finding.help(format!(
                    "mend the first ones; {more} more error{plural} of this file are not listed"
                ));
            }
            if value_is_missing(text, &span) {
                return Finding {
                    message: "not TOML: a key without a value".to_owned(),
                    ..finding
                }
                .help("write the value behind the `=`, or take the line away");
            }
            match HELP.iter().find(|(part, _)| error.message().contains(part)) {
                Some((_, help)) => finding.help(*help),
                None => finding,
            }
        })
        .collect()
}

fn unsettled_merge(file: FileId, line: Range<usize>) -> Finding {
    Finding::new(
        &pages::NOT_TOML,
        Span::new(file, line),
        "not TOML: a merge conflict stands here",
    )
    .at_run_time("nothing is known of what this file declares, so nothing is compiled")
    .help("write what both sides mean, and take the lines with <<<<<<<, ======= and >>>>>>> away")
}

/// Whether the line ends, but for a comment, where its value should be: `version =`.
fn value_is_missing(text: &str, at: &Span) -> bool {
    let Some((before, after)) = text.split_at_checked(at.range().start) else {
        return false;
    };
    let rest = after.lines().next().unwrap_or("").trim_start();
    before.trim_end_matches([' ', '\t']).ends_with('=') && (rest.is_empty() || rest.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(text: &str) -> Vec<Option<String>> {
        let (_, errors) = parse(text);
        syntax_findings(FileId(0), text, &errors)
            .iter()
            .map(|finding| finding.help.clone())
            .collect()
    }

    #[test]
    fn the_usual_slips_have_help() {
        for text in [
            "a = b\n",
            "a = \"b\n",
            "a = 'b\n",
            "a = 1\na = 2\n",
            "a\n",
            "a: 1\n",
            "a = { b = 1\n",
            "[a\n",
            "[[a]\n",
            "a = [1\n",
            "a = [1 2]\n",
            "a = = 1\n",
        ] {
            assert!(matches!(help(text).first(), Some(Some(_))), "{text}");
        }
    }

    #[test]
    fn a_merge_conflict_is_one_finding_each() {
        let conflict = "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> other\n";
        for (times, text) in [(1, format!("b = 1\n{conflict}c = \n")), (2, conflict.repeat(2))] {
            let (_, errors) = parse(&text);
            let found = syntax_findings(FileId(0), &text, &errors);
            assert_eq!(found.iter().count(), times, "{found:#?}");
            assert!(found.iter().all(|finding| finding.message.contains("merge conflict")));
        }
        // Inside a text it is none of ours.
        let fine = format!("a = \"\"\"\n{conflict}\"\"\"\n");
        let (_, errors) = parse(&fine);
        assert!(syntax_findings(FileId(0), &fine, &errors).is_empty());
    }

    #[test]
    fn a_value_that_is_missing_is_said_to_be() {
        for text in ["a =", "a = \n", "a =  # later\nb = 1\n", "[t]\na =\t\r\n"] {
            let (_, errors) = parse(text);
            let found = syntax_findings(FileId(0), text, &errors);
            let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
            assert_eq!(messages, ["not TOML: a key without a value"], "{text:?}");
        }
    }

    #[test]
    fn of_a_large_file_the_first_error_is_kept() {
        let text = "= =\n".repeat(LARGE / 4 + 1);
        assert_eq!(help(&text).len(), 1);
        assert_eq!(parse(&"# fine\n".repeat(LARGE)).1.len(), 0);
    }

    #[test]
    fn what_is_cut_is_counted() {
        let help = help(&"= =\n".repeat(1_000));
        assert_eq!(help.len(), pages::MOST_SYNTAX_ERRORS);
        let last = help.last().cloned().flatten().unwrap_or_default();
        assert!(
            last.contains("980 more errors") || last.contains("more errors of this file"),
            "{last}"
        );
    }
}
