//! What services become for each client: the files, read back; the laws that the clients enforce; a spread of services
//! whose files the real clients are given (`just test-clients`).

mod build;
mod cases;
mod defaults;
mod files;
mod laws;
mod read;
mod rules;
mod spread;
#[path = "../support/mod.rs"]
mod support;
