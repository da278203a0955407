//! What a person wrote: the files of a project, read with every problem in every file at once.
//!
//! Each section is read by one function that names its keys, what they take and what they mean. Run over a table it
//! gives values; run over nothing it gives the schema and the reference. So the three can't disagree.

mod case;
mod config;
mod consumer;
mod environment;
mod fields;
mod leaf;
mod matrix;
mod names;
pub mod pages;
mod parts;
mod plain;
mod problems;
mod project;
mod quantities;
mod secrets;
mod service;
mod syntax;
mod topics;
mod tree;

pub use case::{CaseBroker, CaseFile, LoadSection};
pub use config::ConfigFile;
pub use consumer::{Cells, ConsumerSection};
pub use environment::{
    BrokerSection, EnvironmentSection, SecuritySection, ServiceOverrideSection, TopicOverrideSection,
};
pub use fields::{Fields, Section, Spanned, read_document, schema_of};
pub use leaf::{Leaf, LeafError};
pub use matrix::{DefaultsSection, MatrixFile, SizingSection, TypeSection};
pub use names::{Folder, Name, ServiceName, TopicName, Version};
pub use parts::{
    AllowSection, BaselineSection, ConcurrencyWord, CostText, DeliverySection, DeviationSection, MemorySection,
    ProcessingSection, RenamedSection, RetrySection, TargetsSection,
};
pub(crate) use problems::nearest;
pub use project::{CONFIG_FILE, DeclaredFile, Shared, read_cases, read_config, read_services, read_shared, strays};
pub use quantities::Percent;
pub use secrets::{looks_secret, redact};
pub use service::{RawSection, ServiceFile};
pub use topics::{Assumed, KeySection, PeakSection, RateText, RecordSection, TopicSection, TopicsFile};
pub use tree::{Digits, Item, Key, Node, Table};
