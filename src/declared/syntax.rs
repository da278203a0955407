//! What is not TOML, worded.

use toml::de::{DeTable, Error};

use crate::diagnostic::{Finding, Findings};
use crate::source::{FileId, Span};

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
pub(super) fn syntax_findings(file: FileId, errors: &[Error]) -> Findings {
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
            match HELP.iter().find(|(part, _)| error.message().contains(part)) {
                Some((_, help)) => finding.help(*help),
                None => finding,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(text: &str) -> Vec<Option<String>> {
        let (_, errors) = parse(text);
        syntax_findings(FileId(0), &errors)
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
