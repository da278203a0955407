//! The proof: real load at a real broker, measured, judged against the declared targets.
//!
//! [`plan`] turns a service or a case of the model into what one run does. Load and workers are processes of their own
//! that speak [`protocol`]: one self-contained spec in, sample lines out. A [`launch`]er starts them, a [`probe`] looks at
//! the broker, and what all of them saw is [`merge`]d into a [`recording`]; [`verdict`] judges recordings and is pure. A
//! [`session`] does that for a whole plan, and [`report`] tells of the [`outcome`].
//!
//! Needs the cargo feature `kafka`.

pub mod evidence;
pub mod launch;
pub mod load;
pub mod merge;
pub mod outcome;
pub mod plan;
pub mod probe;
pub mod progress;
pub mod protocol;
pub mod recording;
pub mod report;
pub mod run;
pub mod search;
pub mod session;
pub mod verdict;
pub mod worker;
