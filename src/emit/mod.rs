//! Settings become files. Pure functions return artifacts; `write` alone touches the disk.

mod artifact;

pub use artifact::Artifact;
