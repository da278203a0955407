//! The history: seeds as read, replayed to a state, and the digests that decide what is new.
//!
//! The seeds are the only memory that a project has of what it compiled to. `(version, revision)` orders everything that
//! can happen to a service, so they can be applied in any order, and branches on different services merge in silence.

mod body;
mod digest;
mod doc;
mod documents;
pub mod pages;
mod pieces;
mod read;
mod replay;
mod seed;
mod values;

pub use body::{RETIRE_CALL, SERVICE_CALL, TOPIC_CALL, statements_by_name};
pub use digest::{Digest, NotADigest};
pub use doc::{Doc, write_text};
pub use documents::{
    context_digest, context_doc, proof_digest, proof_inputs, settings_digest, settings_doc, topic_digest, topic_doc,
};
pub use read::{Base, FOLDER, History, Seed, SeedFiles, Standing, name_seconds, name_stamp, read_seeds, take_in};
pub use replay::{Life, Record, State};
pub use seed::{
    Content, FORMAT, Header, Replaced, SeedProblem, ServiceEntry, Stamp, TopicEntry, read_seed, seed_hash, write_seed,
    write_seed_with,
};
pub use values::{column_from_settings, duration_from_json, value_doc, value_from_json};
