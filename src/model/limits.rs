//! Bounds that hold for one consumer whatever its client: the one source of the compiler's rules and the database's
//! CHECK constraints.

use super::settings::Setting;

/// The values that a setting can take: counts as they are, durations in milliseconds, sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;
/// What a signed 32-bit integer holds: the width of these settings in every client and in the protocol.
const INT: u64 = 2_147_483_647;

/// A setting's bounds, or nothing where it has no number. Each is the narrowest that every client accepts; librdkafka's
/// `CONFIGURATION.md` is the strictest for most.
#[must_use]
pub const fn bounds(setting: Setting) -> Option<Bounds> {
    let (min, max) = match setting {
        Setting::MaxPollRecords => (1, INT),
        Setting::SessionTimeout | Setting::HeartbeatInterval => (1, HOUR_MS),
        Setting::MaxPollInterval => (1, DAY_MS),
        Setting::RebalanceTimeout => (1, HOUR_MS),
        Setting::FetchMin => (1, 100_000_000),
        Setting::FetchMaxWait | Setting::FetchQueueBackoff => (0, 300_000),
        Setting::FetchMax => (1, 2_147_483_135),
        Setting::MaxPartitionFetch | Setting::MessageMax => (1_000, 1_000_000_000),
        Setting::ReceiveMessageMax => (1_000, INT),
        Setting::QueuedMinMessages => (1, 10_000_000),
        Setting::QueuedMax => (1_000, 2_097_151_000),
        Setting::RequestTimeout => (10, 300_000),
        Setting::RetryBackoff | Setting::RetryBackoffMax => (1, 300_000),
        Setting::ReconnectBackoff | Setting::ReconnectBackoffMax => (0, HOUR_MS),
        Setting::ConnectionsMaxIdle => (0, INT),
        Setting::ReceiveBuffer => (0, 100_000_000),
        Setting::StatisticsInterval => (0, DAY_MS),
        Setting::MetadataMaxAge => (10, HOUR_MS),
        Setting::Assignors
        | Setting::RemoteAssignor
        | Setting::OffsetReset
        | Setting::ClientRack
        | Setting::CheckCrcs
        | Setting::AllowAutoCreateTopics => return None,
    };
    Some(Bounds { min, max })
}

/// How two settings of one row must stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Left below right.
    Below,
    /// Left at most right.
    AtMost,
}

/// Which consumers a relation holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Every,
    /// Those on librdkafka itself, with the classic protocol: it refuses the consumer. (Confluent's JavaScript client
    /// doubles the poll interval before librdkafka sees it.)
    LibrdkafkaClassic,
}

/// A relation between two settings of one consumer that some client or broker enforces, or that breaks it at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    /// The code of the rule that judges it.
    pub code: &'static str,
    /// The setting that must be smaller.
    pub left: Setting,
    /// How.
    pub order: Order,
    /// The setting that must be larger.
    pub right: Setting,
    /// Whom it holds for.
    pub reach: Reach,
}

/// The relations whose breach is an error.
pub const RELATIONS: [Relation; 3] = [
    Relation {
        code: "C101",
        left: Setting::HeartbeatInterval,
        order: Order::Below,
        right: Setting::SessionTimeout,
        reach: Reach::Every,
    },
    Relation {
        code: "C103",
        left: Setting::SessionTimeout,
        order: Order::AtMost,
        right: Setting::MaxPollInterval,
        reach: Reach::LibrdkafkaClassic,
    },
    Relation {
        code: "N101",
        left: Setting::ReconnectBackoff,
        order: Order::AtMost,
        right: Setting::ReconnectBackoffMax,
        reach: Reach::Every,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Kind;

    #[test]
    fn every_number_has_bounds_and_nothing_else_has() {
        for setting in Setting::ALL {
            let numeric = matches!(setting.info().kind, Kind::Count | Kind::Duration | Kind::Size);
            assert_eq!(bounds(setting).is_some(), numeric, "{setting}");
            assert!(bounds(setting).is_none_or(|bounds| bounds.min <= bounds.max));
        }
    }
}
