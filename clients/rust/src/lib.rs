#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod changes;
mod error;
pub mod last_good;
pub mod lowering;
mod reader;
pub mod security;
pub mod settings;

pub use changes::Apply;
pub use error::{BoxError, DownstreamUnavailable, Error, HandlerPanic, HandlerTimeout};
pub use settings::{Config, Settings};
