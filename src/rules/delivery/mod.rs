//! D1xx: when offsets are committed, where reading starts, what is tried again, and who is known by name.

pub(super) mod commits;
pub(super) mod members;
pub(super) mod offsets;
pub(super) mod retries;
pub(super) mod topics;
