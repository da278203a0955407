//! Settings become files. Pure functions return artifacts; [`write`] alone touches the disk.

mod artifact;
mod properties;
mod schema;
mod seeds;
mod shell;
mod sql;
mod topics;
pub mod write;

pub use artifact::{Access, Artifact, HEADER_MARK, OWNED, PathError, SEEDS, file_name, header};
pub use properties::{consumer_properties, other_sections, property_file, property_files};
pub use schema::{SchemaKind, file_schema, schema_files};
pub use seeds::{BaselineError, SeedDraft, baseline, seed, seed_of};
pub use shell::quote;
pub use sql::{NulError, jsonb, literal};
pub use topics::topic_scripts;
