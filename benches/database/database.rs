//! Databases of the server that the benchmark starts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor, PgConnection};
use tokio::runtime::Runtime;

use super::Outcome;
use super::server::{prefix, server};

/// What the server is started with, beside its defaults: nothing.
pub const SETTINGS: &str = "";

/// What drives connections.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// A database of its own.
pub struct Database {
    name: String,
    connection: PgConnection,
}

impl Database {
    /// An empty one.
    pub fn empty() -> Outcome<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}{}", prefix(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let server = server();
        runtime().block_on(async {
            let options = server.options(&server.maintenance_database());
            let mut other = PgConnection::connect_with(&options).await?;
            other
                .execute(format!("CREATE DATABASE {name} TEMPLATE template0").as_str())
                .await?;
            let connection = PgConnection::connect_with(&server.options(&name)).await?;
            Ok(Self { name, connection })
        })
    }

    /// How programs reach it.
    pub fn url(&self) -> String {
        server().url(&self.name)
    }

    /// Runs statements.
    pub fn run(&mut self, sql: &str) -> Outcome {
        runtime().block_on(self.connection.execute(sqlx::raw_sql(sql)))?;
        Ok(())
    }

    /// Runs a query and takes all its rows in.
    pub fn rows(&mut self, sql: &str) -> Outcome<usize> {
        Ok(runtime().block_on(self.connection.fetch_all(sqlx::raw_sql(sql)))?.len())
    }

    /// Runs a statement with one text.
    pub fn run_with(&mut self, sql: &str, text: &str) -> Outcome {
        runtime().block_on(sqlx::query(sql).bind(text).execute(&mut self.connection))?;
        Ok(())
    }
}
