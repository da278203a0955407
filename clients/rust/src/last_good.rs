//! The last good settings of a service, in a file, for a start while the database is down.
//!
//! It holds what `read_config_v1` answered and no secret. One file a service, in `$LAGPROOF_STATE_DIR`, else in
//! `lagproof/last-good` in the user's cache folder; the loaders of all languages share its form.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

const FORMAT: u64 = 1;

/// Where the files are.
pub fn folder() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("LAGPROOF_STATE_DIR").unwrap_or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        cache
            .unwrap_or_else(std::env::temp_dir)
            .join("lagproof")
            .join("last-good")
    })
}

/// A service's file; its name can't lead out of the folder.
pub fn file_of(service_name: &str, folder: &Path) -> PathBuf {
    let mut name = String::new();
    for byte in service_name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'~' => name.push(char::from(byte)),
            other => write!(name, "%{other:02X}").expect("a string takes it"),
        }
    }
    folder.join(name + ".json")
}

/// Writes it whole or not at all; only its owner may read it.
///
/// # Errors
/// What the system says where the folder can't be made or written to.
pub fn save(service_name: &str, row: Map<String, Json>, folder: &Path) -> io::Result<PathBuf> {
    let file = file_of(service_name, folder);
    make_private(folder)?;
    let mut document = json!({"format": FORMAT, "service_name": service_name});
    document.as_object_mut().expect("an object").extend(row);
    let mut temporary = tempfile::Builder::new().prefix(".last-good-").tempfile_in(folder)?;
    serde_json::to_writer_pretty(&mut temporary, &document)?;
    temporary.flush()?;
    temporary.as_file().sync_all()?;
    temporary.persist(&file).map_err(|error| error.error)?;
    Ok(file)
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// What [`save`] wrote; `None` where there is nothing, or nothing that can be used.
pub fn load(service_name: &str, folder: &Path) -> Option<Map<String, Json>> {
    let text = fs::read_to_string(file_of(service_name, folder)).ok()?;
    let Json::Object(row) = serde_json::from_str(&text).ok()? else {
        return None;
    };
    let is_its = row.get("format") == Some(&json!(FORMAT)) && row.get("service_name") == Some(&json!(service_name));
    is_its.then_some(row)
}
