//! Making text from files and names fit to be printed: nothing in it may drive a terminal, a log or a parser.

use std::borrow::Cow;

/// What is printed in place of a character that acts instead of showing: one character for one, so that columns stay.
const fn stand_in(character: char) -> Option<char> {
    match character {
        '\t' | '\n' => None,
        // The control pictures lie in the same order as what they picture.
        '\0'..='\x1f' => char::from_u32(0x2400 + character as u32),
        '\x7f' => Some('\u{2421}'),
        // C1 controls (U+009B starts an escape sequence on some terminals), text direction, line and paragraph
        // separators, invisible characters, tags and what XML forbids.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'
        | '\u{ffff}'
        | '\u{e0000}'..='\u{e007f}' => Some('\u{fffd}'),
        _ => None,
    }
}

/// `text` with every acting character replaced by one that shows; tabs and line feeds stay.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(|character| stand_in(character).is_some()) {
        Cow::Owned(text.chars().map(|c| stand_in(c).unwrap_or(c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// `text` on one line, visible, and at most `limit` characters long.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    let mut out: String = text
        .chars()
        .take(limit)
        .map(|c| match c {
            '\n' | '\t' => ' ',
            other => stand_in(other).unwrap_or(other),
        })
        .collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

/// Breaks one line between words, so that none is wider than `width` where its words allow it.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// JSON with every acting character written as an escape: the same values, and nothing raw in a terminal.
///
/// Outside of its strings JSON is plain ASCII, so that whatever is found here stands in a string.
#[must_use]
pub fn guard_json(json: &str) -> Cow<'_, str> {
    if json.chars().all(|c| stand_in(c).is_none()) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        if stand_in(character).is_none() {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Cow::Owned(out)
}

/// `1 error`, `16,720 errors`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(count))
}

/// `16,720`.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_left_and_columns_stay() {
        let text = "a\u{1b}[31mb\u{9b}c\u{202e}d\0e\r\u{7f}\u{2066}\u{e0041}\u{ffff}\tz";
        let shown = visible(text);
        assert_eq!(shown, "a␛[31mb�c�d␀e␍␡���\tz");
        assert_eq!(shown.chars().count(), text.chars().count());
        assert!(matches!(visible("plain ä 漢 👩‍🚀"), Cow::Borrowed(_)));
    }

    #[test]
    fn lines_are_joined_cut_and_wrapped() {
        assert_eq!(one_line("a\nb\tc", 10), "a b c");
        assert_eq!(one_line("äöüß", 3), "äöü…");
        assert_eq!(wrap("one two three four", 9), "one two\nthree\nfour");
        assert_eq!(wrap("unbreakable-word x", 5), "unbreakable-word\nx");
    }

    #[test]
    fn counts_are_read_easily() {
        assert_eq!(counted(1, "error"), "1 error");
        assert_eq!(counted(0, "error"), "0 errors");
        assert_eq!(counted(999, "error"), "999 errors");
        assert_eq!(counted(1_016_720, "error"), "1,016,720 errors");
    }

    #[test]
    fn guarded_json_means_the_same() {
        let value = serde_json::json!({ "k\u{202e}": "\u{9b}31m \u{e0041} \u{7f} \u{1b} ä" });
        let plain = serde_json::to_string_pretty(&value).unwrap();
        let guarded = guard_json(&plain);
        assert!(guarded.chars().all(|c| stand_in(c).is_none()), "{guarded}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&guarded).unwrap(), value);
    }
}
