//! Seeds in any order amount to the same.

use lagproof::history::{Content, Digest, Header, Seed, ServiceEntry, Stamp, Standing, State, TopicEntry};
use lagproof::source::FileId;
use proptest::prelude::*;

fn seed(name: u32, services: Vec<(u8, u32, u32, u8)>, topics: Vec<(u8, u32, u8)>) -> Seed {
    let digest = |number: u8| Digest::of_bytes(&[number]);
    let service = |(name, version, revision, content): (u8, u32, u32, u8)| ServiceEntry {
        name: format!("s{name}"),
        stamp: Stamp { version, revision },
        content: match content {
            0 => Content::Retired,
            other => Content::Live {
                settings: digest(other),
                context: digest(other),
            },
        },
        follows: None,
    };
    let topic = |(name, revision, content): (u8, u32, u8)| TopicEntry {
        name: format!("t{name}"),
        revision,
        digest: digest(content),
        follows: None,
    };
    Seed {
        name: format!("{name:014}_x.sql"),
        file: FileId(0),
        header: Header {
            hash: digest(0),
            services: services.into_iter().map(service).collect(),
            topics: topics.into_iter().map(topic).collect(),
            replaces: Vec::new(),
        },
        standing: Standing::Landed,
    }
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let services = prop::collection::vec((0..3u8, 1..4u32, 1..3u32, 0..3u8), 0..4);
    let topics = prop::collection::vec((0..2u8, 1..4u32, 0..3u8), 0..3);
    prop::collection::vec((services, topics), 0..6).prop_map(|list| {
        list.into_iter()
            .zip(0..)
            .map(|((services, topics), name)| seed(name, services, topics))
            .collect()
    })
}

/// What can be asked of a state, as text.
fn asked(state: &State<'_>) -> String {
    let lives: Vec<String> = state
        .services()
        .map(|life| {
            let rival = life.rival().map(|rival| rival.seed.name.as_str());
            format!("{} {} {:?} {rival:?}", life.name(), life.stamp(), life.agreed())
        })
        .collect();
    let topics: Vec<_> = ["t0", "t1"].map(|name| format!("{:?}", state.topic(name))).into();
    format!("{lives:#?}{topics:#?}")
}

proptest! {
    #[test]
    fn in_any_order(seeds in seeds().prop_shuffle(), other in any::<u64>()) {
        let one = State::replay(seeds.iter());
        let turn = usize::try_from(other % 7).unwrap() % seeds.len().max(1);
        let two = State::replay(seeds[turn..].iter().chain(&seeds[..turn]));
        prop_assert_eq!(asked(&one), asked(&two));
    }

    #[test]
    fn the_highest_stamp_wins_and_agreement_is_agreement(seeds in seeds()) {
        let state = State::replay(seeds.iter());
        for life in state.services() {
            let entries: Vec<&ServiceEntry> = seeds
                .iter()
                .flat_map(|seed| &seed.header.services)
                .filter(|entry| entry.name == life.name())
                .collect();
            let stamp = entries.iter().map(|entry| entry.stamp).max().unwrap();
            prop_assert_eq!(life.stamp(), stamp);
            let last: Vec<_> = entries.iter().filter(|entry| entry.stamp.version == stamp.version).collect();
            let one_setting = last.iter().all(|entry| entry.content.settings() == last[0].content.settings());
            prop_assert_eq!(life.rival().is_none(), one_setting);
            if let Some(content) = life.agreed() {
                prop_assert!(last.iter().filter(|entry| entry.stamp == stamp).all(|entry| entry.content == content));
            }
        }
    }
}
