//! Other tools on the same files. They do far less; it is what a team without this one would run.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::claims::Claims;
use super::measure::{Contestant, alternate, process};
use super::projects::Shape;
use super::{Args, Outcome, lagproof, scratch, table};

const CONFTEST_CLAIM: &str = "check of 10,000, faster than conftest with three rules";

/// A tool, and how it is given the profiles.
struct Peer {
    program: &'static str,
    arguments: fn(root: &Path, profiles: &[PathBuf]) -> Vec<OsString>,
    does: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer {
        program: "conftest",
        arguments: |_, _| {
            let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/policy");
            let mut arguments: Vec<OsString> = ["test", "--no-color", "--policy"].map(OsString::from).to_vec();
            arguments.extend([policy.into(), "profiles/services".into()]);
            arguments
        },
        does: "three rules in Rego",
    },
    Peer {
        program: "taplo",
        arguments: |_, profiles| [vec!["lint".into()], names(profiles)].concat(),
        does: "syntax",
    },
    Peer {
        program: "check-jsonschema",
        arguments: |_, profiles| {
            let schema = ["--schemafile", "service.schema.json"].map(OsString::from);
            [schema.to_vec(), names(profiles)].concat()
        },
        does: "the generated schema",
    },
];

fn names(profiles: &[PathBuf]) -> Vec<OsString> {
    profiles.iter().map(|path| path.clone().into_os_string()).collect()
}

pub fn run(args: &Args, claims: &mut Claims) -> Outcome {
    let services = args.sizes.iter().copied().max().unwrap_or(10);
    let folder = scratch()?;
    let root = folder.path();
    Shape::of(services).write(root)?;
    let (_, schema) = process(&lagproof(), &["schema", "service"], root)?;
    fs::write(root.join("service.schema.json"), schema)?;
    let mut profiles: Vec<PathBuf> = (0..services)
        .map(|number| format!("profiles/services/{}.toml", Shape::of(services).service_name(number)).into())
        .collect();
    profiles.sort();
    let mut contestants = vec![Contestant::new("lagproof check: everything", || {
        process(&lagproof(), &["check"], root).map(|(sample, _)| sample)
    })];
    for peer in &PEERS {
        let Some(program) = find(peer.program) else {
            println!(
                "\n{} is not installed: not measured. `just peers` brings it",
                peer.program
            );
            continue;
        };
        let arguments = (peer.arguments)(root, &profiles);
        contestants.push(Contestant::new(format!("{}: {}", peer.program, peer.does), move || {
            process(&program, &arguments, root).map(|(sample, _)| sample)
        }));
    }
    let results = alternate(args.peer_runs, contestants)?;
    table::print(&format!("Other tools on the same {services} profiles"), &results);
    match results.iter().find(|(name, _)| name.starts_with("conftest")) {
        Some((_, conftest)) if services == 10_000 => {
            claims.at_least(CONFTEST_CLAIM, 10.0, conftest.over(&results[0].1), " ×");
        }
        Some(_) => claims.not_judged(CONFTEST_CLAIM, "other size"),
        None => claims.not_judged(CONFTEST_CLAIM, "no conftest"),
    }
    Ok(())
}

/// Where a tool is: brought by `just peers`, or on the path.
fn find(program: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".dev");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [own.join("bin"), own.join("peers/bin")]
        .into_iter()
        .chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
