//! Files as they are read: their text, spans in it, and edits that keep everything else as it was.

mod conflict;
mod edit;
mod read;
mod span;

pub use conflict::conflicts;
pub use edit::{Edit, EditError, apply_edits, printed_like};
pub use read::{EntryKind, Listing, ReadError, Tree, read_text};
pub use span::{FileId, LineColumn, SourceFile, Sources, Span};
