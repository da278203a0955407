//! C1xx: how long a member may be silent, and how its group finds out.

pub(super) mod handlers;
pub(super) mod poll_interval;
pub(super) mod protocol;
pub(super) mod relations;
pub(super) mod session;
