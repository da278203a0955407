//! The kinds of service: the reference project's types, with costs and rates at which every proof holds.

/// What services of a type and the topics that they read have in common.
#[derive(Debug)]
pub struct Kind {
    /// The type's row of the matrix.
    pub row: &'static str,
    /// That row.
    pub cells: &'static str,
    /// How its services' names begin.
    pub stem: &'static str,
    /// What its services do.
    pub summaries: [&'static str; 3],
    /// How its topics' names begin.
    pub topic: &'static str,
    /// Partitions.
    pub partitions: u32,
    /// Records a second of one device.
    pub rate: &'static str,
    /// The same at the peak.
    pub peak: &'static str,
    /// How many devices there may be.
    pub fleets: [u32; 3],
    /// Mean and largest record.
    pub record: (&'static str, &'static str),
    /// What a record costs.
    pub costs: [&'static str; 3],
    /// What a batch costs.
    pub per_batch: &'static str,
    /// How many replicas there may be.
    pub replicas: [u32; 2],
    /// Memory: limit, resident, held for each byte of record.
    pub memory: (&'static str, &'static str, u32),
    /// How long one record may take at all: whether a slow record needs a thread beside an event loop.
    pub pace: Pace,
}

/// How long records take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Up to seconds: an event loop can't wait for it.
    Slow,
    /// Milliseconds.
    Fast,
}

/// Every kind.
pub const KINDS: [Kind; 6] = [
    Kind {
        row: "vision-ai",
        cells: "max_poll_records  = 1\nsession_timeout   = \"60s\"\nmax_poll_interval = \"10min\"\nfetch_max_wait    = \"100ms\"",
        stem: "image-describer",
        summaries: [
            "Describes what a camera sees",
            "Finds faces, and blurs them",
            "Reads the text that stands on a screen",
        ],
        topic: "device.image.camera",
        partitions: 6,
        rate: "0.05/s",
        peak: "0.1/s",
        fleets: [10, 15, 20],
        record: ("200KiB", "768KiB"),
        costs: [
            "{ p50 = \"200ms\", p99 = \"900ms\", max = \"20s\" }",
            "{ p50 = \"350ms\", p99 = \"1200ms\", max = \"25s\" }",
            "{ p50 = \"90ms\", p99 = \"700ms\", max = \"10s\" }",
        ],
        per_batch: "20ms",
        replicas: [3, 6],
        memory: ("6GiB", "3GiB", 3),
        pace: Pace::Slow,
    },
    Kind {
        row: "speech-ai",
        cells: "max_poll_records  = 10\nsession_timeout   = \"60s\"\nmax_poll_interval = \"5min\"\nfetch_max_wait    = \"500ms\"",
        stem: "speech-to-text",
        summaries: [
            "Words from the audio in which somebody speaks",
            "Tells who of several people is speaking",
            "Finds the language that is spoken",
        ],
        topic: "media.audio.filtered",
        partitions: 6,
        rate: "1/s",
        peak: "3/s",
        fleets: [10, 15, 20],
        record: ("8KiB", "64KiB"),
        costs: [
            "{ p50 = \"5ms\", p99 = \"20ms\", max = \"10s\" }",
            "{ p50 = \"8ms\", p99 = \"30ms\", max = \"5s\" }",
            "{ p50 = \"3ms\", p99 = \"15ms\", max = \"8s\" }",
        ],
        per_batch: "30ms",
        replicas: [3, 6],
        memory: ("6GiB", "4GiB", 4),
        pace: Pace::Slow,
    },
    Kind {
        row: "llm-ai",
        cells: "max_poll_records  = 1\nsession_timeout   = \"120s\"\nmax_poll_interval = \"20min\"\nfetch_max_wait    = \"100ms\"",
        stem: "context-writer",
        summaries: [
            "Draws context from what was said",
            "Sums up a day of notes",
            "Answers questions about what was heard",
        ],
        topic: "media.text.words",
        partitions: 6,
        rate: "0.02/s",
        peak: "0.05/s",
        fleets: [10, 15, 20],
        record: ("4KiB", "64KiB"),
        costs: [
            "{ p50 = \"400ms\", p99 = \"2s\", max = \"40s\" }",
            "{ p50 = \"600ms\", p99 = \"3s\", max = \"50s\" }",
            "{ p50 = \"250ms\", p99 = \"1500ms\", max = \"30s\" }",
        ],
        per_batch: "10ms",
        replicas: [3, 6],
        memory: ("10GiB", "7GiB", 20),
        pace: Pace::Slow,
    },
    Kind {
        row: "sensor-processing",
        cells: "max_poll_records  = { min = 500, max = 1000, default = 500 }\nsession_timeout   = \"30s\"\nrequest_timeout   = \"20s\"\nmax_poll_interval = \"1min\"\nfetch_max_wait    = \"500ms\"",
        stem: "motion-filter",
        summaries: [
            "Passes on what moved, and drops what lay still",
            "Counts steps from the accelerometer",
            "Tells walking from running and driving",
        ],
        topic: "device.sensor.accelerometer",
        partitions: 12,
        rate: "50/s",
        peak: "150/s",
        fleets: [2, 3, 4],
        record: ("128B", "2KiB"),
        costs: ["\"0.1ms\"", "\"0.15ms\"", "\"0.05ms\""],
        per_batch: "5ms",
        replicas: [3, 4],
        memory: ("1GiB", "150MiB", 8),
        pace: Pace::Fast,
    },
    Kind {
        row: "network-io",
        cells: "max_poll_records  = { min = 5, max = 10, default = 10 }\nsession_timeout   = \"60s\"\nmax_poll_interval = \"5min\"\nfetch_max_wait    = \"1000ms\"",
        stem: "position-geocoder",
        summaries: [
            "Turns positions into addresses",
            "Fetches the weather where somebody is",
            "Sends a notification for each alert",
        ],
        topic: "device.sensor.gps",
        partitions: 6,
        rate: "0.1/s",
        peak: "0.3/s",
        fleets: [20, 30, 40],
        record: ("1KiB", "16KiB"),
        costs: [
            "{ p50 = \"40ms\", p99 = \"200ms\", max = \"15s\" }",
            "{ p50 = \"60ms\", p99 = \"300ms\", max = \"10s\" }",
            "{ p50 = \"25ms\", p99 = \"150ms\", max = \"5s\" }",
        ],
        per_batch: "1ms",
        replicas: [3, 6],
        memory: ("1GiB", "150MiB", 2),
        pace: Pace::Fast,
    },
    Kind {
        row: "database-writer",
        cells: "max_poll_records  = 1000\nsession_timeout   = \"30s\"\nrequest_timeout   = \"20s\"\nmax_poll_interval = \"1min\"\nfetch_max_wait    = \"500ms\"",
        stem: "event-writer",
        summaries: [
            "Writes events to the database",
            "Keeps a table of the latest state",
            "Archives what is past its retention",
        ],
        topic: "motion.classification",
        partitions: 6,
        rate: "5/s",
        peak: "15/s",
        fleets: [10, 20, 30],
        record: ("512B", "8KiB"),
        costs: ["\"0.05ms\"", "\"0.08ms\"", "\"0.1ms\""],
        per_batch: "10ms",
        replicas: [3, 6],
        memory: ("1GiB", "200MiB", 4),
        pace: Pace::Fast,
    },
];
