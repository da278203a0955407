//! Reports of proofs: what people and machines see of an outcome.

mod build;
mod cases;
mod html;
mod live;
mod machines;
mod outcomes;
mod text;
mod written;
