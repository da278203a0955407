//! The brokers' bounds and the project's severities.

use std::time::Duration;

use crate::declared::{BrokerSection, Spanned};
use crate::model::broker::Broker;
use crate::model::origin::{Layer, Sourced};
use crate::source::Span;
use crate::units::Size;

use super::layers::{lay, pinned};

/// The bounds of Apache Kafka 4.x's own defaults, three brokers, with what `[broker]` says laid over them.
pub(super) fn resolve_broker(section: Option<&Spanned<BrokerSection>>, config: Span) -> Broker {
    let at = section.map_or(config, |section| section.span);
    let seconds = |seconds| pinned(Duration::from_secs(seconds), at);
    let mut broker = Broker {
        version: pinned((4, 0), at),
        count: pinned(3, at),
        min_session_timeout: seconds(6),
        max_session_timeout: seconds(1_800),
        max_group_size: pinned(2_147_483_647, at),
        message_max: pinned(Size(1_048_588), at),
        fetch_max: pinned(Size(57_671_680), at),
        offsets_retention: seconds(10_080 * 60),
        consumer_session_timeout: (seconds(45), seconds(60)),
        consumer_heartbeat_interval: (seconds(5), seconds(15)),
    };
    if let Some(section) = section {
        lay_broker(&mut broker, &section.value, Layer::Defaults);
    }
    broker
}

pub(super) fn lay_broker(broker: &mut Broker, section: &BrokerSection, layer: Layer) {
    if let Some(version) = &section.version {
        broker.version = Sourced::new((version.value.0, version.value.1), layer, version.span);
    }
    lay(&mut broker.count, section.count.as_ref(), layer);
    lay(
        &mut broker.min_session_timeout,
        section.min_session_timeout.as_ref(),
        layer,
    );
    lay(
        &mut broker.max_session_timeout,
        section.max_session_timeout.as_ref(),
        layer,
    );
    lay(&mut broker.max_group_size, section.max_group_size.as_ref(), layer);
    lay(&mut broker.message_max, section.message_max.as_ref(), layer);
    lay(&mut broker.fetch_max, section.fetch_max.as_ref(), layer);
    lay(&mut broker.offsets_retention, section.offsets_retention.as_ref(), layer);
    lay(
        &mut broker.consumer_session_timeout.0,
        section.min_consumer_session_timeout.as_ref(),
        layer,
    );
    lay(
        &mut broker.consumer_session_timeout.1,
        section.max_consumer_session_timeout.as_ref(),
        layer,
    );
    lay(
        &mut broker.consumer_heartbeat_interval.0,
        section.min_consumer_heartbeat_interval.as_ref(),
        layer,
    );
    lay(
        &mut broker.consumer_heartbeat_interval.1,
        section.max_consumer_heartbeat_interval.as_ref(),
        layer,
    );
}
