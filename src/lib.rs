//! lagproof: declare how each Kafka consumer should run, compile it, prove it under real load.
//!
//! The compiler is one straight pipe: [`source`] reads files, [`declared`] is what a person wrote, [`resolve`] turns it
//! into the [`model`], [`rules`] judge it, [`emit`] writes it. A room uses rooms on lower floors only; the test
//! `tests/house.rs` holds that.

#[cfg(feature = "kafka")]
pub mod broker;
pub mod cli;
pub mod clients;
#[cfg(feature = "db")]
pub mod db;
pub mod declared;
pub mod diagnostic;
#[cfg(feature = "db")]
pub mod diff;
pub mod emit;
pub mod evidence;
#[cfg(feature = "kafka")]
pub mod harness;
pub mod history;
pub mod lag;
pub mod model;
pub mod project;
pub mod proofs;
pub mod resolve;
pub mod rules;
pub mod source;
pub mod units;
