//! A database a test, made from a migrated one.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use serde_json::Value as Json;
use sqlx::postgres::{PgDatabaseError, PgRow};
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::runtime::Runtime;

use super::server::{prefix, server};

/// What the server is started with: a database that goes with the test need not survive a power cut.
pub const SETTINGS: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off";

/// The migrations, in their order.
pub fn migrations() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the migrations")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// What drives connections; one for all tests.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// A connection.
pub struct Session(PgConnection);

/// What the server said no with.
#[derive(Debug)]
pub struct Refusal {
    /// The SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// The detail.
    pub detail: String,
    /// The hint.
    pub hint: String,
    /// The constraint.
    pub constraint: String,
}

impl Session {
    fn open(database: &str) -> Self {
        Self(
            runtime()
                .block_on(PgConnection::connect_with(&server().options(database)))
                .expect("a connection"),
        )
    }

    /// Runs statements.
    pub fn try_run(&mut self, sql: &str) -> Result<(), Refusal> {
        match runtime().block_on(self.0.execute(sqlx::raw_sql(sql))) {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) => {
                let error = error.downcast_ref::<PgDatabaseError>();
                Err(Refusal {
                    code: error.code().to_owned(),
                    message: error.message().to_owned(),
                    detail: error.detail().unwrap_or_default().to_owned(),
                    hint: error.hint().unwrap_or_default().to_owned(),
                    constraint: error.constraint().unwrap_or_default().to_owned(),
                })
            }
            Err(other) => panic!("{other}\n{sql}"),
        }
    }

    /// Runs statements that must succeed.
    pub fn run(&mut self, sql: &str) {
        if let Err(refusal) = self.try_run(sql) {
            panic!("{refusal:#?}\n{sql}");
        }
    }

    /// Runs statements that must be refused.
    pub fn refused(&mut self, sql: &str) -> Refusal {
        self.try_run(sql).expect_err(sql)
    }

    /// A query's rows, each as an object, `$1…` bound to texts.
    pub fn rows_with(&mut self, sql: &str, binds: &[&str]) -> Vec<Json> {
        let wrapped = if sql.starts_with("SELECT to_jsonb") {
            sql.to_owned()
        } else {
            format!("SELECT to_jsonb(one) FROM ({sql}) AS one")
        };
        let mut query = sqlx::query(&wrapped);
        for bind in binds {
            query = query.bind(*bind);
        }
        let rows: Vec<PgRow> = runtime()
            .block_on(query.fetch_all(&mut self.0))
            .unwrap_or_else(|error| panic!("{error}\n{sql}"));
        rows.iter().map(|row| row.get::<Json, _>(0)).collect()
    }

    /// A query's rows, each as an object.
    pub fn rows(&mut self, sql: &str) -> Vec<Json> {
        self.rows_with(sql, &[])
    }

    /// The one value of a query.
    pub fn value(&mut self, sql: &str) -> Json {
        self.value_with(sql, &[])
    }

    /// The one value of a query, `$1…` bound to texts.
    pub fn value_with(&mut self, sql: &str, binds: &[&str]) -> Json {
        let wrapped = format!("SELECT to_jsonb(one.it) FROM ({sql}) AS one (it)");
        let mut query = sqlx::query(&wrapped);
        for bind in binds {
            query = query.bind(*bind);
        }
        let row: PgRow = runtime()
            .block_on(query.fetch_one(&mut self.0))
            .unwrap_or_else(|error| panic!("{error}\n{sql}"));
        row.get::<Option<Json>, _>(0).unwrap_or(Json::Null)
    }
}

/// A test's own database.
pub struct Database {
    name: String,
    /// As its owner, a superuser.
    pub owner: Session,
}

impl Database {
    /// An empty one.
    pub fn empty() -> Self {
        Self::made_from("template0")
    }

    /// One with all migrations applied.
    pub fn migrated() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        Self::made_from(TEMPLATE.get_or_init(|| {
            let template = Self::empty();
            for file in migrations() {
                template.must_psql(&["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file.to_str().expect("UTF-8")]);
            }
            // A template must have nobody connected to it.
            runtime()
                .block_on(template.owner.0.close())
                .expect("the connection closes");
            template.name
        }))
    }

    fn made_from(template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let name = format!("{}{}", prefix(), NUMBER.fetch_add(1, Ordering::Relaxed));
        {
            let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Session::open(&server().maintenance_database()).run(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        }
        Self {
            owner: Session::open(&name),
            name,
        }
    }

    /// Another connection of the owner's.
    pub fn session(&self) -> Session {
        Session::open(&self.name)
    }

    /// Another connection, as someone who was granted `role`.
    pub fn login(&mut self, login: &str, role: &str) -> Session {
        let login = format!("{}_{login}", self.name);
        self.owner.run(&format!("CREATE ROLE {login} LOGIN IN ROLE {role}"));
        let mut session = Session::open(&self.name);
        session.run(&format!("SET SESSION AUTHORIZATION {login}"));
        session
    }

    /// How programs reach it as somebody else.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        server().url_as(&self.name, user, password)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How programs reach it.
    pub fn url(&self) -> String {
        server().url(&self.name)
    }

    /// Runs psql.
    pub fn psql(&self, arguments: &[&str]) -> Output {
        Command::new("psql")
            .args(["-X", "-d", &self.url()])
            .args(arguments)
            .env("PGOPTIONS", "-c client_min_messages=warning")
            .output()
            .expect("psql starts")
    }

    /// Runs psql, which must succeed; what it printed.
    pub fn must_psql(&self, arguments: &[&str]) -> String {
        let output = self.psql(arguments);
        assert!(
            output.status.success(),
            "psql {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}
