//! The lines of files that a finding shows, cut out so that neither a huge file nor a huge line costs or floods.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Origin, Padding, Snippet};

use crate::source::FileId;

use super::place::Places;
use super::text::{one_line, visible};
use super::{Finding, Label};

/// The longest path that is shown.
const PATH: usize = 400;
/// The longest label that is shown.
const LABEL: usize = 300;
/// The most places that one finding shows.
const PLACES: usize = 12;
/// Lines around a marked one that may be shown with it.
const AROUND: usize = 5;
/// Places that are further apart are shown as separate excerpts, and a span over more lines by its first.
const APART: usize = 2_000;

/// What a finding shows of its files.
pub(super) struct Shown {
    /// Excerpts, the primary one first.
    pub elements: Vec<Element<'static>>,
    /// What is said about places that have no line.
    pub notes: Vec<String>,
    /// Whether any excerpt has made room for line numbers.
    pub numbers: LineNumbers,
}

/// Whether lines are shown, with their numbers in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineNumbers {
    /// At least one line.
    Some,
    /// Nothing but paths.
    None,
}

/// The excerpts of a finding for a terminal of `width` columns.
pub(super) fn shown(finding: &Finding, places: &Places<'_>, width: usize) -> Shown {
    let mut excerpts: Vec<Excerpt> = Vec::new();
    let mut notes = Vec::new();
    let mut elements: Vec<Element<'static>> = Vec::new();
    let primary = Mark::new(AnnotationKind::Primary, &finding.primary, places, width);
    match primary {
        Some(mark) => excerpts.push(Excerpt::new(mark)),
        None => {
            let path = one_line(places.path(finding.primary.span.file), PATH);
            elements.push(Origin::path(path).into());
            if !finding.primary.text.is_empty() {
                notes.push(one_line(&finding.primary.text, LABEL));
            }
        }
    }
    for label in finding.labels.iter().take(PLACES) {
        match Mark::new(AnnotationKind::Context, label, places, width) {
            Some(mark) => match excerpts.iter_mut().find(|excerpt| excerpt.fits(&mark)) {
                Some(excerpt) => excerpt.add(mark),
                None => excerpts.push(Excerpt::new(mark)),
            },
            None => {
                let path = one_line(places.path(label.span.file), PATH);
                notes.push(format!("{path}: {}", one_line(&label.text, LABEL)));
            }
        }
    }
    if let Some(more) = finding.labels.len().checked_sub(PLACES + 1) {
        notes.push(format!("{} more places are not shown", more + 1));
    }
    let numbers = if excerpts.is_empty() {
        elements.push(Padding.into());
        LineNumbers::None
    } else {
        LineNumbers::Some
    };
    elements.extend(excerpts.into_iter().map(|excerpt| excerpt.snippet(places).into()));
    Shown {
        elements,
        notes,
        numbers,
    }
}

/// Whether a line is too long to be shown with more than one mark.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Usual,
    Long,
}

/// One label with its lines.
struct Mark {
    kind: AnnotationKind,
    file: FileId,
    bytes: Range<usize>,
    lines: Range<usize>,
    length: Length,
    text: String,
}

impl Mark {
    fn new(kind: AnnotationKind, label: &Label, places: &Places<'_>, width: usize) -> Option<Self> {
        let file = label.span.file;
        let mut bytes = places.bytes(label.span)?;
        let first = places.line_at(file, bytes.start);
        let mut last = places.line_at(file, bytes.end);
        // A span that takes a line's end with it is meant for that line, not for the next one's beginning.
        if last > first && places.line(file, last).start == bytes.end {
            last -= 1;
            bytes.end = places.line(file, last).end.max(bytes.start);
        }
        let is_long = |line: usize| places.line(file, line).len() > width.saturating_mul(4);
        let length = if is_long(first) || is_long(last) {
            Length::Long
        } else {
            Length::Usual
        };
        if last > first && (length == Length::Long || last - first > APART) {
            last = first;
            bytes.end = places.line(file, first).end.max(bytes.start);
        }
        if length == Length::Long {
            // Half the width in characters fits also where each is two columns wide.
            let marked = &places.text(file)[bytes.clone()];
            let kept = marked.char_indices().nth(width / 2).map_or(marked.len(), |(at, _)| at);
            bytes.end = bytes.start + kept;
        }
        let text = one_line(&label.text, LABEL);
        Some(Self {
            kind,
            file,
            bytes,
            lines: first..last + 1,
            length,
            text,
        })
    }
}

/// Marks in one file that are shown together.
struct Excerpt {
    lines: Range<usize>,
    marks: Vec<Mark>,
}

impl Excerpt {
    fn new(mark: Mark) -> Self {
        Self {
            lines: mark.lines.clone(),
            marks: vec![mark],
        }
    }

    fn fits(&self, mark: &Mark) -> bool {
        let joined = self.lines.start.min(mark.lines.start)..self.lines.end.max(mark.lines.end);
        self.marks[0].file == mark.file
            && self.marks[0].length == Length::Usual
            && mark.length == Length::Usual
            && joined.len() <= APART + 1
    }

    fn add(&mut self, mark: Mark) {
        self.lines.start = self.lines.start.min(mark.lines.start);
        self.lines.end = self.lines.end.max(mark.lines.end);
        self.marks.push(mark);
    }

    fn snippet(self, places: &Places<'_>) -> Snippet<'static, Annotation<'static>> {
        let file = self.marks[0].file;
        let text = places.text(file);
        let mut source = String::new();
        // Where each line starts in `source`, and in the file.
        let mut starts = Vec::with_capacity(self.lines.len());
        for line in self.lines.clone() {
            let bytes = places.line(file, line);
            starts.push((source.len(), bytes.clone()));
            let near =
                |mark: &Mark| line.abs_diff(mark.lines.start) <= AROUND || line.abs_diff(mark.lines.end - 1) <= AROUND;
            // Lines in between are folded away: they only have to be counted.
            if self.marks.iter().any(near) {
                source.push_str(&visible(&text[bytes]));
            }
            source.push('\n');
        }
        source.pop();
        if source.is_empty() || source.ends_with('\n') {
            // An empty last line would not count as one.
            source.push(' ');
        }
        let first = self.lines.start;
        let moved = |byte: usize| {
            let (start, bytes) = &starts[places.line_at(file, byte) - first];
            start + visible(&text[bytes.start..byte.clamp(bytes.start, bytes.end)]).len()
        };
        let annotations = self.marks.iter().map(|mark| {
            let span = moved(mark.bytes.start)..moved(mark.bytes.end);
            let label = (!mark.text.is_empty()).then(|| mark.text.clone());
            mark.kind.span(span).label(label)
        });
        let annotations: Vec<_> = annotations.collect();
        Snippet::source(source)
            .path(one_line(places.path(file), PATH))
            .line_start(first + 1)
            .annotations(annotations)
    }
}
