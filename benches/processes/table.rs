//! How figures are printed.

use std::time::Duration;

use super::measure::Samples;

/// Milliseconds with as many decimals as are worth reading.
pub fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    let decimals = match ms {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{ms:.decimals$} ms")
}

/// Millions of bytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A line for each; the ratio is to the first one.
pub fn print(title: &str, results: &[(String, Samples)]) {
    println!("\n{title}");
    println!(
        "  {:<44} {:>10} {:>10} {:>10} {:>8} {:>10} {:>10}",
        "", "median", "least", "most", "ratio", "on cores", "peak"
    );
    for (name, samples) in results {
        let (least, most) = samples.range();
        println!(
            "  {name:<44} {:>10} {:>10} {:>10} {:>8.2} {:>10} {:>10}",
            milliseconds(samples.time()),
            milliseconds(least),
            milliseconds(most),
            samples.over(&results[0].1),
            milliseconds(samples.cpu()),
            megabytes(samples.peak()),
        );
    }
}
