//! The rules: their exact messages, their fixes, their boundaries, and what no profile may make them do.

#[path = "../support/mod.rs"]
mod support;

mod boundaries;
mod delivery;
mod fetch;
mod fixes;
mod messages;
mod network;
mod properties;
mod relations;
mod timeouts;
