//! What differs between the profiles and what is deployed in a database. Pure: both are passed in.

mod database;
mod text;

pub use database::{Change, Difference, OverrideHere, differences};
pub use text::difference_text;
