//! Findings: what is wrong, where, what happens at run time because of it, and how to mend it.

mod finding;
mod page;

pub use finding::{Finding, Findings, Fix, Label, Safety, Severity};
pub use page::{Code, Example, Page, Stance};
