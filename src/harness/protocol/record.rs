//! The first bytes of every record that the harness sends.

/// How many bytes of a record's value are the harness's own; smaller records can't be sent.
pub const RECORD_HEADER: usize = 40;

const MAGIC: [u8; 3] = *b"LGP";

/// What a record asks of its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordFlags(pub u8);

impl RecordFlags {
    /// An ordinary record.
    pub const NONE: Self = Self(0);
    /// Its handler fails, however often it tries.
    pub const POISON: Self = Self(1);
    /// Its handler takes as long as the spec's `slow_us`.
    pub const SLOW: Self = Self(2);
}

/// What a record says of itself. Big-endian: `LGP`, flags (1), run (4), shard (4), sequence (8), due (8), key (4), key
/// sequence (8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// What it asks of its handler.
    pub flags: RecordFlags,
    /// Which run sent it ([`super::WorkerSpec::tag`]).
    pub run: u32,
    /// Which load shard sent it.
    pub shard: u32,
    /// Its number in its stream.
    pub sequence: u64,
    /// When it was due to be sent, whenever it was.
    pub due_us: i64,
    /// Which key it has, from 0; of records without a key, `u32::MAX`.
    pub key: u32,
    /// Its number among the records of that key, topic and shard.
    pub key_sequence: u64,
}

impl RecordHeader {
    /// Writes it over the first [`RECORD_HEADER`] bytes of `value`.
    ///
    /// # Panics
    /// If `value` is shorter than that.
    pub fn write(&self, value: &mut [u8]) {
        value[..3].copy_from_slice(&MAGIC);
        value[3] = self.flags.0;
        value[4..8].copy_from_slice(&self.run.to_be_bytes());
        value[8..12].copy_from_slice(&self.shard.to_be_bytes());
        value[12..20].copy_from_slice(&self.sequence.to_be_bytes());
        value[20..28].copy_from_slice(&self.due_us.to_be_bytes());
        value[28..32].copy_from_slice(&self.key.to_be_bytes());
        value[32..40].copy_from_slice(&self.key_sequence.to_be_bytes());
    }

    /// Reads it; nothing where `value` was not written by a harness.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let bytes: &[u8; RECORD_HEADER] = value.first_chunk()?;
        if bytes[..3] != MAGIC {
            return None;
        }
        Some(Self {
            flags: RecordFlags(bytes[3]),
            run: u32::from_be_bytes(bytes[4..8].try_into().ok()?),
            shard: u32::from_be_bytes(bytes[8..12].try_into().ok()?),
            sequence: u64::from_be_bytes(bytes[12..20].try_into().ok()?),
            due_us: i64::from_be_bytes(bytes[20..28].try_into().ok()?),
            key: u32::from_be_bytes(bytes[28..32].try_into().ok()?),
            key_sequence: u64::from_be_bytes(bytes[32..40].try_into().ok()?),
        })
    }
}
