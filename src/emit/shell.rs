//! Words as the shell takes them.

/// `text` as one word of a POSIX shell: between single quotes, in which nothing means anything but the quote itself.
///
/// A NUL can't be part of any word of a shell and is dropped; rules refuse names that have one.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for character in text.chars() {
        match character {
            '\'' => out.push_str(r"'\''"),
            '\0' => {}
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::quote;

    fn through_bash(text: &str) -> String {
        let script = format!("printf '%s' {}", quote(text));
        let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
        assert!(output.stderr.is_empty() && output.status.success(), "{text:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn attacks_stay_words() {
        for text in [
            "",
            "plain",
            "'",
            "''; touch /tmp/owned; '",
            "$(touch /tmp/owned)",
            "`id`",
            "${HOME}",
            "a b\tc\nd\r",
            "\\",
            "\\'",
            "*?[x]{a,b}~!#&|<>;\"",
            "-n",
            "größe € 😀",
        ] {
            assert_eq!(through_bash(text), text);
        }
        assert_eq!(quote("a\0b"), "'ab'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_stays_one_word(text in "[^\\x00]{0,40}") {
            prop_assert_eq!(through_bash(&text), text);
        }
    }
}
