//! One finding, and the list they are gathered in.

use std::collections::BTreeSet;

use crate::source::{Edit, Span};

use super::{Code, Page};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not reported.
    Off,
    /// Reported; `--deny` makes it count.
    Warning,
    /// Nothing is compiled while one exists.
    Error,
}

impl Severity {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Words at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be seen there.
    pub text: String,
}

/// Whether a fix can be applied without a person looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// `check --fix` applies it: what runs does not change, or changes only as the profile already says.
    Safe,
    /// Shown, and applied by a person: it needs a decision.
    Suggested,
}

/// A change that mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order: "remove the line".
    pub description: String,
    /// The change.
    pub edits: Vec<Edit>,
    /// Whether `--fix` applies it.
    pub safety: Safety,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its code.
    pub code: Code,
    /// How bad it is here.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The place that is to be changed.
    pub primary: Label,
    /// Other places that matter, such as where an inherited value comes from.
    pub labels: Vec<Label>,
    /// What happens at run time, in one sentence without a full stop.
    pub consequence: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The mending as edits, where it is known.
    pub fix: Option<Fix>,
    /// The service, topic or group that it is about, for JUnit and for filters.
    pub subject: Option<String>,
}

impl Finding {
    /// A finding of the page's own severity at `span`.
    #[must_use]
    pub fn new(page: &Page, span: Span, message: impl Into<String>) -> Self {
        Self {
            code: page.code,
            severity: page.severity,
            message: message.into(),
            primary: Label {
                span,
                text: String::new(),
            },
            labels: Vec::new(),
            consequence: String::new(),
            help: None,
            fix: None,
            subject: None,
        }
    }

    /// Says what is to be seen at the primary place.
    #[must_use]
    pub fn here(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds another place that matters.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says what happens at run time.
    #[must_use]
    pub fn at_run_time(mut self, text: impl Into<String>) -> Self {
        self.consequence = text.into();
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Gives the mending as edits.
    #[must_use]
    pub fn fix(mut self, safety: Safety, description: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix {
            description: description.into(),
            edits,
            safety,
        });
        self
    }

    /// Says what service, topic or group it is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

/// Findings as they are gathered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Says what those from the `first` on are about, where they do not say so themselves.
    pub fn about_each(&mut self, first: usize, subject: &str) {
        for finding in self.0.iter_mut().skip(first) {
            finding.subject.get_or_insert_with(|| subject.to_owned());
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Each in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// Changes or drops each.
    pub fn retain_mut(&mut self, keep: impl FnMut(&mut Finding) -> bool) {
        self.0.retain_mut(keep);
    }

    /// Sorts by file, place and code, and tells once what is said several times at the same place: a mistake in a row
    /// of the matrix is then one finding, with the number of services, and about none of them alone.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            (a.primary.span, a.code, &a.message, &a.labels).cmp(&(b.primary.span, b.code, &b.message, &b.labels))
        });
        let mut told: Vec<Finding> = Vec::with_capacity(self.0.len());
        let mut subjects = BTreeSet::new();
        for finding in std::mem::take(&mut self.0) {
            match told.last_mut().filter(|last| says_the_same(last, &finding)) {
                Some(_) => {
                    subjects.extend(finding.subject);
                }
                None => {
                    share(told.last_mut(), &mut subjects);
                    subjects.extend(finding.subject.clone());
                    told.push(finding);
                }
            }
        }
        share(told.last_mut(), &mut subjects);
        self.0 = told;
    }
}

fn says_the_same(a: &Finding, b: &Finding) -> bool {
    a.primary.span == b.primary.span && a.code == b.code && a.message == b.message
}

/// Says how many a finding is about, where there are several; empties `subjects` for the next.
fn share(finding: Option<&mut Finding>, subjects: &mut BTreeSet<String>) {
    if let Some(finding) = finding.filter(|_| subjects.len() > 1) {
        finding.subject = None;
        let space = if finding.primary.text.is_empty() { "" } else { " " };
        finding
            .primary
            .text
            .push_str(&format!("{space}({} services)", subjects.len()));
    }
    subjects.clear();
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<T: IntoIterator<Item = Finding>>(findings: T) -> Self {
        Self(findings.into_iter().collect())
    }
}
