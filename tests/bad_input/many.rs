//! Thousands of findings: counted, cut, and the exit status right.

use super::check_with;
use super::support::{EXAMPLE, TestProject};

fn thousands() -> TestProject {
    let project = TestProject::new();
    let text = project.read(EXAMPLE).replace("\"worker\"", "\"wroker\"");
    for number in 0..2_000 {
        let text = text.replace("\"example\"", &format!("\"group-{number}\""));
        project.write(&format!("profiles/services/s{number}.toml"), text);
    }
    project
}

#[test]
fn are_counted_and_cut() {
    let project = thousands();
    let ran = check_with(&project, &[]);
    assert_eq!(ran.status, Some(1));
    let shown = ran.out.matches("error[M101]").count();
    assert!((1..=200).contains(&shown), "{shown} are shown");
    assert!(ran.out.contains("2,000  M101"), "{}", &ran.out[ran.out.len() - 400..]);
    assert!(
        ran.out.contains("error: 2,000 errors"),
        "{}",
        &ran.out[ran.out.len() - 400..]
    );
    assert!(ran.out.contains("--max-findings"), "how to see the rest is not said");
    let ran = check_with(&project, &["--max-findings", "5000"]);
    assert_eq!(ran.out.matches("error[M101]").count(), 2_000);
    let ran = check_with(&project, &["--max-findings", "0"]);
    assert_eq!(
        (ran.status, ran.out.matches("error[M101]").count()),
        (Some(1), 0),
        "cutting changes no verdict"
    );
}

#[test]
fn in_one_file() {
    let project = TestProject::new();
    let keys: String = (0..5_000).map(|number| format!("key{number} = 1\n")).collect();
    project.write(EXAMPLE, keys + &project.read(EXAMPLE));
    let ran = check_with(&project, &[]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.out.contains("5,000  S103"), "{}", &ran.out[ran.out.len() - 400..]);
}
