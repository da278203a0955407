//! Each client's own defaults, spelt out.

use std::fmt::Write;

use lagproof::clients::{client_key, edition_default, edition_delivery};
use lagproof::model::keywords::{Client, GroupProtocol, Keyword};
use lagproof::model::matrix::Edition;
use lagproof::model::settings::Setting;

#[test]
fn defaults_of_2026() {
    let mut table = String::new();
    for setting in Setting::ALL {
        let _ = write!(table, "{:<26}", setting.name());
        for client in Client::ALL {
            let value = edition_default(Edition::E2026, *client, GroupProtocol::Classic, setting);
            let shown = value.map_or_else(|| "-".to_owned(), |value| value.to_string());
            let _ = write!(table, " {shown:<25}");
        }
        table.push('\n');
    }
    for client in Client::ALL {
        let (commit, interval, isolation) = edition_delivery(Edition::E2026, *client);
        let _ = writeln!(table, "{client}: {commit}, {interval:?}, {isolation}");
    }
    insta::assert_snapshot!(
        table
            .replace(" \n", "\n")
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn what_every_proof_needs_is_there_for_every_client() {
    for client in Client::ALL {
        for protocol in GroupProtocol::ALL {
            for setting in [
                Setting::MaxPollRecords,
                Setting::MaxPollInterval,
                Setting::FetchMax,
                Setting::MaxPartitionFetch,
                Setting::FetchMaxWait,
                Setting::FetchMin,
                Setting::OffsetReset,
            ] {
                let value = edition_default(Edition::E2026, *client, *protocol, setting);
                assert!(value.is_some(), "{client} has no {setting}");
            }
        }
    }
}

#[test]
fn kip_848_leaves_to_the_broker_what_it_decides() {
    for client in Client::ALL {
        for setting in [Setting::SessionTimeout, Setting::HeartbeatInterval, Setting::Assignors] {
            assert_eq!(
                edition_default(Edition::E2026, *client, GroupProtocol::Consumer, setting),
                None
            );
            assert!(edition_default(Edition::E2026, *client, GroupProtocol::Classic, setting).is_some());
        }
    }
}

/// A default for what a client has no name for would be a value that nothing reads.
#[test]
fn defaults_have_names() {
    let by_loader = |client, setting| match setting {
        Setting::MaxPollRecords => matches!(client, Client::Librdkafka | Client::Kafkajs),
        Setting::MaxPollInterval => client == Client::Kafkajs,
        _ => false,
    };
    for client in Client::ALL {
        for setting in Setting::ALL {
            let value = edition_default(Edition::E2026, *client, GroupProtocol::Classic, setting);
            let named = client_key(*client, setting).is_some() || by_loader(*client, setting);
            assert!(value.is_none() || named, "{client}: {setting}");
        }
    }
}
