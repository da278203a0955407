//! What rules look at: a service, a topic or a group, with what stands around it.

use std::cell::OnceCell;

use rayon::prelude::*;

use crate::model::matrix::TypeRow;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::topic::Topic;
use crate::proofs::Words;
use crate::proofs::capacity::Capacity;
use crate::proofs::inputs::{Inputs, group_replicas};
use crate::proofs::lag_floor::LagFloor;
use crate::proofs::memory::Memory;
use crate::proofs::poll_budget::PollBudget;

/// Who reads what, and who shares a group; made once a run.
#[derive(Debug)]
pub struct Index<'m> {
    readers: ByName<'m>,
    groups: ByName<'m>,
}

/// Services by the name of something that they have; those of one name by their own.
#[derive(Debug)]
struct ByName<'m> {
    /// Sorted.
    names: Vec<&'m str>,
    /// As many as there are names.
    services: Vec<&'m Service>,
}

impl<'m> ByName<'m> {
    /// Of services in the order of their names.
    fn new(mut pairs: Vec<(&'m str, &'m Service)>) -> Self {
        pairs.par_sort_by(|a, b| a.0.cmp(b.0));
        let (names, services) = pairs.into_iter().unzip();
        Self { names, services }
    }

    fn get(&self, name: &str) -> &[&'m Service] {
        let start = self.names.partition_point(|other| *other < name);
        let end = start + self.names[start..].iter().take_while(|other| **other == name).count();
        &self.services[start..end]
    }

    fn iter(&self) -> impl Iterator<Item = (&'m str, &[&'m Service])> {
        let mut rest = &self.services[..];
        self.names.chunk_by(|a, b| a == b).map(move |names| {
            let (these, others) = rest.split_at(names.len());
            rest = others;
            (names[0], these)
        })
    }
}

impl<'m> Index<'m> {
    /// Goes over the services once.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        let services = || model.services.iter().map(AsRef::as_ref);
        let reads = services().flat_map(|service| service.topics.iter().map(move |topic| (topic.as_str(), service)));
        let groups = services().map(|service| (service.group.as_str(), service));
        Self {
            readers: ByName::new(reads.collect()),
            groups: ByName::new(groups.collect()),
        }
    }

    /// The services that read a topic, by name.
    #[must_use]
    pub fn readers(&self, topic: &str) -> &[&'m Service] {
        self.readers.get(topic)
    }

    /// The services of a group, by name.
    #[must_use]
    pub fn members(&self, group: &str) -> &[&'m Service] {
        self.groups.get(group)
    }

    /// Every group.
    pub fn groups<'a>(&'a self, model: &'m Model) -> impl Iterator<Item = GroupView<'a>>
    where
        'm: 'a,
    {
        self.groups
            .iter()
            .map(move |(group, members)| GroupView { model, group, members })
    }
}

/// One service.
#[derive(Debug)]
pub struct ServiceView<'a> {
    /// The project.
    pub model: &'a Model,
    /// Who else is there.
    pub index: &'a Index<'a>,
    /// The service.
    pub service: &'a Service,
    /// Its row of the matrix; nothing where its type is unknown.
    pub row: Option<&'a TypeRow>,
    /// The declared topics that it reads.
    pub topics: Vec<&'a Topic>,
    inputs: OnceCell<Inputs>,
    poll_budget: OnceCell<PollBudget>,
    memory: OnceCell<Memory>,
    capacity: OnceCell<Capacity>,
    lag_floor: OnceCell<LagFloor>,
}

impl<'a> ServiceView<'a> {
    /// A service with what stands around it.
    #[must_use]
    pub fn new(model: &'a Model, index: &'a Index<'a>, service: &'a Service) -> Self {
        Self {
            model,
            index,
            service,
            row: model.matrix.row(&service.service_type),
            topics: service
                .topics
                .iter()
                .filter_map(|topic| model.topics.get(&topic.value))
                .collect(),
            inputs: OnceCell::new(),
            poll_budget: OnceCell::new(),
            memory: OnceCell::new(),
            capacity: OnceCell::new(),
            lag_floor: OnceCell::new(),
        }
    }

    /// What its proofs take.
    pub fn inputs(&self) -> &Inputs {
        self.inputs.get_or_init(|| {
            let members = self.index.members(&self.service.group.value);
            let replicas = group_replicas(self.service, members);
            let (service, brokers) = (self.service, &self.model.broker);
            Inputs::new(service, &service.run, &self.topics, brokers, replicas)
        })
    }

    /// Whether a batch is done before the next poll is due; like the other proofs worked out once, and without words.
    pub fn poll_budget(&self) -> &PollBudget {
        self.poll_budget
            .get_or_init(|| self.inputs().poll_budget(Words::LeftOut))
    }

    /// Whether the process stays inside its container. A rule that looks at it belongs to those on brokers.
    pub fn memory(&self) -> &Memory {
        self.memory.get_or_init(|| self.inputs().memory(Words::LeftOut))
    }

    /// Whether members can process what arrives.
    pub fn capacity(&self) -> &Capacity {
        self.capacity.get_or_init(|| self.inputs().capacity(Words::LeftOut))
    }

    /// Whether the lag target can be met at all.
    pub fn lag_floor(&self) -> &LagFloor {
        self.lag_floor.get_or_init(|| self.inputs().lag_floor(Words::LeftOut))
    }
}

/// One topic.
#[derive(Debug)]
pub struct TopicView<'a> {
    /// The project.
    pub model: &'a Model,
    /// The topic.
    pub topic: &'a Topic,
    /// The services that read it, by name.
    pub readers: &'a [&'a Service],
}

impl<'a> TopicView<'a> {
    /// A topic with its readers.
    #[must_use]
    pub fn new(model: &'a Model, index: &'a Index<'a>, topic: &'a Topic) -> Self {
        Self {
            model,
            topic,
            readers: index.readers(&topic.name),
        }
    }
}

/// One consumer group.
#[derive(Debug)]
pub struct GroupView<'a> {
    /// The project.
    pub model: &'a Model,
    /// The group's name.
    pub group: &'a str,
    /// Its services, by name; at least one.
    pub members: &'a [&'a Service],
}
