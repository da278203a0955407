//! Our worker: a consumer on librdkafka that does what a service with the same settings would.
//!
//! It has exactly the compiled properties, takes at most `max_poll_records` at once, spends what records cost, holds the
//! memory that handlers hold, commits as declared, and writes down what became of every record. Everything else is the
//! client's doing and is measured, not imitated.

mod books;
mod client;
mod content;
mod cost;
mod engine;
mod handler;
mod ledger;
mod pace;
mod pool;
mod process;

pub use process::run;
