//! The load process: an open loop of records.
//!
//! When a record is due follows from the spec alone ([`Schedule`]); the loop sleeps until then, and hands over what is due
//! whatever became of the records before. Where the client's queue is full a record counts as late until it is taken, and
//! so do those behind it: load that a system can't take shows as lateness and lag, never as a smaller load.

mod account;
mod keys;
mod process;
mod records;
mod schedule;

pub use keys::partition_of;
pub use process::run;
pub use schedule::{Schedule, share};
