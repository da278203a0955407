//! What is compared, written, removed and left.
