//! Settings become files. Pure functions return artifacts; `write` alone touches the disk.

mod artifact;
mod schema;

pub use artifact::Artifact;
pub use schema::{SchemaKind, file_schema, schema_files};
