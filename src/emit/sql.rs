//! Text as PostgreSQL takes it, whatever `standard_conforming_strings` says.

use std::fmt;

/// A text that no PostgreSQL value can hold: it has a NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NulError {
    /// The text up to the NUL.
    pub before: String,
}

impl fmt::Display for NulError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before: String = self
            .before
            .chars()
            .rev()
            .take(40)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        write!(f, "PostgreSQL can't hold the NUL after `{}`", before.escape_debug())
    }
}

impl std::error::Error for NulError {}

/// `text` as a string constant. Where it has a backslash or a control character it is an `E''` constant, whose escapes
/// no setting changes; else a plain one, in which only the quote means anything.
///
/// # Errors
/// [`NulError`].
pub fn literal(text: &str) -> Result<String, NulError> {
    refuse_nul(text)?;
    let plain = !text
        .chars()
        .any(|character| character == '\\' || character.is_control());
    let mut out = String::with_capacity(text.len() + 3);
    out.push_str(if plain { "'" } else { "E'" });
    for character in text.chars() {
        match character {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            control if control.is_ascii_control() => out.push_str(&format!("\\{:03o}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('\'');
    Ok(out)
}

/// JSON text as a `jsonb` constant between dollar quotes, whose tag does not occur in it.
///
/// # Errors
/// [`NulError`] for JSON in which a text has a NUL: `jsonb` can't hold one.
pub fn jsonb(json: &str) -> Result<String, NulError> {
    refuse_nul(json)?;
    if let Some(at) = escaped_nul(json) {
        return Err(NulError {
            before: json[..at].to_owned(),
        });
    }
    let tag = (0..)
        .map(|number: u32| match number {
            0 => "$lagproof$".to_owned(),
            other => format!("$lagproof{other}$"),
        })
        .find(|tag| !json.contains(tag.as_str()))
        .unwrap_or_default();
    Ok(format!("{tag}{json}{tag}::jsonb"))
}

/// Where JSON has `\u0000`, whose backslash is not itself escaped.
fn escaped_nul(json: &str) -> Option<usize> {
    json.match_indices("\\u0000").map(|(at, _)| at).find(|at| {
        let before = json[..*at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before % 2 == 0
    })
}

fn refuse_nul(text: &str) -> Result<(), NulError> {
    match text.find('\0') {
        None => Ok(()),
        Some(at) => Err(NulError {
            before: text[..at].to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_constants() {
        for (text, constant) in [
            ("", "''"),
            ("silero-vad", "'silero-vad'"),
            ("it's", "'it''s'"),
            ("'; DROP TABLE x; --", "'''; DROP TABLE x; --'"),
            ("\\'; DROP TABLE x; --", "E'\\\\''; DROP TABLE x; --'"),
            ("a\nb\rc", "E'a\\012b\\015c'"),
            ("größe € 😀", "'größe € 😀'"),
            ("$lagproof$", "'$lagproof$'"),
        ] {
            assert_eq!(literal(text).unwrap(), constant);
        }
        assert_eq!(literal("a\0b").unwrap_err().before, "a");
    }

    #[test]
    fn no_tag_occurs_in_what_it_quotes() {
        assert_eq!(jsonb("{}").unwrap(), "$lagproof${}$lagproof$::jsonb");
        assert_eq!(
            jsonb("{\"a\": \"$lagproof$ $lagproof1$\"}").unwrap(),
            "$lagproof2${\"a\": \"$lagproof$ $lagproof1$\"}$lagproof2$::jsonb"
        );
        assert!(jsonb("{\"a\": \"\\u0000\"}").is_err());
        assert!(jsonb("{\"a\": \"\\\\u0000\"}").is_ok(), "a backslash, then u0000");
    }
}
