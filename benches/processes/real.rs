//! This repository's own services, start to exit, in a copy that was compiled.

use std::fs;
use std::path::Path;

use super::claims::Claims;
use super::measure::{Contestant, alternate, process};
use super::{Args, Outcome, lagproof, scratch, table};

pub fn run(args: &Args, claims: &mut Claims) -> Outcome {
    let folder = scratch()?;
    let root = folder.path();
    copy_project(Path::new(env!("CARGO_MANIFEST_DIR")), root)?;
    process(&lagproof(), &["compile"], root)?;
    let services = fs::read_dir(root.join("profiles/services"))?.count();
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

fn copy_project(from: &Path, to: &Path) -> Outcome {
    fs::copy(from.join("lagproof.toml"), to.join("lagproof.toml"))?;
    for folder in ["profiles", "profiles/services", "profiles/cases"] {
        fs::create_dir_all(to.join(folder))?;
        for entry in fs::read_dir(from.join(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(folder).join(entry.file_name()))?;
            }
        }
    }
    Ok(())
}
