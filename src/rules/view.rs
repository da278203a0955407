//! What rules look at: a service, a topic or a group, with what stands around it.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::model::matrix::TypeRow;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::topic::Topic;
use crate::proofs::inputs::{Inputs, Proofs, group_replicas};

/// Who reads what, and who shares a group; made once a run.
#[derive(Debug)]
pub struct Index<'m> {
    readers: BTreeMap<&'m str, Vec<&'m Service>>,
    groups: BTreeMap<&'m str, Vec<&'m Service>>,
}

impl<'m> Index<'m> {
    /// Goes over the services once.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        let mut index = Self {
            readers: BTreeMap::new(),
            groups: BTreeMap::new(),
        };
        for service in &model.services {
            for topic in &service.topics {
                index.readers.entry(topic.value.as_str()).or_default().push(service);
            }
            index
                .groups
                .entry(service.group.value.as_str())
                .or_default()
                .push(service);
        }
        index
    }

    /// The services that read a topic, by name.
    #[must_use]
    pub fn readers(&self, topic: &str) -> &[&'m Service] {
        self.readers.get(topic).map_or(&[], Vec::as_slice)
    }

    /// The services of a group, by name.
    #[must_use]
    pub fn members(&self, group: &str) -> &[&'m Service] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
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
    proofs: OnceCell<Proofs>,
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
            proofs: OnceCell::new(),
        }
    }

    /// Its four proofs, worked out once.
    pub fn proofs(&self) -> &Proofs {
        self.proofs.get_or_init(|| {
            let members = self.index.members(&self.service.group.value);
            let replicas = group_replicas(self.service, members);
            Inputs::new(
                self.service,
                &self.service.run,
                &self.topics,
                &self.model.broker,
                replicas,
            )
            .prove()
        })
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
