//! The history: seeds, their replay, digests and what versions are judged by.

#[path = "../support/mod.rs"]
mod support;

mod digests;
mod messages;
mod replay;
mod revert;
mod seed;
mod sql;
