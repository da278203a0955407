//! Durations, sizes and rates as people write them: a number and a unit, in a string.
//!
//! Parsers take text and give a plain [`UnitError`]; rooms above turn it into a finding with a place.

mod duration;
mod number;
mod rate;
mod size;

pub use duration::{format_duration, parse_duration};
pub use number::{UnitError, shown};
pub use rate::{Rate, parse_rate};
pub use size::{Size, parse_size};
