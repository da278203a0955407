use std::time::Duration;

use lagproof::model::cost::Cost;
use lagproof::proofs::Words;
use lagproof::proofs::fleet::{Group, Keys, Topic};
use lagproof::proofs::lag_floor::{Fetch, Floor};
use lagproof::proofs::memory::{Client, Fetching, Input};
use lagproof::proofs::work::{Commit, Concurrency, Handler, Work};
use lagproof::proofs::{Proof, Verdict, capacity, lag_floor, memory, poll_budget};
use proptest::prelude::*;

use super::facts::{accelerometer, members, ms, steady};

fn work() -> impl Strategy<Value = Work> {
    let concurrency = prop_oneof![(0_u32..20).prop_map(Concurrency::Bounded), Just(Concurrency::Unbounded)];
    let handler = prop_oneof![Just(Handler::Inline), Just(Handler::Thread), Just(Handler::EventLoop)];
    let commit = prop_oneof![
        Just(Commit::AfterBatch),
        Just(Commit::AfterRecord),
        Just(Commit::OnReceipt),
        Just(Commit::Interval)
    ];
    let cost = (1e-3_f64..1e4, 1.0_f64..30.0, prop::option::of(1.0_f64..50.0)).prop_map(|(p50, spread, beyond)| {
        let p99 = p50 * spread;
        Cost::fitted(ms(p50), ms(p99), beyond.map(|times| ms(p99 * times))).unwrap()
    });
    (
        0.0_f64..1e3,
        cost,
        0.0_f64..1e4,
        0_u32..5_000,
        concurrency,
        handler,
        commit,
    )
        .prop_map(|(per_batch, cost, cpu, records, concurrency, handler, commit)| Work {
            per_batch: Some(ms(per_batch)),
            per_record: Some(cost),
            cpu: ms(cpu),
            max_poll_records: Some(records),
            concurrency: Some(concurrency),
            handler,
            commit,
        })
}

fn scaled(work: &Work, times: f64) -> Work {
    let cost = match work.per_record.clone().unwrap() {
        Cost::Constant { seconds } => Cost::Constant {
            seconds: seconds * times,
        },
        Cost::LogNormal { mu, sigma, max } => Cost::LogNormal {
            mu: mu + times.ln(),
            sigma,
            max: max.map(|max| max * times),
        },
    };
    Work {
        per_record: Some(cost),
        cpu: work.cpu.mul_f64(times),
        ..work.clone()
    }
}

fn fetching(client: Client) -> Fetching {
    Fetching {
        client,
        brokers: Some(3),
        fetch_max: Some(50 << 20),
        max_partition_fetch: Some(1 << 20),
        queued_max_kbytes: Some(65_536),
    }
}

/// All four, with generous limits.
fn all(work: &Work, topic: &Topic, group: Group, fetch: Fetch) -> [Proof; 4] {
    let topics = [topic.clone()];
    let input = Input {
        fetching: fetching(Client::Librdkafka),
        work,
        topics: &topics,
        group,
        resident: Some(1),
        per_record_factor: Some(1.0),
        limit: Some(1 << 50),
    };
    [
        poll_budget::prove(work, Some(Duration::from_secs(1 << 40)), Words::Written).proof,
        memory::prove(&input, Words::Written).proof,
        capacity::prove(work, &topics, &group, Words::Written).proof,
        lag_floor::prove(work, &topics, &group, &fetch, Some(u64::MAX), Words::Written).proof,
    ]
}

fn floor(floor: Floor) -> f64 {
    match floor {
        Floor::Steady { records } => records,
        Floor::Grows { .. } => f64::INFINITY,
    }
}

