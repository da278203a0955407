use lagproof::proofs::text::{bytes, count, declared_bytes, number, percent, rate, ratio, records, seconds};

#[test]
fn numbers_are_friendly() {
    let seen = [
        0.0,
        0.0001,
        0.1,
        16.84,
        65.536,
        99.96,
        132.4,
        999.7,
        2_500.0,
        1_234_567.8,
        f64::INFINITY,
    ]
    .map(number);
    assert_eq!(
        seen,
        [
            "0",
            "0.0001",
            "0.1",
            "16.8",
            "65.5",
            "100",
            "132",
            "1,000",
            "2,500",
            "1,234,568",
            "∞"
        ]
    );
}

#[test]
fn durations_have_the_unit_that_fits() {
    let seen = [
        0.0, 3e-8, 0.00002, 0.0001, 0.015, 0.065, 0.9999, 60.0, 90.0, 600.0, 7_200.0, 604_800.0,
    ]
    .map(seconds);
    assert_eq!(
        seen,
        [
            "0 s", "30 ns", "20 µs", "0.1 ms", "15 ms", "65 ms", "1 s", "60 s", "90 s", "10 min", "2 h", "7 d"
        ]
    );
    assert_eq!(seconds(f64::INFINITY), "unbounded");
}

#[test]
fn sizes_are_decimal_unless_declared_in_binary() {
    assert_eq!(
        [200.0, 65_536_000.0, 131_700_000.0].map(bytes),
        ["200 B", "65.5 MB", "132 MB"]
    );
    assert_eq!(
        [268_435_456, 4 << 30, 256_000_000].map(declared_bytes),
        ["256 MiB", "4 GiB", "256 MB"]
    );
}

#[test]
fn counts_and_rates() {
    assert_eq!([0.1, 500.0, 2_500.0].map(rate), ["0.1/s", "500/s", "2,500/s"]);
    assert_eq!(
        [1.0, 2.5, 16.84, 12_345.0].map(records),
        ["1 record", "2.5 records", "17 records", "12,345 records"]
    );
    assert_eq!(
        (count(1, "member"), count(3, "member")),
        ("1 member".to_owned(), "3 members".to_owned())
    );
}

#[test]
fn shares_never_round_across_the_bound() {
    let seen = [0.0, 0.0001, 0.001, 0.491, 0.9999, 1.0, 1.001, 2.0].map(percent);
    assert_eq!(
        seen,
        [
            "0 %",
            "below 0.1 %",
            "0.1 %",
            "49 %",
            "99 %",
            "100 %",
            "over 100 %",
            "200 %"
        ]
    );
    assert_eq!(
        [0.0, 0.001, 0.066, 0.999, 1.0].map(ratio),
        ["0", "below 0.01", "0.07", "0.99", "1"]
    );
}
