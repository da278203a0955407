//! The database: what has been applied to it, and applying the rest.
//!
//! Each migration runs in a transaction of its own, together with its line in the ledger (`lagproof.ledger`): a run that
//! is killed leaves whole migrations or nothing of one. A lock that the server holds for the connection lets one run
//! work at a time, and falls with it.

mod adoption;
mod connect;
mod deployed;
mod environment;
mod error;
mod files;
mod ledger;
mod migrate;
mod rollout;

pub use adoption::Finding;
pub use deployed::{
    Deployed, DeployedBase, DeployedLife, DeployedService, DeployedTopic, Override, OverrideStanding, drop_overrides,
    read_deployed,
};
pub use error::MigrateError;
pub use files::{Kind, Migration, Migrations, SCHEMA, read_migrations};
pub use ledger::Applied;
pub use migrate::{Mode, Options, Progress, Report, Rewritten, migrate};
pub use rollout::{Halt, Replica, Rollout, Standing, Turn, halt_rollout, read_rollouts, resume_rollout};
