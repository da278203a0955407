//! Made-up projects: check and compile, with nothing generated yet and with nothing to do.

use std::fs;
use std::path::Path;

use super::claims::Claims;
use super::floor::Floor;
use super::measure::{Contestant, Sample, Samples, alternate, process};
use super::projects::Shape;
use super::{Args, Outcome, lagproof, scratch, table};

/// What `check` reads of a project that was compiled.
const READ: [&str; 4] = ["lagproof.toml", "profiles", "profiles/services", SEEDS];
const SEEDS: &str = "generated/migrations";

/// What a size took.
struct Size {
    services: usize,
    check: Samples,
}

impl Size {
    /// Seconds a service.
    fn cost(&self) -> f64 {
        self.check.time().as_secs_f64() / self.services as f64
    }
}

pub fn run(args: &Args, claims: &mut Claims) -> Outcome {
    let mut sizes = Vec::new();
    for services in &args.sizes {
        sizes.push(one_size(args, *services, claims)?);
    }
    println!("\nCost of check a service, nothing changed");
    for size in &sizes {
        println!("  {:>6} services {:>9.2} µs", size.services, size.cost() * 1e6);
    }
    let of = |services: usize| sizes.iter().find(|size| size.services == services);
    if let (Some(some), Some(many)) = (of(1_000), of(10_000)) {
        let what = "check, cost a service: 10,000 over 1,000";
        claims.at_most(what, 1.2, many.cost() / some.cost(), " ×");
    }
    Ok(())
}

fn one_size(args: &Args, services: usize, claims: &mut Claims) -> Outcome<Size> {
    let folder = scratch()?;
    let root = folder.path();
    let written = Shape::of(services).write(root)?;
    println!(
        "\n{services} services: {} files of {:.2} MB",
        written.files,
        written.bytes as f64 / 1e6
    );
    cold(args, root)?;
    process(&lagproof(), &["compile"], root)?;
    let (files, bytes) = count(&root.join("generated"))?;
    println!("\ncompiled: {files} files of {:.2} MB", bytes as f64 / 1e6);
    unchanged(args, services, root, claims)
}

/// Nothing was generated yet; so it is before every run of compile.
fn cold(args: &Args, root: &Path) -> Outcome {
    let results = alternate(
        args.runs,
        vec![
            read_floor("reading the same bytes, all cores", cores(), root, &READ[..3]),
            read_floor("reading the same bytes, one thread", 1, root, &READ[..3]),
            verb("check", root, &["check"]),
            Contestant::new("compile", || {
                let generated = root.join("generated");
                if generated.exists() {
                    fs::remove_dir_all(generated)?;
                }
                run_verb(root, &["compile"])
            }),
            // After a compile: what it wrote is there.
            Contestant::new("writing what compile writes, all cores", || {
                Floor::Write.measure(cores(), root, &generated_folders(root)?)
            }),
            Contestant::new("clearing it away again", || {
                fs::remove_dir_all(root.join("generated"))?;
                Floor::Read.measure(cores(), root, &READ[..3])
            }),
        ],
    )?;
    table::print("Nothing generated yet", &results[..5]);
    Ok(())
}

/// Nothing has changed since the last compile.
fn unchanged(args: &Args, services: usize, root: &Path, claims: &mut Claims) -> Outcome<Size> {
    let generated = generated_folders(root)?;
    let mut all = READ[..3].to_vec();
    all.extend(generated);
    let results = alternate(
        args.runs,
        vec![
            read_floor("reading the same bytes, all cores", cores(), root, &READ),
            read_floor("reading the same bytes, one thread", 1, root, &READ),
            read_floor("reading these and all generated, all cores", cores(), root, &all),
            Contestant::new("reading and parsing with crate toml, all cores", || {
                Floor::Parse.measure(cores(), root, &READ)
            }),
            verb("check", root, &["check"]),
            verb("compile, nothing to do", root, &["compile"]),
            verb("compile --check", root, &["compile", "--check"]),
        ],
    )?;
    table::print("Nothing changed", &results);
    let [floor, _, _, _, check, compile, _] = &results[..] else {
        unreachable!("as many as were started");
    };
    if services == 10_000 {
        let (floor, check, compile) = (&floor.1, &check.1, &compile.1);
        claims.at_most(
            "check of 10,000, over reading the same bytes",
            3.0,
            check.over(floor),
            " ×",
        );
        claims.below("check of 10,000, memory", 200.0, check.peak() as f64 / 1e6, " MB");
        claims.below("compile of 10,000, memory", 200.0, compile.peak() as f64 / 1e6, " MB");
        claims.at_most(
            "compile of 10,000 with nothing to do, over check",
            2.0,
            compile.over(check),
            " ×",
        );
    }
    Ok(Size {
        services,
        check: check.1.clone(),
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn read_floor<'a>(name: &str, threads: usize, root: &'a Path, folders: &[&'a str]) -> Contestant<'a> {
    let folders = folders.to_vec();
    Contestant::new(name, move || Floor::Read.measure(threads, root, &folders))
}

fn verb<'a>(name: &str, root: &'a Path, arguments: &'static [&'static str]) -> Contestant<'a> {
    Contestant::new(name, move || run_verb(root, arguments))
}

fn run_verb(root: &Path, arguments: &[&str]) -> Outcome<Sample> {
    process(&lagproof(), arguments, root).map(|(sample, _)| sample)
}

/// The folders below generated/ that hold files.
fn generated_folders(root: &Path) -> Outcome<Vec<&'static str>> {
    let known = [SEEDS, "generated/properties", "generated/topics", "generated/schema"];
    for entry in fs::read_dir(root.join("generated"))? {
        let name = format!("generated/{}", entry?.file_name().display());
        if !name.starts_with("generated/.") && !known.contains(&name.as_str()) {
            return Err(format!("compile writes {name}, which the benchmark does not know").into());
        }
    }
    Ok(known.into_iter().filter(|folder| root.join(folder).is_dir()).collect())
}

fn count(folder: &Path) -> Outcome<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (more_files, more_bytes) = count(&entry.path())?;
            (files, bytes) = (files + more_files, bytes + more_bytes);
        } else {
            (files, bytes) = (files + 1, bytes + entry.metadata()?.len());
        }
    }
    Ok((files, bytes))
}
