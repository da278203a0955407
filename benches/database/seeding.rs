//! `lagproof migrate` from nothing and with nothing to do, beside a COPY of the same documents.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::claims::Claims;
use super::database::Database;
use super::projects::Shape;
use super::{Args, Outcome, head, line};

pub fn run(args: &Args, claims: &mut Claims) -> Outcome {
    head(&format!("Seeding {} services: lagproof migrate", args.seeds));
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    Shape::of(args.seeds).write(folder.path())?;
    lagproof(folder.path(), &["compile"], None)?;
    let documents = documents(folder.path())?;

    let (mut floors, mut first, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut database = Database::empty()?;
        database.run("CREATE TABLE bare (statement text)")?;
        let started = Instant::now();
        database.run(&documents)?;
        floors.push(started.elapsed());
        let mut database = Database::empty()?;
        first.push(lagproof(folder.path(), &["migrate"], Some(&database.url()))?);
        again.push(lagproof(folder.path(), &["migrate"], Some(&database.url()))?);
        let rows = database.rows("SELECT FROM pipeline_consumer_configs")?;
        if rows != args.seeds {
            return Err(format!("{rows} rows instead of {}", args.seeds).into());
        }
    }
    let floor = super::median(floors);
    let first = line("from nothing, the schema too", &first, Some(floor));
    let again = line("with nothing to do", &again, None);
    claims.below(
        &format!("seeding {} services from nothing", args.seeds),
        20.0,
        first.as_secs_f64(),
        "s",
    );
    claims.below(
        &format!("{} services with nothing to do", args.seeds),
        1.0,
        again.as_secs_f64(),
        "s",
    );
    Ok(())
}

/// The seeds' statements as rows of a table without an index: what the server needs for the bytes alone.
fn documents(root: &Path) -> Outcome<String> {
    let mut sql = String::new();
    for seed in std::fs::read_dir(root.join("generated/migrations"))? {
        for statement in std::fs::read_to_string(seed?.path())?.split(";\n") {
            sql.push_str("INSERT INTO bare VALUES ($bench$");
            sql.push_str(statement);
            sql.push_str("$bench$);\n");
        }
    }
    Ok(sql)
}

fn lagproof(root: &Path, arguments: &[&str], url: Option<&str>) -> Outcome<Duration> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagproof"));
    command.args(arguments).current_dir(root);
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let started = Instant::now();
    let output = command.output()?;
    let took = started.elapsed();
    if output.status.success() {
        return Ok(took);
    }
    Err(format!("lagproof {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
