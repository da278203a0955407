//! How late the open loop hands records over, against a loop that only sleeps.

use std::process::Command;

use lagproof::broker::Broker;
use lagproof::harness::protocol::{EncodedHistogram, LoadLine, Micros};

use super::processes::{Process, lagproof};
use super::worker::median;
use super::{Args, Claims, Outcome, specs};

/// Lateness that makes a run INVALID, in milliseconds: p99, and the most.
const BOUNDS_MS: (f64, f64) = (25.0, 250.0);

pub fn run(args: &Args, broker: &Broker, claims: &mut Claims) -> Outcome {
    println!(
        "\nHow late, in milliseconds: median of {} runs of {} s, taking turns",
        args.runs, args.seconds
    );
    println!("  {:<44} {:>9} {:>9} {:>9} {:>8}", "", "p50", "p99", "most", "ratio");
    for rate in &args.rates {
        let topic = format!("bench-{rate}");
        let lease = specs::topic(broker, &topic)?;
        let (mut bares, mut beside, mut loads) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..=args.runs {
            let bare = sleeper(args, *rate)?.wait()?;
            let busy = sleeper(args, *rate)?;
            let load = load(args, broker, &topic, *rate)?;
            let busy = busy.wait()?;
            if run > 0 {
                bares.push(bare);
                beside.push(busy);
                loads.push(load);
            }
        }
        // A loop that only sleeps is later, too, while a broker works on the same cores: what the load adds shows beside
        // one under the same conditions. The one on an idle machine is printed as the floor.
        print(
            &format!("{rate}/s: a bare sleeping loop, no broker at work"),
            &bares,
            None,
        );
        let bare = print("  a bare sleeping loop, while the load runs", &beside, None);
        let load = print("  the load", &loads, Some(bare.1));
        claims.at_most(
            &format!("{rate}/s: the load's p99 over a bare sleeping loop's beside it"),
            1.5,
            load.1 / bare.1,
            "",
        );
        if *rate == 20_000 {
            claims.at_most(
                "20,000/s: p99 late, past which a run is INVALID",
                BOUNDS_MS.0,
                load.1,
                " ms",
            );
            claims.at_most(
                "20,000/s: most late, past which a run is INVALID",
                BOUNDS_MS.1,
                load.2,
                " ms",
            );
        }
        drop(lease);
    }
    Ok(())
}

/// Prints a line and says its figures: p50, p99, most.
fn print(what: &str, runs: &[Micros], bare: Option<f64>) -> (f64, f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let figure = |quantile: f64| {
        let mut values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.quantile(quantile))
            .map(|us| us as f64 / 1e3)
            .collect();
        median(&mut values)
    };
    let (p50, p99, most) = (figure(0.5), figure(0.99), figure(1.0));
    let ratio = bare.map_or_else(String::new, |bare| format!("{:.2}", p99 / bare));
    println!("  {what:<44} {p50:>9.3} {p99:>9.3} {most:>9.3} {ratio:>8}");
    (p50, p99, most)
}

/// A sleeping loop in a process of its own.
struct Sleeper(std::process::Child);

fn sleeper(args: &Args, rate: u32) -> Outcome<Sleeper> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bare", "sleep", "--bare-rate", &rate.to_string()]);
    command.args(["--bare-seconds", &args.seconds.to_string()]);
    Ok(Sleeper(command.stdout(std::process::Stdio::piped()).spawn()?))
}

impl Sleeper {
    fn wait(self) -> Outcome<Micros> {
        let output = self.0.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(EncodedHistogram(text.trim().to_owned()).decode()?)
    }
}

fn load(args: &Args, broker: &Broker, topic: &str, rate: u32) -> Outcome<Micros> {
    let mut process = Process::start(
        lagproof("load"),
        &specs::load(broker, topic, f64::from(rate), args.seconds, args.size),
    )?;
    let mut late = Micros::new();
    while let Some(line) = process.line()? {
        match serde_json::from_str(&line)? {
            LoadLine::Tick { lateness, .. } => late.merge_encoded(&lateness)?,
            LoadLine::Error { message, .. } => println!("  {message}"),
            _ => {}
        }
    }
    process.end()?;
    Ok(late)
}
