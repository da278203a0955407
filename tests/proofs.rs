//! The proofs and the cost of a record, against measurements, simulation and properties that must hold.

#[path = "proofs/capacity.rs"]
mod capacity;
#[path = "proofs/cost.rs"]
mod cost;
#[path = "proofs/facts.rs"]
mod facts;
#[path = "proofs/fleet.rs"]
mod fleet;
#[path = "proofs/lag_floor.rs"]
mod lag_floor;
#[path = "proofs/memory.rs"]
mod memory;
#[path = "proofs/poll_budget.rs"]
mod poll_budget;
#[path = "proofs/printed.rs"]
mod printed;
#[path = "proofs/properties.rs"]
mod properties;
#[path = "proofs/text.rs"]
mod text;
