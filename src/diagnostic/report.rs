//! The one entry to all printers.

use std::fmt;
use std::str::FromStr;

use crate::source::Sources;

use super::place::Places;
use super::{Finding, Findings, Page, Severity, github, human, json, junit, sarif};

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// For people, with the lines that matter.
    #[default]
    Human,
    /// One JSON object; see [`super::json_schema`].
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Workflow commands, which GitHub shows as annotations.
    Github,
    /// JUnit XML, a test case a service.
    Junit,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Human, Self::Json, Self::Sarif, Self::Github, Self::Junit];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Junit => "junit",
        }
    }

    /// What it is good for, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Human => "for people, with the lines that matter",
            Self::Json => "one JSON object with a schema",
            Self::Sarif => "SARIF 2.1.0, for code scanning and editors",
            Self::Github => "annotations in GitHub Actions",
            Self::Junit => "JUnit XML, a test case a service",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format's name that there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Format::ALL.map(Format::name).join(", ");
        write!(f, "no format `{}`; there are {names}", self.0.escape_debug())
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Whether the human format is coloured. Whoever knows the terminal decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// No escape sequence at all.
    #[default]
    Plain,
    /// With ANSI escape sequences.
    Styled,
}

/// Everything around the findings that printers need to know.
#[derive(Debug, Clone)]
pub struct ReportContext<'a> {
    /// Every page there is, in the order of their codes: names of codes, and SARIF's rules.
    pub pages: &'a [&'static Page],
    /// The names of all services that were looked at, also those without a finding: JUnit's test cases.
    pub services: &'a [String],
    /// What was looked at, for the closing line: `11 services`.
    pub scope: &'a str,
    /// What follows from the findings, for the closing line: `nothing was compiled`.
    pub outcome: Option<&'a str>,
    /// The project's root from the repository's, with `/` between its parts, empty where they are the same: GitHub and
    /// SARIF name files from the repository's root.
    pub folder: &'a str,
    /// The tool's version.
    pub version: &'a str,
    /// The most findings that the human and GitHub formats print, or nothing for all. The others always hold all.
    pub limit: Option<usize>,
    /// The terminal's width in columns, for the human format.
    pub width: usize,
    /// Whether the human format is coloured.
    pub colour: Colour,
}

impl<'a> ReportContext<'a> {
    /// The limit where none is given.
    pub const LIMIT: usize = 100;
    /// The width where there is no terminal.
    pub const WIDTH: usize = 120;

    /// A plain report on `services`, in a project at the repository's root.
    #[must_use]
    pub const fn new(pages: &'a [&'static Page], services: &'a [String], scope: &'a str) -> Self {
        Self {
            pages,
            services,
            scope,
            outcome: None,
            folder: "",
            version: env!("CARGO_PKG_VERSION"),
            limit: Some(Self::LIMIT),
            width: Self::WIDTH,
            colour: Colour::Plain,
        }
    }

    /// The page of a code.
    pub(super) fn page(&self, code: super::Code) -> Option<&'static Page> {
        self.pages.iter().copied().find(|page| page.code == code)
    }

    /// A file's path from the repository's root.
    pub(super) fn path_in_repository(&self, path: &str) -> String {
        match self.folder.trim_matches('/') {
            "" => path.to_owned(),
            folder => format!("{folder}/{path}"),
        }
    }
}

/// Prints findings, which are sorted already; those that are [`Severity::Off`] are left out. Ends with a line feed
/// unless there is nothing to say, which the human and GitHub formats do by being empty.
///
/// # Panics
/// Where a span's file is not one of `sources`.
#[must_use]
pub fn render(findings: &Findings, sources: &Sources, context: &ReportContext<'_>, format: Format) -> String {
    let places = Places::new(sources);
    let reported = Reported(findings.iter().filter(|one| one.severity != Severity::Off).collect());
    match format {
        Format::Human => human::render(&reported, &places, context),
        Format::Json => json::render(&reported, &places, context),
        Format::Sarif => sarif::render(&reported, &places, context),
        Format::Github => github::render(&reported, &places, context),
        Format::Junit => junit::render(&reported, &places, context),
    }
}

/// The findings that are printed or at least counted.
pub(super) struct Reported<'a>(pub Vec<&'a Finding>);

impl<'a> Reported<'a> {
    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// At most `limit`, in their order. Where some are left out it is warnings first: what stops the compiler must not
    /// be hidden by what doesn't.
    pub fn at_most(&self, limit: Option<usize>) -> Vec<&'a Finding> {
        let limit = limit.unwrap_or(usize::MAX);
        let errors = self.count(Severity::Error).min(limit);
        let (mut errors, mut others) = (errors, limit - errors);
        let take = |left: &mut usize| left.checked_sub(1).map(|rest| *left = rest).is_some();
        self.0
            .iter()
            .copied()
            .filter(|finding| match finding.severity {
                Severity::Error => take(&mut errors),
                _ => take(&mut others),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_one_way() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!(
            "xml".parse::<Format>().unwrap_err().to_string(),
            "no format `xml`; there are human, json, sarif, github, junit"
        );
    }
}
