//! Kafka's own performance tools on the same broker, as they print it.

use lagproof::broker::{Broker, Surroundings, find_jars, tool};

use super::{Args, Outcome, specs};

pub fn run(args: &Args, broker: &Broker, surroundings: &Surroundings) -> Outcome {
    let jars = find_jars(surroundings)?.ok_or("the broker runs from jars")?;
    let topic = "bench-peers";
    let lease = specs::topic(broker, topic)?;
    println!("\nKafka's own tools");
    let (records, size) = (args.records.to_string(), args.size.to_string());
    let server = ["--bootstrap-server", broker.bootstrap()];
    let mut runs: Vec<(String, Vec<String>, &str)> = Vec::new();
    for rate in &args.rates {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds of a run"
        )]
        let count = (f64::from(*rate) * args.seconds) as u64;
        let arguments = [
            "--topic",
            topic,
            "--num-records",
            &count.to_string(),
            "--record-size",
            &size,
            "--throughput",
            &rate.to_string(),
        ];
        runs.push((
            format!("producer at {rate}/s"),
            arguments.map(str::to_owned).to_vec(),
            "kafka-producer-perf-test",
        ));
    }
    let flat_out = [
        "--topic",
        topic,
        "--num-records",
        &records,
        "--record-size",
        &size,
        "--throughput",
        "-1",
    ];
    runs.push((
        "producer, flat out".to_owned(),
        flat_out.map(str::to_owned).to_vec(),
        "kafka-producer-perf-test",
    ));
    let consume = ["--topic", topic, "--num-records", &records];
    runs.push((
        "consumer".to_owned(),
        consume.map(str::to_owned).to_vec(),
        "kafka-consumer-perf-test",
    ));
    for (what, arguments, name) in runs {
        let output = tool(&jars, name).args(server).args(&arguments).output()?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(format!("{name}: {}\n{out}{err}", output.status).into());
        }
        // The consumer's figures are a row below their headings; a producer's last line is its sum.
        let lines: Vec<&str> = out.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = if name.contains("consumer") {
            lines.len().saturating_sub(2)
        } else {
            lines.len().saturating_sub(1)
        };
        println!("  {what}");
        for line in &lines[from..] {
            println!("    {line}");
        }
    }
    drop(lease);
    Ok(())
}
