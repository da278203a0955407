//! The clients: what each calls a setting, what its own defaults are, and what it can't do.

mod lowered;

pub use lowered::{Entry, Literal, Loss, Lowered, Note, Section};
