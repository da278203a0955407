//! The benchmark's made-up projects: always the same, of the size that they claim, and clean.

#[path = "../benches/projects/mod.rs"]
mod projects;

use std::collections::BTreeMap;

use jiff::civil::date;
use lagproof::diagnostic::{ReportContext, render};
use lagproof::project::Project;
use lagproof::source::Tree;
use projects::Shape;

fn load(shape: Shape) -> Project {
    let files = shape.files().map(|(path, text)| (path, text.into_bytes())).collect();
    Project::read(&Tree::Memory(files), &date(2026, 1, 1)).expect("lagproof.toml is there")
}

#[test]
fn made_up_projects_are_clean() {
    for shape in [
        Shape::of(1),
        Shape::of(10),
        Shape {
            services: 1_000,
            seed: 1,
        },
    ] {
        let project = load(shape);
        let context = ReportContext::new(&[], &project.services, "");
        let report = render(&project.findings, &project.sources, &context, Default::default());
        assert!(project.findings.is_empty(), "{report}");
        assert_eq!(project.services.len(), shape.services);
    }
}

#[test]
fn a_service_depends_on_the_seed_and_its_number_alone() {
    let profiles = |shape: Shape| -> BTreeMap<String, String> {
        let services = shape.files().filter(|(path, _)| path.contains("/services/"));
        services.collect()
    };
    let (few, many) = (profiles(Shape::of(60)), profiles(Shape::of(600)));
    assert!(few.iter().all(|(path, text)| many.get(path) == Some(text)));
    assert_eq!(few, profiles(Shape::of(60)));
    assert_ne!(few, profiles(Shape { services: 60, seed: 8 }));
}

#[test]
fn profiles_are_as_long_as_people_write_them_and_use_everything() {
    let services = 600;
    let all: Vec<String> = Shape::of(services).files().skip(3).map(|(_, text)| text).collect();
    let mean = all.iter().map(String::len).sum::<usize>() / services;
    assert!((600..=680).contains(&mean), "{mean} bytes");
    let words = [
        "\"librdkafka\"",
        "\"java\"",
        "\"aiokafka\"",
        "\"kafkajs\"",
        "\"confluent-javascript\"",
        "\"vision-ai\"",
        "\"database-writer\"",
        "[[deviation]]",
        "[raw.",
        "[memory]",
        "[processing]",
        "[delivery]",
        "[baseline]",
    ];
    for word in words {
        assert!(all.iter().any(|text| text.contains(word)), "no profile has {word}");
    }
}
