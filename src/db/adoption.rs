//! What was found when an older installation was taken over (`lagproof.adoption_findings`).

use std::fmt;

use sqlx::{Executor, PgConnection, Row};

/// The most that are read at once; whoever wants all of them asks the table.
const MOST: i64 = 50;

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table, view or function.
    pub object: String,
    /// Which row; nothing where it is about the whole object.
    pub row: Option<String>,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// The rule's code, if it has one.
    pub rule: Option<String>,
    /// What is the matter, and what became of it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.object.clone();
        for part in [&self.row, &self.column].into_iter().flatten() {
            line = format!("{line} {part}");
        }
        if let Some(rule) = &self.rule {
            line = format!("{line}: {rule}");
        }
        line = format!("{line}: {}", self.problem);
        // What stood in somebody's table stays on its line, and moves no cursor.
        line.chars().try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_debug()),
            c => write!(f, "{c}"),
        })
    }
}

/// Findings above the id `after`: the first of them, how many more there are, and the highest id.
pub(super) async fn read(connection: &mut PgConnection, after: i64) -> Result<(Vec<Finding>, u64, i64), sqlx::Error> {
    let there = connection
        .fetch_one("SELECT to_regclass('lagproof.adoption_findings') IS NOT NULL")
        .await?;
    if !there.get::<bool, _>(0) {
        return Ok((Vec::new(), 0, after));
    }
    let rows = sqlx::query(
        "SELECT table_name, row_key, column_name, rule, problem, count(*) OVER () AS number, max(id) OVER () AS last \
         FROM lagproof.adoption_findings WHERE id > $1 ORDER BY id LIMIT $2",
    )
    .bind(after)
    .bind(MOST)
    .fetch_all(connection)
    .await?;
    let number = rows.first().map_or(0, |row| row.get::<i64, _>("number"));
    let last = rows.first().map_or(after, |row| row.get("last"));
    let findings: Vec<Finding> = rows
        .iter()
        .map(|row| Finding {
            object: row.get("table_name"),
            row: row.get("row_key"),
            column: row.get("column_name"),
            rule: row.get("rule"),
            problem: row.get("problem"),
        })
        .collect();
    let more = u64::try_from(number).unwrap_or(0).saturating_sub(findings.len() as u64);
    Ok((findings, more, last))
}
