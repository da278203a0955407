//! The database that verbs work on.

use super::output::{Exit, fail};

/// DATABASE_URL.
pub(super) fn database_url() -> Result<String, Exit> {
    let set = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    set.ok_or_else(|| {
        fail(
            "no database: DATABASE_URL is not set",
            "set it to postgres://user:password@host:5432/database",
        )
    })
}
