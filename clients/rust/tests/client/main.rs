//! The loader and the base consumer on a real PostgreSQL and a real Kafka.

mod behaviour;
mod cases;
mod consumer;
mod failing;
mod fresh;
mod kafka;
mod leaving;
mod live;
mod load;
mod loader;
mod panics;
mod paused;
mod postgres;
mod refusals;
mod said;
mod service;
mod signals;
mod survival;
mod told;
mod worker;
