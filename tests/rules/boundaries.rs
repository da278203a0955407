//! Help for boundary tests: a profile changed in one place, and whether a code is found.

use super::support::TestProject;

/// Whether the code is found in the template's project with these parts merged into it, one after the other.
pub fn found(code: &str, parts: &[&str]) -> bool {
    let project = TestProject::new();
    for part in parts {
        project.merge(part);
    }
    !project.found(code).is_empty()
}

/// Asserts that of three values of a setting, in milliseconds, those are found that should be.
///
/// # Panics
/// Where they are not, naming the value.
pub fn durations(code: &str, before: &str, setting: &str, expected: [(u64, bool); 3]) {
    for (millis, wanted) in expected {
        let part = format!("[consumer]\n{setting} = \"{millis}ms\"\n");
        assert_eq!(found(code, &[before, &part]), wanted, "{code}: {setting} = {millis}ms");
    }
}

/// The same in bytes.
///
/// # Panics
/// Where they are not, naming the value.
pub fn sizes(code: &str, before: &str, setting: &str, expected: [(u64, bool); 3]) {
    for (bytes, wanted) in expected {
        let part = format!("[consumer]\n{setting} = \"{bytes}B\"\n");
        assert_eq!(found(code, &[before, &part]), wanted, "{code}: {setting} = {bytes}B");
    }
}
