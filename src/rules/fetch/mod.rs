//! F1xx: how much is fetched at once, and whether the largest batch fits.

pub(super) mod bytes;
pub(super) mod queue;
pub(super) mod records;
