//! Brokers for real: a local one, started from Apache Kafka's jars, is what most of this runs on.

#[path = "../emit/build.rs"]
mod build;
#[path = "../support/broker.rs"]
mod support;

mod broken;
mod cache;
mod example;
mod foreign;
mod groups;
mod library;
mod lifecycle;
mod mock;
mod runs;
mod scripts;
mod session;
mod stalls;
mod stopped;
mod trial;
mod verb;
