//! Looking on at a running consumer.

use super::record::Record;

/// Where a record is that failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedBy {
    /// In the dead-letter topic.
    DeadLetter,
    /// Nowhere but in its own topic.
    Skipped,
}

/// Hears what happens. All of it is called in passing: it must not block.
pub trait Observer: Send + Sync + 'static {
    /// It consumes; called once.
    fn started(&self) {}

    /// It has these partitions from now on.
    fn assigned(&self, partitions: &[(String, i32)]) {
        let _ = partitions;
    }

    /// It has given them back.
    fn revoked(&self, partitions: &[(String, i32)]) {
        let _ = partitions;
    }

    /// They were taken away: the group went on without this member.
    fn lost(&self, partitions: &[(String, i32)]) {
        self.revoked(partitions);
    }

    /// It has committed what is processed and is about to leave its group, for good or to come back.
    fn leaving(&self) {}

    /// A batch is through, as far as it came.
    fn batch_ended(&self) {}

    /// A record failed for good and is passed by.
    fn passed_by(&self, record: &Record, to: PassedBy) {
        let _ = (record, to);
    }

    /// Kafka's client said that something went wrong; it goes on.
    fn trouble(&self, message: &str) {
        let _ = message;
    }
}

/// Who does not look.
pub(super) struct Nobody;

impl Observer for Nobody {}
