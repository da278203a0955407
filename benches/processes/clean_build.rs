//! How long the compiler alone takes to build from nothing, crates already downloaded.

use std::path::{Path, PathBuf};

use super::claims::Claims;
use super::measure::process;
use super::{Outcome, scratch, table};

pub fn run(claims: &mut Claims) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = PathBuf::from(env!("CARGO"));
    process(&cargo, &["fetch", "--locked"], root)?;
    for (name, flags) in [("debug", &[][..]), ("release", &["--release"][..])] {
        let target = scratch()?;
        let target_flag = target.path().join("target");
        let target_flag = target_flag.to_str().ok_or("target/ is not UTF-8")?;
        let mut arguments = vec![
            "build",
            "--locked",
            "--offline",
            "--no-default-features",
            "--target-dir",
            target_flag,
        ];
        arguments.extend(flags);
        let (sample, _) = process(&cargo, &arguments, root)?;
        println!(
            "\nClean build without features, {name}: {}",
            table::milliseconds(sample.time)
        );
        let what = format!("build of the compiler alone from nothing, {name}");
        claims.below(&what, 60.0, sample.time.as_secs_f64(), " s");
    }
    Ok(())
}
