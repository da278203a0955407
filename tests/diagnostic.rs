//! The printers of findings.

#[path = "diagnostic/attacks.rs"]
mod attacks;
#[path = "diagnostic/cases.rs"]
mod cases;
#[path = "diagnostic/machines.rs"]
mod machines;
#[path = "diagnostic/people.rs"]
mod people;
#[path = "diagnostic/size.rs"]
mod size;
