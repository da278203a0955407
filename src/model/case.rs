//! Experiments for `verify`: a service under other conditions.

use std::time::Duration;

use crate::source::FileId;
use crate::units::Rate;

use super::broker::Broker;
use super::origin::Sourced;
use super::service::Service;
use super::topic::Topic;

/// A stretch of load.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Records a second over all topics of the case.
    pub rate: Sourced<Rate>,
    /// How long.
    pub lasts: Sourced<Duration>,
}

/// An experiment: a service with other partitions, record sizes, rates, costs, memory or broker settings. A verdict on
/// a case never passes for the service.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name, which is its file's.
    pub name: String,
    /// Its file.
    pub file: FileId,
    /// What it shows.
    pub summary: Option<Sourced<String>>,
    /// The service as changed; its name is the service's own.
    pub service: Service,
    /// Its topics as changed.
    pub topics: Vec<Topic>,
    /// The brokers as changed.
    pub broker: Broker,
    /// Broker properties that only the case sets, as Kafka names them.
    pub broker_properties: Vec<(String, Sourced<String>)>,
    /// The load, stretch by stretch; empty for the topics' declared rates.
    pub load: Vec<Load>,
}
