//! Settings become files. Pure functions return artifacts; [`write`] alone touches the disk.

mod artifact;
mod shell;
mod topics;
pub mod write;

pub use artifact::{Access, Artifact, HEADER_MARK, OWNED, PathError, SEEDS, file_name, header};
pub use shell::quote;
pub use topics::topic_scripts;
