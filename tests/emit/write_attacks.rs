//! Killed, full, read-only, two at once.
