//! The generated reference is fresh.

use std::path::Path;
use std::process::Command;

#[test]
fn the_reference_is_what_the_source_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_lagproof"))
        .current_dir(root)
        .args(["docs", "--check"])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
