//! The loader and the base consumer on a real PostgreSQL and a real Kafka.

mod cases;
mod kafka;
mod loader;
mod postgres;
mod said;
mod service;
