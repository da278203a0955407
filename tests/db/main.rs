//! The schema in migrations/, on a real PostgreSQL that the tests start themselves. Run it with `just test-db`.

mod adoption;
mod adoption_refused;
mod alerts;
mod attacks;
#[cfg(feature = "kafka")]
#[path = "../support/broker.rs"]
mod broker;
mod database;
mod diff;
mod docs;
mod limits;
mod migrate;
mod monitor;
mod older;
mod overrides;
mod partitions;
#[cfg(feature = "kafka")]
mod partitions_applied;
mod privileges;
mod recording;
mod replaced;
mod replay;
mod requirements;
mod rollout;
mod runtime;
mod samples;
mod schema;
mod seeds;
mod server;
mod sums;
