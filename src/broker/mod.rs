//! Brokers to prove consumers on: in a container, as a process, mocked in this one, or somebody's own cluster.
//!
//! A [`Broker`] that we started goes with its value, and with this process however it ends: nothing stays running and
//! nothing stays on disk. What is made on a cluster goes through a [`Lease`], which on a cluster that is not ours needs a
//! [`Permit`], keeps to its caps, and journals every name before it is used.
//!
//! Needs the cargo feature `kafka`; for clusters that speak TLS, `kafka-ssl`.

mod admin;
mod cancel;
mod choose;
mod clean;
mod connection;
mod docker;
mod engine;
mod error;
mod fetch;
mod guard;
mod heard;
mod jars;
mod java;
mod journal;
mod lease;
mod ledger;
mod local;
mod mock;
mod options;
mod permit;
mod ready;
mod remove;
mod running;
mod surroundings;
mod sweep;
mod topics;
mod usage;

pub use admin::Admin;
pub use cancel::Cancel;
pub use choose::{Kind, Survey};
pub use clean::{Cleaned, clean};
pub use connection::Connection;
pub use engine::{PUBLIC_IMAGE, STAND_IN_IMAGE, sweep_containers};
pub use error::BrokerError;
pub use fetch::{Progress, fetch_jars, tool};
pub use jars::{Jars, JarsFrom, KAFKA_VERSION, find_jars};
pub use java::{Java, NoJava, OLDEST_JAVA, find_java};
pub use journal::Run;
pub use lease::Lease;
pub use options::{Options, Storage};
pub use permit::{Caps, Permit, Refusal};
pub use remove::Leaving;
pub use running::{Broker, Halt, Wanted};
pub use surroundings::Surroundings;
pub use sweep::sweep_folders;
pub use topics::{TopicSpec, TopicState};
pub use usage::Usage;
