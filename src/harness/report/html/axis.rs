//! Scales: from values to places, and the values that are written beside them.

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Evenly.
    Linear,
    /// By their magnitude; 0 has a place too.
    Logarithmic,
}

/// An axis that begins at 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// The value at its end.
    pub(super) to: f64,
    pub(super) spread: Spread,
}

impl Axis {
    /// An axis that shows values up to `most`, with a little room above.
    pub(super) fn up_to(most: f64, spread: Spread) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let to = match spread {
            Spread::Linear => most * 1.06,
            Spread::Logarithmic => most * 1.5,
        };
        Self { to, spread }
    }

    /// Where a value is, from 0 to 1.
    pub(super) fn at(self, value: f64) -> f64 {
        let value = value.clamp(0.0, self.to);
        match self.spread {
            Spread::Linear => value / self.to,
            Spread::Logarithmic => value.ln_1p() / self.to.ln_1p(),
        }
    }

    /// Round values that lie on it, with 0, at most about `many`.
    pub(super) fn ticks(self, many: u32, step: fn(f64) -> f64) -> Vec<f64> {
        match self.spread {
            Spread::Linear => {
                let step = step(self.to / f64::from(many));
                (0..=many * 2)
                    .map(|n| f64::from(n) * step)
                    .take_while(|value| *value <= self.to)
                    .collect()
            }
            Spread::Logarithmic => {
                let decades: Vec<f64> = (0..=18)
                    .map(|n| 10_f64.powi(n))
                    .take_while(|value| *value <= self.to)
                    .collect();
                let every = decades.len().div_ceil(many as usize).max(1);
                let mut ticks = vec![0.0];
                // The largest always stands, since it tells how bad it is.
                ticks.extend(decades.iter().rev().step_by(every).rev());
                ticks
            }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, … that is not below `least`.
pub(super) fn decimal_step(least: f64) -> f64 {
    let magnitude = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|one| one * magnitude);
    steps.into_iter().find(|step| *step >= least * 0.999).unwrap_or(least)
}

/// The same for whole numbers of things: never below 1.
pub(super) fn whole_step(least: f64) -> f64 {
    decimal_step(least).max(1.0)
}

/// The same for bytes: powers of two from 1 MiB on.
pub(super) fn binary_step(least: f64) -> f64 {
    let mut step = f64::from(1_u32 << 20);
    while step < least * 0.999 && step < 1e18 {
        step *= 2.0;
    }
    step
}

/// The same for seconds: 1, 2, 5, 10, 15, 30 s, then minutes and hours.
pub(super) fn time_step(least: f64) -> f64 {
    let steps = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
        28_800.0, 86_400.0,
    ];
    let found = steps.into_iter().find(|step| *step >= least * 0.999);
    found.unwrap_or_else(|| decimal_step(least / 86_400.0) * 86_400.0)
}

/// A time on the axis: `0`, `30 s`, `2:30`, `1:05:00`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
pub(super) fn clock(seconds: f64, longest: f64) -> String {
    let all = seconds.max(0.0).round() as u64;
    match all {
        0 => "0".to_owned(),
        _ if longest < 120.0 => format!("{all} s"),
        _ if longest < 3_600.0 => format!("{}:{:02}", all / 60, all % 60),
        _ => format!("{}:{:02}:{:02}", all / 3_600, all / 60 % 60, all % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_places_and_ticks_are_round() {
        let linear = Axis::up_to(95.0, Spread::Linear);
        assert_eq!(linear.ticks(4, whole_step), [0.0, 50.0, 100.0]);
        assert!((linear.at(50.35) - 0.5).abs() < 1e-9);
        assert!((linear.at(1e9) - 1.0).abs() < 1e-9 && linear.at(-3.0) == 0.0);
        let logarithmic = Axis::up_to(16_720.0, Spread::Logarithmic);
        assert_eq!(
            logarithmic.ticks(5, whole_step),
            [0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0]
        );
        assert_eq!(logarithmic.ticks(3, whole_step), [0.0, 1.0, 100.0, 10_000.0]);
        assert!(logarithmic.at(0.0) == 0.0 && logarithmic.at(100.0) > 0.4);
    }

    #[test]
    fn nothing_to_show_is_still_an_axis() {
        for most in [0.0, f64::NAN, f64::INFINITY, -1.0] {
            for spread in [Spread::Linear, Spread::Logarithmic] {
                let axis = Axis::up_to(most, spread);
                assert!(axis.at(0.0) == 0.0 && axis.at(1.0) <= 1.0);
                assert_eq!(axis.ticks(4, whole_step).first(), Some(&0.0));
            }
        }
    }

    #[test]
    fn steps_and_times_are_as_people_count() {
        assert_eq!([0.3, 1.7, 24.0, 700.0].map(decimal_step), [0.5, 2.0, 50.0, 1_000.0]);
        assert_eq!(
            [0.3, 8.0, 70.0, 200_000.0].map(time_step),
            [1.0, 10.0, 120.0, 432_000.0]
        );
        assert!((binary_step(60e6) - f64::from(64 << 20)).abs() < 1.0);
        let told = [(0.0, 50.0), (30.0, 50.0), (150.0, 300.0), (3_900.0, 7_200.0)];
        assert_eq!(told.map(|(at, of)| clock(at, of)), ["0", "30 s", "2:30", "1:05:00"]);
    }
}
