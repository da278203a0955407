//! The mock: enough for a smoke test, and called one.

use std::time::Duration;

use lagproof::broker::{BrokerError, Halt, Kind, Options, TopicSpec, Wanted};
use rdkafka::Message;
use rdkafka::consumer::Consumer;

use super::support::{consumer, eventually, lease, produce, start};

#[test]
fn a_record_goes_through_and_it_says_what_it_is() {
    let mut broker = start(Wanted::Mock, &Options::default()).unwrap();
    assert_eq!(broker.kind(), Kind::Mock);
    assert_eq!(
        broker.to_string(),
        "librdkafka's in-process mock: a smoke test, no verdict"
    );
    let mut lease = lease(&broker);
    lease.create_topics(&[TopicSpec::new("t", 2)]).unwrap();
    assert_eq!(lease.admin().topics().unwrap()["t"], 2);
    assert_eq!(lease.claim_group("g", None).unwrap(), "g");

    produce(broker.bootstrap(), "t", 1, &["hello"]);
    let consumer = consumer(broker.bootstrap(), "g");
    consumer.subscribe(&["t"]).unwrap();
    // A poll ends early, without a record, where it had a rebalance to tell.
    let mut record = None;
    eventually("a record", || {
        record = consumer.poll(Duration::from_secs(1));
        record.is_some()
    });
    let record = record.unwrap().unwrap();
    assert_eq!((record.payload(), record.partition()), (Some(&b"hello"[..]), 1));

    let error = broker.halt(Halt::Killed).unwrap_err();
    assert!(matches!(error, BrokerError::Unsupported { .. }));
    assert_eq!(
        error.to_string(),
        "librdkafka's in-process mock: a smoke test, no verdict can't be stopped from here"
    );
    lease.release().unwrap();
    broker.check().unwrap();
}
