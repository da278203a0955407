//! placeholder until the proofs branch is merged
use std::time::Duration;
#[derive(Debug, Clone, PartialEq)]
pub enum Cost {
    Constant { seconds: f64 },
}
#[derive(Debug)]
pub struct CostError;
impl std::fmt::Display for CostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("x")
    }
}
impl Cost {
    pub fn constant(d: Duration) -> Self {
        Cost::Constant {
            seconds: d.as_secs_f64(),
        }
    }
    pub fn fitted(p50: Duration, _: Duration, _: Option<Duration>) -> Result<Self, CostError> {
        Ok(Self::constant(p50))
    }
}
