//! A small project with findings of every kind, and help to make others.

use lagproof::diagnostic::{
    Code, Example, Finding, Findings, Format, Page, ReportContext, Safety, Severity, Stance, render,
};
use lagproof::source::{Edit, FileId, Sources, Span};

/// One record can outlast the poll interval.
pub static P104: Page = Page {
    code: Code("P104"),
    name: "record-over-poll-interval",
    severity: Severity::Error,
    stance: Stance::Judged,
    summary: "One record can take longer than the poll interval allows.",
    why: "A consumer that doesn't poll in time leaves its group.\n\nWith `{ max = \"12min\" }` {0} it never gets past.",
    bad: Example::Snippet("[processing]\nper_record = { max = \"12min\" }\n"),
    good: Example::Snippet("[processing]\nper_record = { max = \"1min\" }\n"),
    source: "KIP-62",
};

/// A deviation that deviates from nothing.
pub static D201: Page = Page {
    code: Code("D201"),
    name: "deviation-without-need",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "A deviation is declared for a value that the type allows.",
    why: "A deviation that explains nothing hides those that do.",
    bad: Example::Snippet("# ```\n[[deviation]]\nsetting = \"fetch_max_wait\"\nreason = \"none\"\n"),
    good: Example::Snippet(""),
    source: "design",
};

pub static PAGES: [&Page; 2] = [&D201, &P104];

pub const VISION: &str = r#"version = 3
type    = "vision-ai"

[processing]
per_record  = { p50 = "2s", p99 = "40s", max = "12min" }
"#;
pub const MATRIX: &str = "edition = 1\n\n[types.vision-ai]\nmax_poll_interval = \"10min\"\nsession_timeout = \"60s\"\n";

/// Findings with the files that they are about.
pub struct Case {
    pub sources: Sources,
    pub findings: Findings,
    pub services: Vec<String>,
}

impl Case {
    pub fn new() -> Self {
        Self {
            sources: Sources::new(),
            findings: Findings::new(),
            services: vec!["minicpm-vision".into(), "silero-vad".into()],
        }
    }

    pub fn file(&mut self, path: &str, text: &str) -> FileId {
        self.sources.add(path, text)
    }

    /// The `nth` place where `text` stands in the file.
    pub fn nth(&self, file: FileId, text: &str, nth: usize) -> Span {
        let all = &self.sources.get(file).text;
        let (at, _) = all.match_indices(text).nth(nth).expect("the text is in the file");
        Span::new(file, at..at + text.len())
    }

    pub fn span(&self, file: FileId, text: &str) -> Span {
        self.nth(file, text, 0)
    }

    pub fn with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    pub fn context(&self) -> ReportContext<'_> {
        let mut context = ReportContext::new(&PAGES, &self.services, "2 services");
        context.outcome = Some("nothing was compiled");
        context.version = "0.0.0";
        context
    }

    pub fn print(&self, format: Format) -> String {
        render(&self.findings, &self.sources, &self.context(), format)
    }

    pub fn print_with(&self, format: Format, change: impl FnOnce(&mut ReportContext<'_>)) -> String {
        let mut context = self.context();
        change(&mut context);
        render(&self.findings, &self.sources, &context, format)
    }
}

/// A mistake in a pull request, a warning with a safe fix, and something that no file can show.
pub fn usual() -> Case {
    let mut case = Case::new();
    let matrix = case.file("profiles/matrix.toml", MATRIX);
    let vision = case.file("profiles/services/minicpm-vision.toml", VISION);
    let vad_text = "version = 1\r\n\r\n[[deviation]]\r\nsetting = \"fetch_max_wait\"\r\nreason = \"none\"\r\n";
    let vad = case.file("profiles/services/silero-vad.toml", vad_text);
    let seed = case.file("generated/migrations/1_a.sql", "");
    let over = Finding::new(&P104, case.span(vision, "max = \"12min\""), "one record can take longer than the poll interval allows")
        .here("one record may take 12 min")
        .label(case.span(matrix, "\"10min\""), "vision-ai allows 10 min between polls, inherited here")
        .at_run_time(
            "the consumer leaves its group after 10 min, the record is given to another replica, and it happens again: \
             the group never gets past that record",
        )
        .help("raise max_poll_interval to at least 13min for this service, with a deviation that says why, or bound the handler")
        .fix(
            Safety::Suggested,
            "raise the limit",
            vec![Edit::Set {
                file: vision,
                path: vec!["consumer".into(), "max_poll_interval".into()],
                value: "\"13min\"".into(),
            }],
        )
        .about("minicpm-vision");
    let idle = Finding::new(
        &D201,
        case.span(vad, "\"fetch_max_wait\""),
        "this deviation explains nothing",
    )
    .at_run_time("nothing")
    .fix(
        Safety::Safe,
        "remove the deviation",
        vec![Edit::Replace {
            span: Span::new(vad, 13..vad_text.len()),
            text: String::new(),
        }],
    )
    .about("silero-vad");
    let gone = Finding::new(&P104, Span::whole(seed), "a seed was edited by hand")
        .here("its body's hash is not the one in its first line")
        .label(case.span(vision, "version = 3"), "this version was compiled to it")
        .label(Span::whole(vad), "and this file too")
        .at_run_time("replaying all seeds no longer gives what is declared");
    case.with(over).with(idle).with(gone)
}
