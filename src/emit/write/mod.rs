//! The one place that writes files.
//!
//! [`lock`] keeps two compilations apart, [`plan`] compares artifacts with what is on disk and changes nothing, [`diff`]
//! shows a plan, and [`apply`] carries it out. `compile --check` is a plan alone.
//!
//! # What holds at every moment
//! - Each file is complete: its old content or its new one, also after `kill -9`, since a file is written beside its
//!   place and then renamed into it.
//! - A disk that fills up, or a folder that can't be written, changes nothing: everything is written before the first
//!   file is put in place.
//! - Seeds come last, and files that nothing compiles to go after that: a seed on disk means that all it belongs to is
//!   there too.
//! - Nothing is written through a symbolic link.
//!
//! # What is flushed
//! Seeds and their folder are (`fsync`), since they are history. The others are not: after a power cut some file
//! systems may show one of them empty, which the next compilation notices, because it compares bytes and not times,
//! and mends. Flushing 20,000 property files would cost minutes for nothing that can be lost.

mod apply;
mod diff;
mod error;
mod folder;
mod lock;
mod plan;

pub use apply::{Summary, apply};
pub use diff::diff;
pub use error::{State, WriteError};
pub use lock::{LOCK_WAIT, Lock, lock};
pub use plan::{Plan, Why, Write, plan};
