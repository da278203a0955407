//! placeholder until the proofs branch is merged
#[derive(Debug, Clone, PartialEq)]
pub enum Cost {
    Constant { seconds: f64 },
}
