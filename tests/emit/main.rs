//! Settings become files: the scripts run against stand-ins of Kafka's tools, and the disk is written under attack.

mod build;
mod topics;
mod topics_run;
mod write;
mod write_attacks;
