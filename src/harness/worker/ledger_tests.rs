use super::super::books::{Done, Holding, Outcome};
use super::{Commit, Ledger};
use crate::harness::protocol::{RecordFlags, RecordHeader};

fn ledger() -> Ledger {
    Ledger::new(&["t".to_owned()])
}

/// With partition 0 in hand.
fn holder() -> Ledger {
    let ledger = ledger();
    ledger.assigned(&[("t".to_owned(), 0)]);
    ledger
}

fn poll(ledger: &Ledger, partition: i32, offsets: std::ops::Range<i64>) -> Vec<(Holding, i64)> {
    let mut holdings = Vec::new();
    ledger.polled(offsets.clone().map(|offset| ("t", partition, offset)), |place| {
        let (holding, topic) = place.unwrap();
        assert_eq!(topic, 0);
        holdings.push(holding);
    });
    holdings.into_iter().zip(offsets).collect()
}

fn record((holding, offset): (Holding, i64), key: u32, key_sequence: u64) -> Done {
    Done {
        holding,
        offset,
        header: Some(RecordHeader {
            flags: RecordFlags::NONE,
            run: 1,
            shard: 0,
            sequence: u64::try_from(offset).unwrap(),
            due_us: 1_000,
            key,
            key_sequence,
        }),
        bytes: 100,
        at_us: 3_000,
        outcome: Outcome::Handled,
    }
}

fn place(offsets: &[(String, i32, i64)]) -> Vec<(i32, i64)> {
    offsets
        .iter()
        .map(|(_, partition, offset)| (*partition, *offset))
        .collect()
}

#[test]
fn a_position_waits_for_the_first_that_is_not_done() {
    let ledger = ledger();
    ledger.assigned(&[("t".to_owned(), 0), ("t".to_owned(), 1)]);
    let page = ledger.page();
    assert_eq!(page.positions.len(), 2);
    assert_eq!((page.positions[0].processed, page.positions[0].polled), (None, None));
    let records = poll(&ledger, 1, 10..14);
    assert_eq!(place(&ledger.to_commit(Commit::Polled)), [(1, 14)]);
    ledger.done(&[record(records[1], 0, 1), record(records[2], 1, 0)]);
    assert_eq!(place(&ledger.to_commit(Commit::Processed)), []);
    ledger.done(&[record(records[0], 2, 0)]);
    assert_eq!(place(&ledger.to_commit(Commit::Processed)), [(1, 13)]);
    ledger.committed([("t".to_owned(), 1, 13)]);
    assert_eq!(place(&ledger.to_commit(Commit::Processed)), []);
    let page = ledger.page();
    let position = &page.positions[1];
    assert_eq!(
        (position.processed, position.polled, position.committed),
        (Some(13), Some(14), Some(13))
    );
    assert_eq!((page.in_hand, page.counters.records, page.counters.bytes), (1, 3, 300));
    assert_eq!(page.counters.latency.max(), Some(2_000));
    assert_eq!(
        page.processed
            .iter()
            .map(|range| (range.from, range.to))
            .collect::<Vec<_>>(),
        [(10, 13)]
    );
}

#[test]
fn repetitions_and_disorder_are_told_apart() {
    let ledger = holder();
    let records = poll(&ledger, 0, 0..4);
    ledger.done(&[
        record(records[0], 5, 0),
        record(records[2], 5, 2),
        record(records[1], 5, 1),
    ]);
    let counters = ledger.page().counters;
    assert_eq!((counters.records, counters.repeated, counters.reordered), (3, 0, 1));
    // The group hands the partition back: from the committed offset on.
    ledger.unassigned(&[("t".to_owned(), 0)], false);
    ledger.assigned(&[("t".to_owned(), 0)]);
    let again = poll(&ledger, 0, 0..4);
    for (record_again, key_sequence) in again.iter().zip(0..) {
        ledger.done(&[record(*record_again, 5, key_sequence)]);
    }
    let page = ledger.page();
    assert_eq!(
        (page.counters.records, page.counters.repeated, page.counters.reordered),
        (4, 3, 0)
    );
    assert_eq!(page.processed.len(), 1, "only the last is new");
    assert_eq!(page.positions[0].processed, Some(4));
    // Records without a key have no order.
    let unkeyed = poll(&ledger, 0, 4..6);
    ledger.done(&[record(unkeyed[0], u32::MAX, 9), record(unkeyed[1], u32::MAX, 8)]);
    assert_eq!(ledger.page().counters.reordered, 0);
}

#[test]
fn what_goes_with_a_partition() {
    let ledger = holder();
    let dropped = poll(&ledger, 0, 0..3);
    ledger.done(&[record(dropped[0], 0, 0)]);
    ledger.unassigned(&[("t".to_owned(), 0)], false);
    assert!(!ledger.is_held(dropped[1].0));
    let page = ledger.page();
    assert_eq!((page.in_hand, page.positions.len()), (0, 0));
    assert_eq!(place(&ledger.to_commit(Commit::Processed)), []);
    // The handler that was at work ends all the same: counted, and no longer in hand.
    ledger.done(&[record(dropped[1], 0, 1)]);
    ledger.polled([("t", 0, 9)].into_iter(), |place| assert_eq!(place, None));
    let page = ledger.page();
    assert_eq!((page.in_hand, page.counters.records), (0, 1));
    // Handed over and forgotten: it will be processed, and counts, but moves no position.
    ledger.assigned(&[("t".to_owned(), 0)]);
    let kept = poll(&ledger, 0, 3..5);
    ledger.unassigned(&[("t".to_owned(), 0)], true);
    assert_eq!(ledger.page().in_hand, 2);
    ledger.done(&[record(kept[0], 0, 3), record(kept[1], 0, 4)]);
    let page = ledger.page();
    assert_eq!((page.in_hand, page.counters.records, page.positions.len()), (0, 2, 0));
    ledger.unassigned(&[("t".to_owned(), 7)], false);
}

#[test]
fn failures_and_strangers() {
    let ledger = holder();
    let records = poll(&ledger, 0, 0..3);
    let ended = |at: usize, outcome| Done {
        outcome,
        ..record(records[at], 0, at as u64)
    };
    let foreign = Done {
        header: None,
        ..ended(2, Outcome::Foreign)
    };
    ledger.done(&[ended(0, Outcome::Skipped), ended(1, Outcome::DeadLetter), foreign]);
    ledger.poll_gap(7);
    ledger.poll_gap(5);
    let page = ledger.page();
    let counters = &page.counters;
    assert_eq!(
        (
            counters.records,
            counters.failed,
            counters.dead_letters,
            counters.foreign
        ),
        (2, 2, 1, 1)
    );
    assert_eq!((counters.batches, counters.longest_poll_gap_us), (1, 7));
    assert_eq!(page.positions[0].processed, Some(3), "none of them is in the way");
    assert_eq!(ledger.page().counters.longest_poll_gap_us, 0);
}
