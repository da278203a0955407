//! Marks that git leaves in a file where a merge could not be settled.

use std::ops::Range;

/// Where merge conflicts stand: the line that opens each, without its line feed. One that nothing closes is none.
#[must_use]
pub fn conflicts(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") {
            open = Some(start..start + line.trim_end().len());
        } else if line.starts_with(">>>>>>> ") {
            found.extend(open.take());
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_conflict_is_found_at_the_line_that_opens_it() {
        let text =
            "a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> other\n<<<<<<< HEAD\r\n=======\r\n>>>>>>> other\r\n";
        let found: Vec<&str> = conflicts(text).into_iter().map(|line| &text[line]).collect();
        assert_eq!(found, ["<<<<<<< HEAD", "<<<<<<< HEAD"]);
        for text in [
            "",
            "a = \"<<<<<<< HEAD\"\n>>>>>>> x",
            "<<<<<<< HEAD\n",
            ">>>>>>> x\n<<<<<<< y\n",
        ] {
            assert!(conflicts(text).is_empty(), "{text}");
        }
    }
}
