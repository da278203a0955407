//! Digests that must never change: a newer lagproof that gave others would ask every service for a new version.

use std::sync::Arc;

use lagproof::history::{
    context_digest, context_doc, proof_digest, settings_digest, settings_doc, topic_digest, topic_doc,
};
use lagproof::model::project::Model;
use lagproof::model::service::Service;

use crate::support::TestProject;

/// A service in which everything is said that can be said: what comes from the edition is pinned by other tests.
fn full() -> Model {
    let project = TestProject::new();
    project.merge(
        "version = 7\nclient = \"librdkafka\"\ninstance_id = \"example-${POD}\"\nreplicas = 3\n\n[consumer]\nassignors = [\"range\", \"roundrobin\"]\noffset_reset = \"earliest\"\nfetch_max = \"8MiB\"\n\n[delivery]\ncommit = \"after-batch\"\ncommit_interval = \"2500us\"\nisolation = \"read-committed\"\nretry = { attempts = 3, backoff = \"1s\", dead_letter = \"orders.created\" }\n\n[processing]\nconcurrency = \"unbounded\"\nhandler = \"thread\"\n\n[raw.librdkafka]\n\"socket.keepalive.enable\" = true\n\"broker.address.family\" = \"v4\"\n\"topic.metadata.propagation.max.ms\" = 5\n",
    );
    project.load().model.expect("it is read")
}

#[test]
fn digests_of_the_forms_are_what_they_were() {
    let model = full();
    let (service, topic) = (&*model.services[0], &model.topics["orders.created"]);
    let digests = [
        settings_digest(service),
        context_digest(&model, service),
        topic_digest(topic),
        proof_digest(&model, service),
    ];
    insta::assert_snapshot!(digests.map(|digest| digest.to_string()).join("\n"));
    insta::assert_snapshot!(settings_doc(service).canonical());
    insta::assert_snapshot!(context_doc(&model, service).canonical());
    insta::assert_snapshot!(topic_doc(topic).canonical());
}

fn first(model: &mut Model) -> &mut Service {
    Arc::make_mut(&mut model.services[0])
}

#[test]
fn each_digest_stands_for_its_part_and_no_other() {
    let digests = |model: &Model| {
        let service = &model.services[0];
        (
            settings_digest(service),
            context_digest(model, service),
            proof_digest(model, service),
        )
    };
    let clean = digests(&full());
    let change = |change: fn(&mut Model)| {
        let mut model = full();
        change(&mut model);
        let (settings, context, proof) = digests(&model);
        (settings != clean.0, context != clean.1, proof != clean.2)
    };
    assert_eq!(change(|model| first(model).version.value = 8), (false, false, false));
    assert_eq!(change(|model| first(model).deviations.clear()), (false, false, false));
    assert_eq!(
        change(|model| first(model).group.value = "x".into()),
        (true, false, true)
    );
    assert_eq!(change(|model| first(model).raw.clear()), (true, false, true));
    assert_eq!(
        change(|model| first(model).run.delivery.retry = None),
        (true, false, true)
    );
    assert_eq!(change(|model| first(model).replicas.value = 9), (false, true, true));
    assert_eq!(change(|model| first(model).targets.lag.value = 9), (false, true, true));
    let partitions = |model: &mut Model| model.topics.get_mut("orders.created").unwrap().partitions.value = 60;
    assert_eq!(change(partitions), (false, true, true));
    let mean = |model: &mut Model| model.topics.get_mut("orders.created").unwrap().record_mean = None;
    assert_eq!(change(mean), (false, false, true));
    assert_eq!(
        change(|model| first(model).run.memory.limit = None),
        (false, false, true)
    );
    assert_eq!(
        change(|model| first(model).run.processing.per_record = None),
        (false, false, true)
    );
}
