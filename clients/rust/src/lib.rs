#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod base;
pub mod changes;
mod error;
mod instance;
mod kafka;
pub mod last_good;
mod leaving;
mod listening;
mod loader;
pub mod lowering;
mod metrics;
mod reader;
mod records;
pub mod security;
mod served;
pub mod settings;
mod source;
mod task;
mod watcher;

pub use base::{
    BaseKafkaConsumer, Batch, BatchHandler, HandleSignals, Handler, Handling, Observer, OnPoison, PassedBy, Position,
    Record, RunHandle, looks_down,
};
pub use changes::Apply;
pub use error::{BoxError, DownstreamUnavailable, Error, HandlerPanic, HandlerTimeout};
pub use leaving::ServiceConsumer;
pub use loader::KafkaConsumerConfigLoader;
pub use metrics::{Counters, Metrics, memory_megabytes};
pub use records::Recommendation;
pub use settings::{Config, Settings};
