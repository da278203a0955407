//! This repository's own services, start to exit.

use std::path::Path;

use super::claims::Claims;
use super::measure::{Contestant, alternate, process};
use super::{Args, Outcome, lagproof, table};

pub fn run(args: &Args, claims: &mut Claims) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let services = std::fs::read_dir(root.join("profiles/services"))?.count();
    let verbs: [(&str, &[&str]); 3] = [
        ("--version", &["--version"]),
        ("check", &["check"]),
        ("compile --check", &["compile", "--check"]),
    ];
    let contestants = verbs
        .iter()
        .map(|(name, arguments)| {
            Contestant::new(*name, || {
                process(&lagproof(), arguments, root).map(|(sample, _)| sample)
            })
        })
        .collect();
    // They are short: more runs cost nothing.
    let results = alternate(args.runs * 3, contestants)?;
    table::print(&format!("The {services} services of this repository"), &results);
    for (name, samples) in &results[1..] {
        let what = format!("{name} of the {services} services, start to exit");
        claims.below(&what, 30.0, samples.time().as_secs_f64() * 1e3, " ms");
    }
    Ok(())
}
