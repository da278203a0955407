//! Histograms of microseconds that merge without loss.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use super::EncodedHistogram;

/// Significant digits that are kept: a value is off by a thousandth at most.
const DIGITS: u8 = 3;

/// The most that is told apart: a day.
const MOST_US: u64 = 24 * 3_600 * 1_000_000;

/// Microseconds, counted by value.
#[derive(Debug, Clone, PartialEq)]
pub struct Micros(Histogram<u64>);

/// Why an encoded histogram can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramError(String);

impl fmt::Display for HistogramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a histogram in HdrHistogram's V2 format, deflated, in base64: {}",
            self.0
        )
    }
}

impl std::error::Error for HistogramError {}

impl Default for Micros {
    fn default() -> Self {
        Self::new()
    }
}

impl Micros {
    /// Nothing counted yet.
    ///
    /// # Panics
    /// Never: the digits are ones that the library takes.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new(DIGITS).expect("3 digits are taken"))
    }

    /// Counts a value. What is negative counts as 0, what is above a day as a day.
    pub fn record(&mut self, us: i64) {
        self.record_n(us, 1);
    }

    /// Counts a value `times` times.
    pub fn record_n(&mut self, us: i64, times: u64) {
        let us = u64::try_from(us).unwrap_or(0).min(MOST_US);
        // It grows as needed; only a value past 64 bits could be refused.
        let _ = self.0.record_n(us, times);
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        let _ = self.0.add(&other.0);
    }

    /// Adds what an encoded one has counted.
    ///
    /// # Errors
    /// Where it is none; nothing is added then.
    pub fn merge_encoded(&mut self, other: &EncodedHistogram) -> Result<(), HistogramError> {
        self.merge(&other.decode()?);
        Ok(())
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value that a share `q`, 0 to 1, of all values does not exceed, in microseconds; nothing where none was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(q).min(self.0.max()))
    }

    /// The largest value, as exact as its digits; nothing where none was counted.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.max())
    }

    /// The mean in microseconds; nothing where none was counted.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean())
    }

    /// Every value that was counted, in order, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// As it crosses between processes. One without a value is the empty text.
    ///
    /// # Panics
    /// Never: writing into memory does not fail.
    #[must_use]
    pub fn encode(&self) -> EncodedHistogram {
        if self.0.is_empty() {
            return EncodedHistogram::default();
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .expect("memory takes it");
        EncodedHistogram(STANDARD.encode(bytes))
    }
}

impl EncodedHistogram {
    /// What was counted.
    ///
    /// # Errors
    /// Where the text is no histogram.
    pub fn decode(&self) -> Result<Micros, HistogramError> {
        if self.0.is_empty() {
            return Ok(Micros::new());
        }
        let bytes = STANDARD
            .decode(&self.0)
            .map_err(|error| HistogramError(error.to_string()))?;
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut &*bytes)
            .map_err(|error| HistogramError(error.to_string()))?;
        // Others may keep other digits and bounds; ours grows with whatever it is given.
        let mut ours = Micros::new();
        ours.0.add(&read).map_err(|error| HistogramError(error.to_string()))?;
        Ok(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::Micros;
    use crate::harness::protocol::EncodedHistogram;

    #[test]
    fn what_is_encoded_comes_back_and_merges() {
        let mut low = Micros::new();
        (0..1_000).for_each(|us| low.record(us));
        let mut high = Micros::new();
        high.record_n(2_000_000, 10);
        high.record(i64::MAX);
        high.record(-5);
        let mut both = low.encode().decode().unwrap();
        assert_eq!(both, low);
        both.merge_encoded(&high.encode()).unwrap();
        assert_eq!(both.count(), 1_012);
        assert_eq!(both.quantile(0.5), Some(504));
        assert!(both.quantile(0.999).unwrap().abs_diff(2_000_000) < 2_000);
        assert!(both.max().unwrap().abs_diff(super::MOST_US) < super::MOST_US / 1_000);
        assert_eq!(both.iter().map(|(_, times)| times).sum::<u64>(), 1_012);
    }

    #[test]
    fn nothing_is_nothing() {
        let empty = Micros::new();
        assert_eq!(empty.encode(), EncodedHistogram::default());
        let decoded = EncodedHistogram::default().decode().unwrap();
        assert_eq!(
            (decoded.count(), decoded.quantile(0.5), decoded.mean()),
            (0, None, None)
        );
    }

    #[test]
    fn what_is_none_is_said() {
        for text in ["?", "AAAA", "SElTVA=="] {
            let error = EncodedHistogram(text.to_owned()).decode().unwrap_err().to_string();
            assert!(error.starts_with("not a histogram"), "{error}");
        }
    }

    /// From Python's package hdrhistogram 0.10.8: `HdrHistogram(1, 3600000000, 3)` with 100, 2000 and 30000 recorded.
    const BY_PYTHON: &str = "HISTFAAAACl4nJNpmSzMwMDAyQABzFCaEURcm7yEwf4DROA4I9NVWaZmOyYAicYHEQ==";

    #[test]
    fn another_language_wrote_it() {
        let read = EncodedHistogram(BY_PYTHON.to_owned()).decode().unwrap();
        assert_eq!(read.count(), 3);
        assert_eq!(read.quantile(0.0), Some(100));
        assert!(read.max().unwrap().abs_diff(30_000) < 30);
    }

    /// From JavaScript's package hdr-histogram-js 3.0.1, with 1234 and 99999 recorded: its header holds an offset of one and
    /// next to no ratio, which no other implementation writes. Our worker for Node puts both right.
    const BY_JAVASCRIPT: &str = "HISTFAAAACl4nJNpmSzMwMDAxsDAwMjAwMDMAAEgtojs9QQGGH+xMFNvKhMAWOAEZw==";

    #[test]
    fn an_odd_header_is_not_guessed_at() {
        assert!(EncodedHistogram(BY_JAVASCRIPT.to_owned()).decode().is_err());
        let put_right = "HISTFAAAACh4nJNpmSzMwMDAxgABzFCakYGBQUT2egKD/QeIwGJhpt5UJgBoWAWU";
        let read = EncodedHistogram(put_right.to_owned()).decode().unwrap();
        assert_eq!((read.count(), read.quantile(0.0)), (2, Some(1_234)));
        assert!(read.max().unwrap().abs_diff(99_999) < 100);
    }
}
