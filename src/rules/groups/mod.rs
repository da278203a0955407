//! Family G: consumer groups as a whole.

/// A page's example of two services in one group: what is merged into the example's profile, and what the second
/// service's profile says besides what makes it complete; its type and topics are the example's unless told otherwise.
macro_rules! two_services {
    ($first:literal, $second:literal) => {
        two_services!($first, "type = \"worker\"\ntopics = [\"orders.created\"]\n", $second)
    };
    ($first:literal, $head:literal, $second:literal) => {
        concat!(
            $first,
            "\n# raw file: profiles/services/second.toml\n",
            "version = 1\nclient = \"java\"\ngroup = \"example\"\n",
            $head,
            $second,
            "\n[processing]\nper_record = { p50 = \"20ms\", p99 = \"80ms\", max = \"2s\" }\n",
            "\n[memory]\nlimit = \"1GiB\"\nresident = \"300MiB\"\n"
        )
    };
}

mod assignment;
mod members;
mod settings;
mod shared;

use crate::diagnostic::Finding;
use crate::model::service::Service;

use super::{GroupView, Rule};

pub(super) use members::TOO_MANY;

/// Every rule of the family.
pub(super) const RULES: &[Rule] = &[
    members::IDLE,
    members::TOO_MANY,
    members::STATIC_IDS,
    shared::TOPICS_DIFFER,
    shared::TYPES_DIFFER,
    assignment::NO_COMMON_ASSIGNOR,
    assignment::RANGE_SKEW,
    settings::PROTOCOLS_DIFFER,
    settings::MEMBERS_DIFFER,
    settings::GROUP_SETTINGS_DIFFER,
];

/// Names of services in words: `a, b and 3 more`.
fn named<'a>(services: impl IntoIterator<Item = &'a Service>) -> String {
    let names: Vec<&str> = services.into_iter().map(|service| service.name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] if names.len() <= 3 => format!("{} and {last}", all.join(", ")),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    }
}

/// Labels where each of the other members names the group; at most five.
fn label_members(finding: Finding, view: &GroupView<'_>, but: &Service) -> Finding {
    let others = view.members.iter().filter(|member| member.name != but.name).take(5);
    others.fold(finding, |finding, member| {
        finding.label(member.group.span(), format!("{} is a member", member.name))
    })
}
