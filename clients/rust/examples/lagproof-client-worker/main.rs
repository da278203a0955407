//! A worker of `lagproof verify` on this crate's base consumer: see docs/worker-protocol.md in lagproof's repository.
//!
//! It reads its spec as one line of JSON on standard input and writes sample lines to standard output; the end of the input,
//! a `stop` command, SIGTERM, or a reader that is gone stop it in good order.

mod harnessed;
mod ledger;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Stdout};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lagproof::harness::protocol::{
    Clock, Command, ConcurrencySpec, EndReason, Lines, PROTOCOL, Position, Stalls, Stop, Troubles, UsageMeter,
    WorkerLine, WorkerSpec, WorkerTick, obey, read_spec,
};
use lagproof_client::{BaseKafkaConsumer, BoxError, Config, HandleSignals, OnPoison, RunHandle, Settings};
use serde_json::{Value as Json, json};

use harnessed::{Harnessed, drain};
use ledger::Ledger;

/// What all parts of the process share.
pub(crate) struct Shared {
    spec: WorkerSpec,
    clock: Clock,
    lines: Lines<Stdout>,
    ledger: Ledger,
    troubles: Troubles,
    stalls: Stalls,
    /// Ends the sampler.
    done: Stop,
    sampler: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Takes a command that is not "stop".
    fn told(&self, command: Command) {
        if let Command::Stall { from_us, to_us } = command {
            self.stalls.add(from_us, to_us);
            let at_us = self.clock.now_us();
            self.lines.write(&WorkerLine::Stall { at_us, from_us, to_us });
        }
    }

    /// Writes the last tick, if it is not written yet.
    fn write_last_tick(&self) {
        self.done.request();
        let sampler = self.sampler.lock().expect("no panic while it is held").take();
        if let Some(sampler) = sampler {
            let _ = sampler.join();
        }
    }
}

fn main() -> ExitCode {
    let (clock, stop) = (Clock::start(), Stop::new());
    let mut input = BufReader::new(io::stdin());
    let lines = Lines::new(io::stdout(), stop.clone());
    let shared = match read_spec::<WorkerSpec>(&mut input) {
        Ok(spec) => Arc::new(Shared {
            ledger: Ledger::new(spec.tag),
            stalls: Stalls::of(&spec),
            spec,
            clock,
            lines,
            troubles: Troubles::default(),
            done: Stop::new(),
            sampler: Mutex::default(),
        }),
        Err(error) => {
            let message = error.to_string();
            return end(&lines, clock, EndReason::Failed { message });
        }
    };
    let told = shared.clone();
    let ran = obey(input, &stop, move |command| told.told(command))
        .map_err(BoxError::from)
        .and_then(|()| run(&shared, &stop));
    shared.write_last_tick();
    let reason = match ran {
        Ok(()) => EndReason::Stopped,
        Err(error) => EndReason::Failed {
            message: error.to_string(),
        },
    };
    end(&shared.lines, clock, reason)
}

fn end(lines: &Lines<Stdout>, clock: Clock, reason: EndReason) -> ExitCode {
    let is_well = reason == EndReason::Stopped;
    let at_us = clock.now_us();
    lines.write(&WorkerLine::End { at_us, reason });
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(shared: &Arc<Shared>, stop: &Stop) -> Result<(), BoxError> {
    let spec = &shared.spec;
    if !spec.is_ours() {
        return Err(format!("the spec is of protocol {}, this worker's is {PROTOCOL}", spec.protocol).into());
    }
    let settings = Settings::read(&spec.service, &document(spec))?;
    let config = Config {
        settings: Arc::new(settings),
        version: None,
        generation: 0,
        etag: String::new(),
        from_file: None,
        document: Arc::new(Json::Null),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (handler, queue) = Harnessed::new(shared.clone());
        let mut consumer = BaseKafkaConsumer::fixed(config, handler)
            .exact_properties(spec.properties.clone())
            // As the protocol has it: without retries and dead letters a record that fails is skipped.
            .on_poison(OnPoison::Skip)
            .grace(Duration::from_secs(5))
            .handle_signals(HandleSignals::Yes)
            .observer(shared.clone());
        let handle = consumer.handle();
        let draining = tokio::spawn(drain(shared.clone(), queue));
        let (stopping, stops) = (handle.clone(), stop.clone());
        thread::spawn(move || {
            let far = std::time::Instant::now() + Duration::from_secs(1 << 31);
            stops.wait_until(far);
            stopping.stop();
        });
        let at_us = shared.clock.now_us();
        let client = format!(
            "librdkafka {} (lagproof-client)",
            rdkafka::util::get_rdkafka_version().1
        );
        shared.lines.write(&WorkerLine::Ready {
            at_us,
            protocol: PROTOCOL,
            client,
        });
        let own = shared.clone();
        let sampler = thread::spawn(move || sample(&own, &handle));
        *shared.sampler.lock().expect("no panic while it is held") = Some(sampler);
        let ran = consumer.run().await;
        draining.abort();
        ran.map_err(BoxError::from)
    })
}

