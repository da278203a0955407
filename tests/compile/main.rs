//! Compiling as teams do it: in a repository, on branches, at once, killed.

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/mod.rs"]
mod support;

mod base;
mod deterministic;
mod killed;
mod repository;
mod show;
mod squash;
