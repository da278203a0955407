//! Digests: what a version, a revision or a seed's body stands for, in 32 bytes.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::doc::Doc;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

const PREFIX: &str = "sha256:";

impl Digest {
    /// Of bytes as they are.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a document's canonical form, after a line that names what the form is: `lagproof settings form 1`.
    #[must_use]
    pub fn of_doc(form: &str, doc: &Doc) -> Self {
        let mut hasher = Sha256::new();
        hasher.update("lagproof ");
        hasher.update(form);
        hasher.update("\n");
        hasher.update(doc.canonical());
        Self(hasher.finalize().into())
    }
}

/// A digest of bytes that come piece by piece.
#[derive(Debug, Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(PREFIX)?;
        f.write_str(std::str::from_utf8(&hex).unwrap_or_default())
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix(PREFIX).ok_or(NotADigest)?.as_bytes();
        if hex.len() != 64 {
            return Err(NotADigest);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(digit: u8) -> Result<u8, NotADigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotADigest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_back() {
        let digest = Digest::of_bytes(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text, "FIPS 180-4's own example");
        assert_eq!(text.parse(), Ok(digest));
        for wrong in [
            "",
            "sha256:",
            "ba78",
            &text.to_uppercase(),
            &text[..70],
            &format!("{text}0"),
            "sha256:ä",
        ] {
            assert_eq!(wrong.parse::<Digest>(), Err(NotADigest), "{wrong}");
        }
    }

    #[test]
    fn forms_are_kept_apart() {
        let doc = Doc::Object(Vec::new());
        assert_ne!(
            Digest::of_doc("settings form 1", &doc),
            Digest::of_doc("context form 1", &doc)
        );
        assert_eq!(
            Digest::of_doc("settings form 1", &doc),
            Digest::of_bytes(b"lagproof settings form 1\n{}")
        );
    }
}
