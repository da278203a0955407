//! The proof: real load at a real broker, measured, judged against the declared targets.
//!
//! [`plan`] turns a service or a case of the model into what one run does. Load and workers are processes of their own
//! that speak [`protocol`]: one self-contained spec in, sample lines out. What they and the probe saw is merged into a
//! [`recording`]; [`verdict`] judges recordings and is pure.
//!
//! Needs the cargo feature `kafka`.

pub mod load;
pub mod outcome;
pub mod plan;
pub mod progress;
pub mod protocol;
pub mod recording;
pub mod report;
pub mod verdict;
pub mod worker;
