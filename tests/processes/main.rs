//! Load and workers as processes, on a real broker: what one sends and what the other says became of it.

#[path = "../support/broker.rs"]
mod broker;

mod account;
mod faults;
mod handlers;
mod lifecycle;
mod python;

mod support;
