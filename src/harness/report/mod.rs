//! What people and machines see of a proof: pure functions from an [`Outcome`](super::outcome::Outcome) to text, HTML,
//! JSON and XML; [`files`] alone writes, and [`live`] alone draws while it runs.
//!
//! Everything that is printed of a trial comes from the same [`rows`] and [`Figures`], so that no two outputs can say
//! different things. Words that come from elsewhere (names, logs, a client's messages) are made fit for the place where they
//! go: [`visible`](crate::diagnostic::text::visible) on a terminal, escaped by the template in HTML, by the library in XML.

mod facts;
mod figures;
pub mod files;
mod grid;
pub mod html;
pub mod json;
pub mod junit;
pub mod live;
pub mod markdown;
mod rows;
mod said;
pub mod summary;
mod words;

pub use figures::Figures;
pub use rows::{Row, Value, predicted, rows};
