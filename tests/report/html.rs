//! The page: whole, closed, without anything from outside, with names that are only text.

use std::collections::BTreeSet;

use lagproof::harness::outcome::Outcome;
use lagproof::harness::report::html::render;

use super::build::outcome;
use super::cases;
use super::outcomes;

fn all() -> Vec<Outcome> {
    vec![
        outcome(vec![cases::motion(), cases::vision(), cases::audio()]),
        outcome(vec![cases::motion()]),
        outcomes::services(),
        outcomes::invalid(),
        outcomes::limits(),
        outcomes::inconclusive(),
        outcomes::cut_short(),
        outcomes::left_out(),
        outcomes::half(),
        outcomes::nothing(),
        outcomes::mock(),
        outcomes::hostile(),
    ]
}

/// Elements without an end.
const VOID: [&str; 4] = ["meta", "input", "br", "hr"];

/// Walks the tags of a page; its elements must nest, its attributes be quoted. Returns each tag with its attributes.
fn tags(page: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        // A tag ends at the first > outside of quotes.
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                quoted ^= *c == '"';
                *c == '>' && !quoted
            })
            .map(|(at, _)| at)
            .expect("every tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "elements nest");
            continue;
        }
        let name = tag.split([' ', '\n']).next().unwrap_or_default().to_owned();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "no tag: {tag}");
        let outside: String = tag.split('"').step_by(2).collect();
        let names: Vec<&str> = outside
            .split_whitespace()
            .filter_map(|word| word.strip_suffix('='))
            .collect();
        assert_eq!(
            names.iter().collect::<BTreeSet<_>>().len(),
            names.len(),
            "an attribute twice: {tag}"
        );
        found.push(tag.to_owned());
        if matches!(&*name, "script" | "style") {
            // Nothing but its own end ends it.
            let end = rest.find(&format!("</{name}")).expect("it ends");
            rest = &rest[end..];
        }
        if !VOID.contains(&&*name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    found
}

#[test]
fn elements_nest_and_ids_are_unique() {
    for one in all() {
        let tags = tags(&render(&one));
        let ids: Vec<&str> = tags
            .iter()
            .filter_map(|tag| tag.split(" id=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        let of: BTreeSet<&str> = tags
            .iter()
            .filter_map(|tag| tag.split(" for=\"").nth(1)?.split('"').next())
            .collect();
        assert!(of.iter().all(|id| ids.contains(id)), "labels have their inputs");
    }
}

#[test]
fn nothing_is_fetched() {
    for one in all() {
        let page = render(&one);
        assert!(page.contains("default-src 'none'"));
        for tag in tags(&page) {
            for what in [" src=", "@import", "url(", "<link", " srcset=", "<base"] {
                assert!(!tag.contains(what), "{tag}");
            }
            if let Some(to) = tag.split(" href=\"").nth(1) {
                assert!(to.starts_with('#') || to.starts_with("report.json"), "{tag}");
            }
        }
        let fetches = ["fetch(", "XMLHttpRequest", "import(", "@import", "url("];
        assert!(fetches.iter().all(|what| !page.contains(what)));
    }
}

#[test]
fn names_are_only_text() {
    let page = render(&outcomes::hostile());
    assert!(
        !page.contains("alert(1)</script>") && !page.contains("<script>alert"),
        "it runs"
    );
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // Quotes stay in their attributes, and no attribute came to be.
    let scripts = tags(&page).into_iter().filter(|tag| tag.starts_with("script"));
    let scripts: Vec<String> = scripts.collect();
    assert!(
        scripts
            .iter()
            .all(|tag| tag == "script" || tag == "script type=\"application/json\""),
        "{scripts:?}"
    );
    let handlers: Vec<String> = tags(&page)
        .into_iter()
        .filter(|tag| {
            // What stands in quotes is no attribute.
            let outside: String = tag.split('"').step_by(2).collect();
            outside.contains("onload")
        })
        .collect();
    assert!(handlers.is_empty(), "{handlers:?}");
}

#[test]
fn every_chart_is_there_and_says_what_it_shows() {
    let tags = tags(&render(&outcome(vec![cases::vision()])));
    let pictures: Vec<&String> = tags.iter().filter(|tag| tag.starts_with("svg")).collect();
    // Lag twice (linear and logarithmic), rates, memory, latency.
    assert_eq!(pictures.len(), 5);
    assert!(
        pictures
            .iter()
            .all(|tag| tag.contains("role=\"img\"") && tag.contains("aria-label=\""))
    );
    for class in [
        "line before",
        "line after",
        "bound",
        "band drain",
        "moment before",
        "mark ended",
        "mark rebalance",
    ] {
        assert!(tags.iter().any(|tag| tag.contains(class)), "{class}");
    }
}

#[test]
fn lines_stay_inside_their_pictures() {
    for one in all() {
        for tag in tags(&render(&one)).iter().filter(|tag| tag.starts_with("path")) {
            let path = tag
                .split(" d=\"")
                .nth(1)
                .and_then(|d| d.split('"').next())
                .expect("a path");
            for point in path.split(['M', 'L']).filter(|point| !point.is_empty()) {
                let (x, y) = point.split_once(' ').expect("a point");
                let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
                assert!(
                    (0.0..=1_000.0).contains(&x) && (0.0..=200.0).contains(&y),
                    "{point} in {tag}"
                );
            }
        }
    }
}

#[test]
fn the_page_says_what_its_numbers_are_worth() {
    let mock = render(&outcomes::mock());
    assert!(
        mock.contains("a smoke test on librdkafka&#39;s mock broker")
            || mock.contains("a smoke test on librdkafka's mock broker")
    );
    assert!(!mock.contains("PASS") && !mock.contains("FAIL"));
    let cut = render(&outcomes::cut_short());
    assert!(cut.contains("Ctrl-C") && cut.contains("cut short") && cut.contains("INCONCLUSIVE"));
    let foreign = render(&outcome(vec![cases::service("silero-vad", "aiokafka")]));
    assert!(foreign.contains("(librdkafka; declares aiokafka)"));
    let case = render(&outcome(vec![cases::motion()]));
    assert!(case.contains("a case of motion-event-filter, and no proof of it"));
}

#[test]
fn the_data_of_the_script_is_json() {
    for one in all() {
        let page = render(&one);
        let blocks = page.split("<script type=\"application/json\">").skip(1);
        for block in blocks {
            let json = block.split("</script>").next().expect("an end");
            let read: serde_json::Value = serde_json::from_str(json).expect("JSON");
            assert!(
                ["lag", "rate", "memory"].iter().all(|chart| read[chart].is_array()),
                "{json}"
            );
        }
    }
}
