//! A seed's header, read from the file's pieces: a seed may be large, and its body is only hashed.

use super::digest::{Digest, Hasher};
use super::seed::{Header, read_line, read_mark};

/// Reads a header from pieces of a seed. What is not entirely in order it does not tell apart: that takes the whole text,
/// and is rare.
#[derive(Debug)]
pub(super) struct HeaderReader {
    stage: Stage,
    /// Of the file's bytes, those that still belong to no whole line of the header.
    pending: Vec<u8>,
    /// The first bytes of a character whose last ones are in the next piece.
    split: Vec<u8>,
    hasher: Hasher,
    header: Option<Header>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In the first two lines.
    Top,
    /// In the lines that the hash covers.
    Header,
    /// After them.
    Body,
    /// Something is wrong.
    Wrong,
}

impl HeaderReader {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Top,
            pending: Vec::new(),
            split: Vec::new(),
            hasher: Hasher::default(),
            header: None,
        }
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.stage != Stage::Wrong && self.take(piece).is_none() {
            self.stage = Stage::Wrong;
        }
    }

    /// The header, where everything is in order.
    pub(super) fn finish(self) -> Option<Header> {
        let header = self
            .header
            .filter(|_| self.stage == Stage::Body && self.split.is_empty())?;
        (self.hasher.finish() == header.hash).then_some(header)
    }

    fn take(&mut self, mut piece: &[u8]) -> Option<()> {
        self.is_text(piece)?;
        if self.stage == Stage::Top {
            self.pending.extend_from_slice(piece);
            let ends = self.pending.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            let ends: Vec<usize> = ends.map(|(at, _)| at).take(2).collect();
            let [first, second] = ends[..] else { return Some(()) };
            let top = std::mem::take(&mut self.pending);
            let mark = std::str::from_utf8(&top[first + 1..second]).ok()?;
            let hash: Digest = read_mark(mark)?;
            self.header = Some(Header::new(hash));
            self.stage = Stage::Header;
            // What is left of this piece: the lines above may have begun in another.
            piece = &piece[piece.len() - (top.len() - second - 1)..];
        }
        self.hasher.update(piece);
        if self.stage == Stage::Header {
            self.pending.extend_from_slice(piece);
            let pending = std::mem::take(&mut self.pending);
            self.pending = self.lines(&pending)?.to_vec();
        }
        Some(())
    }

    /// Reads whole lines of the header, and gives back what is left.
    fn lines<'b>(&mut self, mut bytes: &'b [u8]) -> Option<&'b [u8]> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&bytes[..end]).ok()?;
            let Some(line) = line.strip_prefix("-- ") else {
                self.stage = Stage::Body;
                return Some(&[]);
            };
            if line.ends_with('\r') {
                return None;
            }
            read_line(self.header.as_mut()?, line)?;
            bytes = &bytes[end + 1..];
        }
        Some(bytes)
    }

    /// Whether the file is UTF-8 so far.
    fn is_text(&mut self, mut piece: &[u8]) -> Option<()> {
        while let ([first, rest @ ..], false) = (piece, self.split.is_empty()) {
            self.split.push(*first);
            piece = rest;
            match std::str::from_utf8(&self.split) {
                Ok(_) => self.split.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return None,
            }
        }
        if let Err(error) = std::str::from_utf8(piece) {
            if error.error_len().is_some() {
                return None;
            }
            self.split.extend_from_slice(&piece[error.valid_up_to()..]);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::seed::{ServiceEntry, Stamp, TopicEntry, read_seed, write_seed};
    use super::super::{Content, Digest};
    use super::*;

    fn sample() -> String {
        let digest = Digest::of_bytes(b"x");
        let stamp = Stamp {
            version: 2,
            revision: 1,
        };
        let services: Vec<ServiceEntry> = ["a", "größe", "c\"d"]
            .into_iter()
            .map(|name| ServiceEntry {
                name: name.to_owned(),
                stamp,
                content: Content::Live {
                    settings: digest,
                    context: digest,
                },
                follows: None,
            })
            .collect();
        let topics = [TopicEntry {
            name: "t".to_owned(),
            revision: 1,
            digest,
            follows: Some(0),
        }];
        write_seed("Größe", &services, &topics, &[], "select 'ä€😀';\n-- no header line\n")
    }

    fn in_pieces(bytes: &[u8], size: usize) -> Option<Header> {
        let mut reader = HeaderReader::new();
        for piece in bytes.chunks(size) {
            reader.push(piece);
        }
        reader.finish()
    }

    #[test]
    fn reads_what_the_whole_text_says_wherever_it_is_cut() {
        let text = sample();
        let whole = read_seed(&text).unwrap();
        assert_eq!((whole.services.len(), whole.topics.len()), (3, 1));
        for size in 1..text.len() + 1 {
            assert_eq!(in_pieces(text.as_bytes(), size).as_ref(), Some(&whole), "{size}");
        }
    }

    #[test]
    fn what_is_not_in_order_is_left_to_who_reads_the_whole() {
        let text = sample();
        for wrong in [
            String::new(),
            text.replacen("lagproof", "lagprof", 1),
            text.replace('\n', "\r\n"),
            text.replacen("version 2", "version 3", 1),
            text.replacen("select", "delete", 1),
            format!("{text} "),
            text[..text.len() - 1].to_owned(),
        ] {
            assert_eq!(in_pieces(wrong.as_bytes(), 7), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_no_seed_whatever_its_hash() {
        let text = sample();
        let (top, hashed) = text.split_at(text.find("\n-- service").unwrap() + 1);
        let mut hashed = hashed.as_bytes().to_vec();
        hashed.extend_from_slice(b"\xff\n");
        let old = top.split(", ").nth(1).unwrap().trim_end();
        let mut bytes = top.replace(old, &Digest::of_bytes(&hashed).to_string()).into_bytes();
        bytes.extend_from_slice(&hashed);
        for size in [1, 7, 10_000] {
            assert_eq!(in_pieces(&bytes, size), None);
        }
        bytes.truncate(bytes.len() - 2);
        assert_eq!(in_pieces(&bytes, 3), None);
    }
}
