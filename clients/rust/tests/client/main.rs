//! The loader and the base consumer on a real PostgreSQL and a real Kafka.

mod behaviour;
mod cases;
mod consumer;
mod failing;
mod fresh;
mod kafka;
mod live;
mod load;
mod loader;
mod postgres;
mod refusals;
mod said;
mod service;
mod survival;
mod told;
mod worker;
