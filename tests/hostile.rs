//! Whatever the files hold: no panic, every place lies in its file, every fix can be applied. `just fuzz` looks longer.

#[path = "support/hostile/mod.rs"]
mod hostile;

use hostile::{must_hold, mutate, template_bundle, unbundle};
use proptest::collection::vec;
use proptest::prelude::*;

/// What `choices` make of the templates: a choice a draw; where they run out, the first of everything.
fn mutated(changes: usize, choices: &[u32]) -> Vec<u8> {
    let mut choices = choices.iter();
    let mut draw = |below: usize| *choices.next().unwrap_or(&0) as usize % below;
    let mut bundle = template_bundle();
    for _ in 0..changes {
        mutate(&mut bundle, &mut draw);
    }
    bundle
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_project_with_odd_lines_and_values_is_read(changes in 1..12_usize, choices in vec(any::<u32>(), 60)) {
        let bundle = mutated(changes, &choices);
        must_hold(&unbundle(&bundle));
    }

    #[test]
    fn any_bytes_are_read(file in 0..hostile::TEMPLATES.len(), bytes in vec(any::<u8>(), 0..300)) {
        let mut files = unbundle(b"");
        files.insert(hostile::TEMPLATES[file].0.to_owned(), bytes);
        must_hold(&files);
    }
}

#[test]
fn a_bundle_is_what_it_names_over_the_templates() {
    let files = unbundle(b"version = 2\n# gone: lagproof.toml\n# file: profiles/services/b.toml\na = 1\n");
    assert_eq!(files["profiles/services/example.toml"], b"version = 2\n");
    assert_eq!(files["profiles/services/b.toml"], b"a = 1\n");
    assert!(!files.contains_key("lagproof.toml"));
    assert_eq!(
        unbundle(&template_bundle()),
        unbundle(b"# file: profiles/topics.toml\n")
            .into_iter()
            .chain([(
                "profiles/topics.toml".to_owned(),
                hostile::TEMPLATES[2].1.as_bytes().to_vec(),
            )])
            .collect()
    );
}
