//! Load and workers as processes, on a real broker: what one sends and what the other says became of it.

#[path = "../support/broker.rs"]
#[allow(dead_code, reason = "this crate starts a broker of its own")]
mod broker;

mod account;
mod faults;
mod handlers;
mod lifecycle;
mod python;

mod support;
