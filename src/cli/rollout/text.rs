//! Rollouts, for people.

use std::fmt::Write as _;

use crate::db::{Replica, Rollout, Standing};
use crate::diagnostic::text::one_line;

use super::super::compile::count;

/// A service's rollout: a line, and one for each replica.
pub(super) fn rollout_text(rollout: &Rollout) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<10}{}: {}",
        word(rollout.standing()),
        plain(&rollout.service),
        sentence(rollout)
    );
    let cells: Vec<[String; 4]> = rollout.replicas.iter().map(|replica| cells(rollout, replica)).collect();
    let width = |column: usize| {
        cells
            .iter()
            .map(|cells| cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for (cells, replica) in cells.iter().zip(&rollout.replicas) {
        let mut line = " ".repeat(10);
        for (cell, width) in cells.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        line.push_str(&said(replica));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Done => "done",
        Standing::Unknown => "unknown",
        Standing::Going => "going",
        Standing::Halted => "stopped",
        Standing::Refused => "refused",
    }
}

fn sentence(rollout: &Rollout) -> String {
    let version = rollout
        .version
        .map_or_else(String::new, |version| format!("version {version}, "));
    let (arrived, all) = (rollout.arrived(), rollout.replicas.len());
    let replicas = count(all, "replica");
    let mut out = match rollout.standing() {
        Standing::Unknown => format!("{version}no replica has reported within the hour"),
        Standing::Done => format!("{version}run by {replicas}"),
        Standing::Going | Standing::Halted | Standing::Refused => format!("{version}run by {arrived} of {replicas}"),
    };
    if let (Standing::Going, Some(turn)) = (rollout.standing(), &rollout.turn) {
        let _ = write!(out, "; {} has its turn to restart", plain(&turn.replica));
    }
    if let (Standing::Halted, Some(halt)) = (rollout.standing(), &rollout.halted) {
        let (by, at, why) = (plain(&halt.by), &halt.at, plain(&halt.why));
        let _ = write!(out, "; stopped by {by} at {at}: {why}");
    }
    out
}

fn cells(rollout: &Rollout, replica: &Replica) -> [String; 4] {
    let runs = match (replica.version, replica.generation) {
        (_, None) => "nothing yet".to_owned(),
        (Some(version), Some(generation)) if generation != rollout.generation && replica.version == rollout.version => {
            // The same version of the profile, before or after a person's change.
            format!("version {version}, before the last change")
        }
        (Some(version), Some(_)) => format!("version {version}"),
        (None, Some(generation)) if generation == rollout.generation => "the newest".to_owned(),
        (None, Some(_)) => "before the last change".to_owned(),
    };
    [
        plain(&replica.name),
        runs,
        plain(&replica.client),
        plain(&replica.state),
    ]
}

/// What else there is to know of a replica.
fn said(replica: &Replica) -> String {
    let silent = replica
        .is_silent()
        .then(|| format!("silent for {}", minutes(replica.silent_s)));
    let detail = replica.detail.as_deref().map(plain);
    [silent, detail].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn minutes(seconds: f64) -> String {
    format!("{:.0} min", (seconds / 60.0).floor().max(1.0))
}

/// Names and reasons come from a database: nothing in them acts on a terminal.
pub(super) fn plain(text: &str) -> String {
    one_line(text, usize::MAX)
}
