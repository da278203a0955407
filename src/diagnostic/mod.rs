//! Findings: what is wrong, where, what happens at run time because of it, and how to mend it; and their printers.

mod excerpt;
mod finding;
mod github;
mod human;
pub mod json;
mod junit;
mod page;
mod place;
mod report;
mod sarif;
mod sarif_fix;
mod sarif_log;
pub mod text;

pub use finding::{Finding, Findings, Fix, Label, Safety, Severity};
pub use json::{JsonReport, json_schema};
pub use page::{Code, Example, Page, Stance};
pub use report::{Colour, Format, ReportContext, UnknownFormat, render};