/// The spec as the settings of a row.
fn document(spec: &WorkerSpec) -> Json {
    let retry = spec.delivery.retry.as_ref().map(|retry| {
        #[expect(clippy::cast_precision_loss, reason = "a pause is shorter than 2^53 microseconds")]
        let backoff_ms = retry.backoff_us as f64 / 1000.0;
        json!({"attempts": retry.attempts, "backoff_ms": backoff_ms, "dead_letter": retry.dead_letter})
    });
    let property = |name: &str| spec.properties.get(name).and_then(|text| text.parse::<u64>().ok());
    json!({
        "client": "librdkafka",
        "group": spec.properties.get("group.id"),
        "topics": spec.topics,
        "consumer": {
            "max_poll_records": spec.max_poll_records,
            "max_poll_interval_ms": property("max.poll.interval.ms"),
        },
        "delivery": {"commit": spec.delivery.commit, "retry": retry},
        // What is unbounded is handed over at once, and handled one by one behind that.
        "concurrency": match spec.work.concurrency {
            ConcurrencySpec::Bounded(most) => most.max(1),
            ConcurrencySpec::Unbounded => 1,
        },
    })
}

/// In a thread of its own: ticks do not wait for handlers.
fn sample(shared: &Shared, handle: &RunHandle) {
    let (ticks, clock) = (shared.spec.ticks, shared.clock);
    let mut meter = UsageMeter::new();
    let mut tick = ticks.next_after(clock.now_us());
    while !shared.done.wait_until(clock.instant_at(ticks.at(tick))) {
        tell(shared, handle, &mut meter, tick);
        tick += 1;
    }
    tell(shared, handle, &mut meter, tick);
}

fn tell(shared: &Shared, handle: &RunHandle, meter: &mut UsageMeter, tick: u32) {
    let at_us = shared.clock.now_us();
    let positions = handle.positions();
    let page = shared.ledger.page();
    let polled: BTreeMap<(String, i32), i64> = page.polled;
    let usage = meter.look();
    for trouble in shared.troubles.take() {
        shared.lines.write(&WorkerLine::Error {
            at_us,
            code: trouble.code,
            message: trouble.message,
            times: trouble.times,
        });
    }
    let positions = positions.into_iter().map(|one| Position {
        polled: polled.get(&(one.topic.clone(), one.partition)).copied(),
        topic: one.topic,
        partition: one.partition,
        processed: one.processed,
        committed: one.committed,
    });
    let counted = page.counted;
    shared.lines.write(&WorkerLine::Tick(WorkerTick {
        at_us,
        tick,
        positions: positions.collect(),
        processed: page.processed,
        records: counted.records,
        bytes: counted.bytes,
        repeated: counted.repeated,
        reordered: counted.reordered,
        foreign: counted.foreign,
        failed: counted.failed,
        dead_letters: counted.dead_letters,
        batches: counted.batches,
        in_hand: page.in_hand,
        latency: counted.latency.encode(),
        longest_poll_gap_us: counted.longest_poll_gap_us,
        resident_bytes: usage.resident_bytes,
        cpu_seconds: usage.cpu_seconds,
        cpu_wait_seconds: usage.cpu_wait_seconds,
    }));
}
