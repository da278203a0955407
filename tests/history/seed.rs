//! A seed's header: written, read back, and told from what became of it.

use proptest::prelude::*;

use lagproof::history::{
    Content, Digest, Replaced, SeedProblem, ServiceEntry, Stamp, TopicEntry, read_seed, write_seed,
};

fn entries(name: &str) -> (Vec<ServiceEntry>, Vec<TopicEntry>, Vec<Replaced>) {
    let digest = Digest::of_bytes(name.as_bytes());
    let stamp = |version, revision| Stamp { version, revision };
    let live = ServiceEntry {
        name: name.to_owned(),
        stamp: stamp(4, 2),
        content: Content::Live {
            settings: digest,
            context: digest,
        },
        follows: Some(stamp(4, 1)),
    };
    let retired = ServiceEntry {
        stamp: stamp(7, 1),
        content: Content::Retired,
        follows: None,
        ..live.clone()
    };
    let topic = TopicEntry {
        name: name.to_owned(),
        revision: 3,
        digest,
        follows: Some(2),
    };
    let replaced = Replaced {
        name: name.to_owned(),
        hash: digest,
    };
    (vec![live, retired], vec![topic], vec![replaced])
}

fn seed(name: &str, body: &str) -> String {
    let (services, topics, replaces) = entries(name);
    write_seed("first", &services, &topics, &replaces, body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_name_is_read_back_and_stays_in_its_line(name in any::<String>()) {
        let text = seed(&name, "SELECT 1;\n");
        let header = read_seed(&text).unwrap();
        prop_assert_eq!((header.services, header.topics, header.replaces), entries(&name));
        prop_assert!(text.lines().filter(|line| !line.is_empty() && !line.starts_with("--")).eq(["SELECT 1;"]));
    }

    #[test]
    fn anything_is_read_without_a_panic(text in "(-- lagproof seed, format 1, )?(?s:.{0,200})") {
        let _ = read_seed(&text);
        let _ = read_seed(&format!("\n{text}"));
    }
}

#[test]
fn what_became_of_a_seed_is_told_apart() {
    let text = seed("a", "SELECT 1;\n");
    assert!(read_seed(&text).is_ok());
    for (text, problem) in [
        (String::new(), SeedProblem::NotASeed),
        ("CREATE TABLE x ();\n".to_owned(), SeedProblem::NotASeed),
        (text.replace("format 1", "format 2"), SeedProblem::Newer { format: 2 }),
        (text.replace('\n', "\r\n"), SeedProblem::LineEnds),
        (text.replace("1;\n", "1;\r\n"), SeedProblem::LineEnds),
        (text.replace("SELECT 1", "SELECT 2"), SeedProblem::Edited),
        (text.replace("version 4", "version 5"), SeedProblem::Edited),
        (text.replace("sha256:", "sha256:0"), SeedProblem::Edited),
        (text.trim_end().to_owned(), SeedProblem::Edited),
        (
            format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> b\n"),
            SeedProblem::Conflict,
        ),
        (
            text.replace("SELECT 1;\n", "<<<<<<< a\nSELECT 1;\n=======\n>>>>>>> b\n"),
            SeedProblem::Conflict,
        ),
    ] {
        assert_eq!(read_seed(&text), Err(problem), "{text}");
    }
    let odd = write_seed("first", &[], &[], &[], "-- what is this\n");
    assert!(read_seed(&odd).is_ok(), "a comment in the body is the body's own");
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    let body = "-- service \"a\" version x\n\nSELECT 1;\n";
    let text = format!(
        "-- first\n-- lagproof seed, format 1, {}\n{body}",
        Digest::of_bytes(body.as_bytes())
    );
    assert_eq!(read_seed(&text), Err(SeedProblem::Malformed { line: 3 }));
}
