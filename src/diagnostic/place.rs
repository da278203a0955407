//! Lines and columns of spans, from an index of lines that is built once a file.

use std::cell::OnceCell;
use std::ops::Range;

use crate::source::{FileId, Sources, Span};

/// A position in a file as every printer counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// From 0.
    pub byte: usize,
}

/// Where a span starts, and the position behind its last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    /// Its first character.
    pub start: Position,
    /// Behind its last character.
    pub end: Position,
}

/// The places in all files of a project.
pub(super) struct Places<'a> {
    sources: &'a Sources,
    starts: Vec<OnceCell<Vec<usize>>>,
}

impl<'a> Places<'a> {
    /// Indexes no file yet.
    pub fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            starts: sources.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// A file's path from the project's root.
    pub fn path(&self, file: FileId) -> &'a str {
        &self.sources.get(file).path
    }

    /// A file's text.
    pub fn text(&self, file: FileId) -> &'a str {
        &self.sources.get(file).text
    }

    /// The span's bytes, moved to the nearest characters, or nothing where it stands for the file as a whole: because
    /// it says so, because the text is not kept, or because it lies behind the end.
    pub fn bytes(&self, span: Span) -> Option<Range<usize>> {
        let text = self.text(span.file);
        let Range { start, end } = span.range();
        if (start, end) == (0, 0) || text.is_empty() || start > text.len() {
            return None;
        }
        let start = floor(text, start);
        Some(start..floor(text, end.min(text.len())).max(start))
    }

    /// Lines and columns of a span, or nothing where it stands for the file as a whole.
    pub fn region(&self, span: Span) -> Option<Region> {
        let bytes = self.bytes(span)?;
        Some(self.region_of(span.file, bytes))
    }

    /// Lines and columns of a range that lies in the file.
    pub fn region_of(&self, file: FileId, bytes: Range<usize>) -> Region {
        Region {
            start: self.position(file, bytes.start),
            end: self.position(file, bytes.end),
        }
    }

    /// The line, from 0, that a byte lies in.
    pub fn line_at(&self, file: FileId, byte: usize) -> usize {
        self.starts(file).partition_point(|start| *start <= byte) - 1
    }

    /// The bytes of a line, from 0, without what ends it.
    pub fn line(&self, file: FileId, line: usize) -> Range<usize> {
        let text = self.text(file);
        let starts = self.starts(file);
        let start = starts[line];
        let end = starts.get(line + 1).map_or(text.len(), |next| next - 1);
        let end = match text.as_bytes().get(start..end) {
            // A carriage return belongs to what ends the line only before a line feed.
            Some([.., b'\r']) if line + 1 < starts.len() => end - 1,
            _ => end,
        };
        start..end
    }

    fn position(&self, file: FileId, byte: usize) -> Position {
        let line = self.line_at(file, byte);
        let bytes = self.line(file, line);
        let inside = byte.min(bytes.end);
        Position {
            line: line + 1,
            column: self.text(file)[bytes.start..inside].chars().count() + 1,
            byte,
        }
    }

    fn starts(&self, file: FileId) -> &[usize] {
        self.starts[file.0 as usize].get_or_init(|| {
            let text = self.text(file);
            std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect()
        })
    }
}

fn floor(text: &str, mut byte: usize) -> usize {
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, range: Range<usize>) -> Option<(usize, usize, usize, usize)> {
        let mut sources = Sources::default();
        let file = sources.add("a.toml", text);
        let region = Places::new(&sources).region(Span::new(file, range))?;
        Some((
            region.start.line,
            region.start.column,
            region.end.line,
            region.end.column,
        ))
    }

    #[test]
    fn counts_characters_and_keeps_line_endings_out_of_columns() {
        assert_eq!(at("ä = 1\r\nβγ = 2\r\n", 8..10), Some((2, 1, 2, 2)));
        assert_eq!(at("ab\r\ncd", 2..4), Some((1, 3, 2, 1)));
        assert_eq!(at("ab\r\ncd", 3..3), Some((1, 3, 1, 3)));
        assert_eq!(at("a\rb", 2..3), Some((1, 3, 1, 4)));
        assert_eq!(at("ab\n", 3..3), Some((2, 1, 2, 1)));
    }

    #[test]
    fn odd_spans_are_moved_or_stand_for_the_file() {
        assert_eq!(at("äb", 1..2), Some((1, 1, 1, 2)));
        assert_eq!(at("ab", 1..99), Some((1, 2, 1, 3)));
        assert_eq!(at("ab", 3..9), None);
        assert_eq!(at("ab", 0..0), None);
        assert_eq!(at("", 4..9), None);
    }

    #[test]
    fn agrees_with_the_sources_own_positions() {
        let text = "a = 1\n\nß = \"ö\"\nend";
        let mut sources = Sources::default();
        let file = sources.add("a.toml", text);
        let places = Places::new(&sources);
        for byte in (1..=text.len()).filter(|byte| text.is_char_boundary(*byte)) {
            let position = places.position(file, byte);
            let expected = sources.get(file).position(byte);
            assert_eq!((position.line, position.column), (expected.line, expected.column));
        }
    }
}