proptest! {
    #[test]
    fn more_cost_never_lowers_anything(work in work(), times in 1.0_f64..10.0, rate in 0.0_f64..1e4, replicas in 1_u32..20) {
        let more = scaled(&work, times);
        let topics = [steady(rate)];
        let group = members(replicas);
        let rho = |work| capacity::prove(work, &topics, &group, Words::Written).numbers.unwrap().even.rho_expected;
        prop_assert!(rho(&more) >= rho(&work) * (1.0 - 1e-9));
        let fetch = Fetch { min: Some(1), max_wait: None };
        let lag = |work| floor(lag_floor::prove(work, &topics, &group, &fetch, Some(100), Words::Written).numbers.unwrap().expected);
        prop_assert!(lag(&more) >= lag(&work) * (1.0 - 1e-9));
        let budget = |work| poll_budget::prove(work, Some(ms(1e5)), Words::Written);
        prop_assert!(budget(&more).mean.unwrap() >= budget(&work).mean.unwrap() * (1.0 - 1e-9));
        prop_assert!(budget(&more).p99.unwrap() >= budget(&work).p99.unwrap() * (1.0 - 1e-9));
    }

    #[test]
    fn more_load_never_lowers_the_floor(work in work(), rate in 0.0_f64..1e4, more in 1.0_f64..5.0, min in 0_u64..100_000) {
        let fetch = Fetch { min: Some(min), max_wait: Some(ms(500.0)) };
        let lag = |rate| {
            let numbers = lag_floor::prove(&work, &[steady(rate)], &members(2), &fetch, Some(100), Words::Written).numbers.unwrap();
            floor(numbers.expected)
        };
        prop_assert!(lag(rate) >= 0.0);
        prop_assert!(lag(rate * more) >= lag(rate) * (1.0 - 1e-9));
    }

    #[test]
    fn skew_never_helps(rate in 0.0_f64..1e4, partitions in 1_u32..50, replicas in 1_u32..20, keys in 1_u64..100_000, exponent in 0.0_f64..2.0) {
        let topics = [Topic {
            partitions: Some(partitions),
            keys: Keys::Zipf { cardinality: keys, exponent },
            ..steady(rate)
        }];
        let numbers = capacity::prove(&super::facts::motion(), &topics, &members(replicas), Words::Written).numbers.unwrap();
        prop_assert!(numbers.hottest.unwrap().rho_expected >= numbers.even.rho_expected * (1.0 - 1e-9));
    }

    #[test]
    fn what_is_not_declared_never_passes(work in work(), gap in 0_usize..8) {
        let (mut work, mut topic, mut group) = (work, accelerometer(), members(2));
        let mut fetch = Fetch { min: Some(100), max_wait: Some(ms(500.0)) };
        // Which of the four proofs need it.
        let (poll, mem, cap, lag) = (0, 1, 2, 3);
        let needed: &[usize] = match gap {
            0 => { work.per_batch = None; &[poll, cap, lag] }
            1 => { work.per_record = None; &[poll, cap, lag] }
            2 => { work.max_poll_records = None; &[poll, mem, cap, lag] }
            3 => { work.concurrency = None; &[poll, mem, cap, lag] }
            4 => { topic.rate = None; &[cap, lag] }
            5 => { topic.partitions = None; &[mem, cap, lag] }
            6 => { group.replicas = None; &[mem, cap, lag] }
            _ => { fetch.max_wait = None; topic.record.mean = None; &[mem, lag] }
        };
        let proofs = all(&work, &topic, group, fetch);
        for proof in needed {
            prop_assert!(proofs[*proof].verdict > Verdict::Holds, "{:?}", proofs[*proof]);
            prop_assert!(!proofs[*proof].unknown.is_empty());
        }
    }

    #[test]
    fn text_says_nothing_strange(work in work(), rate in 0.0_f64..1e6, replicas in 0_u32..20) {
        let topic = Topic { rate: Some(rate), ..accelerometer() };
        for proof in all(&work, &topic, members(replicas), Fetch { min: Some(100), max_wait: Some(ms(500.0)) }) {
            let text = super::facts::print(&proof);
            prop_assert!(!text.contains("NaN") && !text.contains("inf") && !text.contains('−'), "{text}");
        }
    }

    #[test]
    fn memory_grows_with_what_it_is_made_of(partitions in 1_u32..200, more in 1_u32..200, replicas in 1_u32..20) {
        let work = super::facts::motion();
        for client in [Client::Librdkafka, Client::Java, Client::Aiokafka, Client::Kafkajs, Client::ConfluentJavascript] {
            let total = |partitions| {
                let topics = [Topic { partitions: Some(partitions), ..accelerometer() }];
                memory::prove(&Input {
                    fetching: fetching(client),
                    work: &work,
                    topics: &topics,
                    group: members(replicas),
                    resident: Some(1),
                    per_record_factor: Some(1.0),
                    limit: Some(1),
                }, Words::Written).total.unwrap()
            };
            prop_assert!(total(partitions + more) >= total(partitions));
        }
    }
}
