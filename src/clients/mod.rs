//! The clients: what each calls a setting, what its own defaults are, and what it can't do.

mod lowered;
mod temporary;

pub use lowered::{Entry, Literal, Loss, Lowered, Note, Section};
pub use temporary::{client_key, edition_default, edition_delivery};
