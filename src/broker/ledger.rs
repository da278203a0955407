//! What all runs on one cluster that is not ours have put there so far, held against its caps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::units::Size;

use super::permit::{Caps, Refusal};

/// Shared by all leases of a broker: runs that go on side by side count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// Promised by all runs; what was deleted was written all the same.
    bytes: u64,
    /// Of topics that are there now.
    partitions: u32,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are about to be written.
    pub(super) fn promise(&self, bytes: Size, caps: Caps) -> Result<(), Refusal> {
        let mut entries = self.entries();
        let wanted = Size(entries.bytes.saturating_add(bytes.bytes()));
        if wanted > caps.bytes {
            let cap = caps.bytes;
            return Err(Refusal::Bytes { wanted, cap });
        }
        entries.bytes = wanted.bytes();
        Ok(())
    }

    /// Partitions that are about to be made.
    pub(super) fn take_partitions(&self, partitions: u32, caps: Caps) -> Result<(), Refusal> {
        let mut entries = self.entries();
        let wanted = entries.partitions.saturating_add(partitions);
        if wanted > caps.partitions {
            let cap = caps.partitions;
            return Err(Refusal::Partitions { wanted, cap });
        }
        entries.partitions = wanted;
        Ok(())
    }

    /// Partitions that are gone again.
    pub(super) fn give_partitions_back(&self, partitions: u32) {
        let mut entries = self.entries();
        entries.partitions = entries.partitions.saturating_sub(partitions);
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;
    use crate::broker::permit::{Caps, Refusal};
    use crate::units::Size;

    #[test]
    fn bytes_add_up_and_partitions_come_back() {
        let caps = Caps {
            bytes: Size(10),
            partitions: 5,
        };
        let ledger = Ledger::default();
        let other = ledger.clone();
        ledger.promise(Size(6), caps).unwrap();
        let refused = Refusal::Bytes {
            wanted: Size(12),
            cap: Size(10),
        };
        assert_eq!(other.promise(Size(6), caps), Err(refused));
        other.promise(Size(4), caps).unwrap();
        ledger.take_partitions(3, caps).unwrap();
        let refused = Refusal::Partitions { wanted: 6, cap: 5 };
        assert_eq!(other.take_partitions(3, caps), Err(refused));
        ledger.give_partitions_back(3);
        other.take_partitions(5, caps).unwrap();
    }
}
