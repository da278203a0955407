//! What a project declares, resolved: every value final, and knowing where it came from.

pub mod broker;
pub mod case;
pub mod cost;
pub mod keywords;
pub mod limits;
pub mod matrix;
pub mod origin;
pub mod project;
pub mod service;
pub mod settings;
pub mod topic;
