//! What must be reached, and whether it was.

use std::fmt;

/// Every bound that was measured, in order.
#[derive(Debug, Default)]
pub struct Claims(Vec<Claim>);

#[derive(Debug)]
struct Claim {
    what: String,
    bound: String,
    measured: String,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    NotJudged,
}

impl Claims {
    /// Something that must not be larger than its bound.
    pub fn at_most(&mut self, what: &str, bound: f64, measured: f64, unit: &str) {
        self.judge(what, format!("≤ {bound}{unit}"), measured, unit, measured <= bound);
    }

    /// Something that must be smaller than its bound.
    pub fn below(&mut self, what: &str, bound: f64, measured: f64, unit: &str) {
        self.judge(what, format!("< {bound}{unit}"), measured, unit, measured < bound);
    }

    /// Something that must be as large as its bound.
    pub fn at_least(&mut self, what: &str, bound: f64, measured: f64, unit: &str) {
        self.judge(what, format!("≥ {bound}{unit}"), measured, unit, measured >= bound);
    }

    /// Something that could not be measured.
    pub fn not_judged(&mut self, what: &str, why: &str) {
        self.0.push(Claim {
            what: what.to_owned(),
            bound: String::new(),
            measured: why.to_owned(),
            verdict: Verdict::NotJudged,
        });
    }

    fn judge(&mut self, what: &str, bound: String, measured: f64, unit: &str, met: bool) {
        self.0.push(Claim {
            what: what.to_owned(),
            bound,
            measured: format!("{measured:.2}{unit}"),
            verdict: if met { Verdict::Met } else { Verdict::Missed },
        });
    }
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for claim in &self.0 {
            let verdict = match claim.verdict {
                Verdict::Met => "met",
                Verdict::Missed => "MISSED",
                Verdict::NotJudged => "not judged",
            };
            let Claim {
                what, bound, measured, ..
            } = claim;
            writeln!(f, "  {what:<64} {bound:>9} {measured:>10}  {verdict}")?;
        }
        Ok(())
    }
}
