//! Changes to a bundle: of bytes, of lines, of values.

use lagproof::project::pages;

use super::words::{PIECES, VALUES, WORDS};

/// The longest bundle that is made.
const LONGEST: usize = 64 << 10;

/// A number below the given one, from whoever decides.
type Draw<'a> = &'a mut dyn FnMut(usize) -> usize;

/// Changes a bundle once.
pub fn mutate(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    match draw(16) {
        0..3 => replace_value(bundle, draw),
        3..5 => replace_key(bundle, draw),
        5 => insert_setting(bundle, draw),
        6 => drop_line(bundle, draw),
        7 | 8 => copy_line(bundle, draw),
        9 | 10 => append_example(bundle, draw),
        11 | 12 => insert_piece(bundle, draw),
        13 => flip_byte(bundle, draw),
        14 => drop_bytes(bundle, draw),
        _ => repeat_bytes(bundle, draw),
    }
    bundle.truncate(LONGEST);
}

/// Where each line begins, and the end.
fn line_starts(bundle: &[u8]) -> Vec<usize> {
    let after_feeds = (1..=bundle.len()).filter(|at| bundle[at - 1] == b'\n');
    let mut starts: Vec<usize> = [0].into_iter().chain(after_feeds).collect();
    if starts.last() != Some(&bundle.len()) {
        starts.push(bundle.len());
    }
    starts
}

/// A line as a range, its line feed included.
fn a_line(bundle: &[u8], draw: Draw<'_>) -> std::ops::Range<usize> {
    let starts = line_starts(bundle);
    match starts.len() {
        0 | 1 => 0..0,
        more => {
            let line = draw(more - 1);
            starts[line]..starts[line + 1]
        }
    }
}

/// A line that sets something: where its key ends and its value begins.
fn a_setting(bundle: &[u8], draw: Draw<'_>) -> Option<(std::ops::Range<usize>, usize)> {
    // A few tries find one in most files.
    (0..4).find_map(|_| {
        let line = a_line(bundle, draw);
        let at = bundle[line.clone()].iter().position(|byte| *byte == b'=')?;
        Some((line.clone(), line.start + at))
    })
}

fn one_of<'a, T: ?Sized>(from: &[&'a T], draw: Draw<'_>) -> &'a T {
    from[draw(from.len())]
}

fn word(draw: Draw<'_>) -> &'static str {
    &WORDS[draw(WORDS.len())]
}

fn value(draw: Draw<'_>) -> String {
    if draw(3) == 0 {
        format!("\"{}\"", word(draw).escape_default())
    } else {
        one_of(VALUES, draw).to_owned()
    }
}

fn replace_value(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    if let Some((line, equals)) = a_setting(bundle, draw) {
        let end = line.end - usize::from(bundle[line].ends_with(b"\n"));
        let new = format!(" {}", value(draw));
        bundle.splice((equals + 1).min(end)..end, new.into_bytes());
    }
}

fn replace_key(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    if let Some((line, equals)) = a_setting(bundle, draw) {
        bundle.splice(line.start..equals, format!("{} ", word(draw)).into_bytes());
    }
}

fn insert_setting(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let at = a_line(bundle, draw).start;
    let line = format!("{} = {}\n", word(draw), value(draw));
    bundle.splice(at..at, line.into_bytes());
}

fn drop_line(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let line = a_line(bundle, draw);
    bundle.drain(line);
}

fn copy_line(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let line = a_line(bundle, draw);
    let line = bundle[line].to_vec();
    let at = a_line(bundle, draw).start;
    bundle.splice(at..at, line);
}

/// A page's example: the shortest way to a finding, or to a project that is clean for another reason.
fn append_example(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let pages = pages();
    let page = pages[draw(pages.len())];
    let example = if draw(2) == 0 { page.bad } else { page.good };
    let text = example.text().as_bytes();
    if draw(2) == 0 {
        bundle.extend(text);
    } else {
        bundle.splice(0..0, text.iter().copied());
    }
}

fn insert_piece(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let at = draw(bundle.len() + 1);
    let piece = one_of(PIECES, draw);
    bundle.splice(at..at, piece.iter().copied());
}

fn flip_byte(bundle: &mut [u8], draw: Draw<'_>) {
    if !bundle.is_empty() {
        let at = draw(bundle.len());
        bundle[at] ^= 1 << draw(8);
    }
}

fn drop_bytes(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let start = draw(bundle.len() + 1);
    let end = (start + draw(40)).min(bundle.len());
    bundle.drain(start..end);
}

fn repeat_bytes(bundle: &mut Vec<u8>, draw: Draw<'_>) {
    let start = draw(bundle.len() + 1);
    let end = (start + draw(60)).min(bundle.len());
    let more = bundle[start..end].repeat(1 << draw(8));
    bundle.splice(end..end, more);
}
