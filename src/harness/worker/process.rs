//! One worker from its spec to its last line.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::thread;

use rdkafka::consumer::Consumer;
use rdkafka::util::get_rdkafka_version;

use crate::harness::protocol::{
    Clock, Command, CommitSpec, EndReason, Lines, PROTOCOL, ProcessError, Stop, Ticks, UsageMeter, WorkerLine,
    WorkerSpec, WorkerTick, obey, precise_sleep, read_spec,
};

use super::client::{Out, Shared, commit, connect, leave};
use super::engine::Engine;
use super::ledger::Commit;

/// Runs a worker: a spec and commands from `input`, lines to `output`, until it is told to stop.
///
/// # Errors
/// Where it can't go on; its last line says the same.
pub fn run(mut input: impl BufRead + Send + 'static, output: impl Write + Send + 'static) -> Result<(), ProcessError> {
    let clock = Clock::start();
    let stop = Stop::new();
    let lines: Out = Lines::new(Box::new(output), stop.clone());
    let last_line = |lines: &Out, ended: &Result<(), ProcessError>| {
        lines.write(&WorkerLine::End {
            at_us: clock.now_us(),
            reason: match ended {
                Ok(()) => EndReason::Stopped,
                Err(error) => EndReason::Failed {
                    message: error.to_string(),
                },
            },
        });
    };
    let spec = match read_spec(&mut input)
        .map_err(|error| ProcessError(error.to_string()))
        .and_then(checked)
    {
        Ok(spec) => spec,
        Err(error) => {
            let ended = Err(error);
            last_line(&lines, &ended);
            return ended;
        }
    };
    let shared = Arc::new(Shared::new(&spec, clock, lines));
    let ended = start(&stop, input, &shared).and_then(|()| consume(&spec, &shared, &stop));
    last_line(&shared.lines, &ended);
    ended
}

fn checked(spec: WorkerSpec) -> Result<WorkerSpec, ProcessError> {
    let theirs = spec.protocol;
    let sections: Vec<&str> = spec.sections.keys().map(String::as_str).collect();
    if !spec.is_ours() {
        return Err(ProcessError(format!(
            "the spec is of protocol {theirs}, this is protocol {PROTOCOL}"
        )));
    }
    if !sections.is_empty() {
        return Err(ProcessError(format!(
            "the spec has sections of another client ({}): this worker is one of librdkafka, which has properties only",
            sections.join(", ")
        )));
    }
    Ok(spec)
}

fn start(stop: &Stop, input: impl BufRead + Send + 'static, shared: &Arc<Shared>) -> Result<(), ProcessError> {
    let failed = |what: &str, error: std::io::Error| ProcessError(format!("could not {what}: {error}"));
    stop.on_signals().map_err(|error| failed("watch for signals", error))?;
    let shared = Arc::clone(shared);
    let other = move |command| match command {
        Command::Stall { from_us, to_us } => {
            shared.stalls.add(from_us, to_us);
            let at_us = shared.clock.now_us();
            shared.lines.write(&WorkerLine::Stall { at_us, from_us, to_us });
        }
        Command::Stop => {}
    };
    obey(input, stop, other).map_err(|error| failed("start a thread", error))
}

fn consume(spec: &WorkerSpec, shared: &Arc<Shared>, stop: &Stop) -> Result<(), ProcessError> {
    let client = connect(spec, shared)?;
    // Of this thread and those that it starts from now on; the client's own are as they are.
    precise_sleep();
    shared.lines.write(&WorkerLine::Ready {
        at_us: shared.clock.now_us(),
        protocol: PROTOCOL,
        client: format!("librdkafka {}", get_rdkafka_version().1),
    });
    let topics: Vec<&str> = spec.topics.iter().map(String::as_str).collect();
    client
        .subscribe(&topics)
        .map_err(|error| ProcessError(format!("could not subscribe to {}: {error}", spec.topics.join(", "))))?;

    let done = Stop::new();
    let sampler = {
        let (shared, done, ticks) = (Arc::clone(shared), done.clone(), spec.ticks);
        thread::spawn(move || Sampler::new(shared).until(&done, ticks))
    };
    let ended = Engine::new(spec, &client, shared, stop).run();
    if ended.is_ok() && matches!(spec.delivery.commit, CommitSpec::AfterBatch | CommitSpec::AfterRecord) {
        commit(&client, shared, Commit::Processed);
    }
    done.request();
    match sampler.join() {
        Ok((mut sampler, tick)) => sampler.tell(tick),
        Err(_) => return Err(ProcessError("the sampling thread broke".to_owned())),
    }
    leave(client, spec);
    ended
}

/// Writes a line every tick, from a thread of its own: it does not wait for handlers.
struct Sampler {
    shared: Arc<Shared>,
    meter: UsageMeter,
}

impl Sampler {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            meter: UsageMeter::new(),
        }
    }

    /// Until it is done; then says which tick would have been next.
    fn until(mut self, done: &Stop, ticks: Ticks) -> (Self, u32) {
        let clock = self.shared.clock;
        let mut tick = ticks.next_after(clock.now_us());
        while !done.wait_until(clock.instant_at(ticks.at(tick))) {
            self.tell(tick);
            tick += 1;
        }
        (self, tick)
    }

    fn tell(&mut self, tick: u32) {
        let at_us = self.shared.clock.now_us();
        let page = self.shared.ledger.page();
        let usage = self.meter.look();
        for trouble in self.shared.troubles.take() {
            self.shared.lines.write(&WorkerLine::Error {
                at_us,
                code: trouble.code,
                message: trouble.message,
                times: trouble.times,
            });
        }
        let counters = page.counters;
        self.shared.lines.write(&WorkerLine::Tick(WorkerTick {
            at_us,
            tick,
            positions: page.positions,
            processed: page.processed,
            records: counters.records,
            bytes: counters.bytes,
            repeated: counters.repeated,
            reordered: counters.reordered,
            foreign: counters.foreign,
            failed: counters.failed,
            dead_letters: counters.dead_letters,
            batches: counters.batches,
            in_hand: page.in_hand,
            latency: counters.latency.encode(),
            longest_poll_gap_us: counters.longest_poll_gap_us,
            resident_bytes: usage.resident_bytes,
            cpu_seconds: usage.cpu_seconds,
            cpu_wait_seconds: usage.cpu_wait_seconds,
        }));
    }
}
