//! Why the database is not as the files say, and what to do.

use std::fmt;

use sqlx::postgres::PgDatabaseError;

/// Why `migrate` stopped. The database is then as it was, but for migrations that were reported as applied.
#[derive(Debug)]
pub enum MigrateError {
    /// DATABASE_URL is not a URL of PostgreSQL. Its text is not kept: it may hold a password.
    BadUrl,
    /// The server can't be reached, or does not let us in.
    Connect {
        /// The server, without a password.
        server: String,
        /// What was said.
        why: String,
        /// What to do.
        help: String,
    },
    /// The server is too old.
    TooOld {
        /// Its version.
        version: String,
    },
    /// A seed can't be read, or is not as lagproof wrote it.
    Seed {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database has migrations that the files do not.
    Ahead {
        /// Their names.
        names: Vec<String>,
    },
    /// A file is not what was applied under its name.
    Edited {
        /// Its name.
        name: String,
    },
    /// The database serves another environment than was said.
    OtherEnvironment {
        /// The one that it serves.
        serves: String,
        /// The one that was said.
        said: String,
    },
    /// The server refused a migration.
    Refused {
        /// Its name.
        name: String,
        /// The server's words.
        refusal: Refusal,
    },
    /// `lagproof migrate` has never run there.
    NoSchema,
    /// The connection was lost, or the server said something unexpected.
    Lost {
        /// What was said.
        why: String,
    },
}

/// The server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE.
    pub code: String,
    /// What.
    pub message: String,
    /// More of it, line by line.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl MigrateError {
    /// What `error` means while the migration of that name runs.
    pub(super) fn during(name: &str, error: &sqlx::Error) -> Self {
        let refusal = error.as_database_error().and_then(|error| {
            let error = error.try_downcast_ref::<PgDatabaseError>()?;
            Some(Refusal {
                code: error.code().to_owned(),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                hint: error.hint().map(str::to_owned),
            })
        });
        match refusal {
            Some(refusal) => Self::Refused {
                name: name.to_owned(),
                refusal,
            },
            None => Self::Lost { why: error.to_string() },
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::BadUrl => "write it as postgres://user:password@host:5432/database".to_owned(),
            Self::Connect { help, .. } => help.clone(),
            Self::TooOld { .. } => "use PostgreSQL 15 or later".to_owned(),
            Self::Seed { path, .. } => format!("bring it back as it was: git checkout -- {path}"),
            Self::Ahead { .. } => "bring this checkout up to date: whoever applied them had newer files; or, where seeds were rewritten on purpose \
                 and no environment is production, say --environment NAME --allow-replaced"
                .to_owned(),
            Self::Edited { name } => format!(
                "bring {name} back as it was applied; a change needs a migration of its own (`lagproof compile` writes one)"
            ),
            Self::OtherEnvironment { serves, .. } => {
                format!("check DATABASE_URL, or say --environment {serves}")
            }
            Self::Refused { refusal, .. } if refusal.code == "42501" => {
                "run it as the database's owner, or as a login that was granted lagproof_migrator".to_owned()
            }
            Self::Refused { refusal, .. } => refusal
                .hint
                .clone()
                .unwrap_or_else(|| "the database is as it was before this migration".to_owned()),
            Self::NoSchema => "run `lagproof migrate` first".to_owned(),
            Self::Lost { .. } => "run it again: what was applied is not applied twice".to_owned(),
        }
    }

    /// Whether the files and the database disagree, rather than something being out of reach.
    #[must_use]
    pub const fn is_disagreement(&self) -> bool {
        matches!(
            self,
            Self::Seed { .. }
                | Self::Ahead { .. }
                | Self::Edited { .. }
                | Self::OtherEnvironment { .. }
                | Self::Refused { .. }
        )
    }
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl => f.write_str("DATABASE_URL is not the URL of a PostgreSQL database"),
            Self::Connect { server, why, .. } => write!(f, "{server}: {why}"),
            Self::TooOld { version } => write!(f, "PostgreSQL {version} is too old"),
            Self::Seed { path, why } => write!(f, "{path}: {why}"),
            Self::Ahead { names } => {
                write!(
                    f,
                    "the database is ahead: it has {}, which is not here",
                    names.join(", ")
                )
            }
            Self::Edited { name } => write!(f, "{name} was changed after it was applied"),
            Self::OtherEnvironment { serves, said } => {
                write!(f, "this database serves the environment `{serves}`, not `{said}`")
            }
            Self::Refused { name, refusal } => {
                write!(f, "{name}: {}", refusal.message)?;
                for line in refusal.detail.iter().flat_map(|detail| detail.lines()) {
                    write!(f, "\n  {line}")?;
                }
                Ok(())
            }
            Self::NoSchema => f.write_str("the database has no lagproof schema"),
            Self::Lost { why } => write!(f, "the database was lost: {why}"),
        }
    }
}

impl std::error::Error for MigrateError {}
