//! Family R: services that had another name.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Severity, Stance};
use crate::model::origin::Sourced;
use crate::model::project::Model;
use crate::model::service::Service;

use super::{Check, Rule};

/// Every rule of the family.
pub(super) const RULES: &[Rule] = &[STILL_THERE, CLAIMED_TWICE];

const OWN: &str = "lagproof's own rules for its files: a service's history goes on under one name";

const STILL_THERE: Rule = Rule {
    page: &Page {
        code: Code("R101"),
        name: "former-name-still-there",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A service is said to have had a name that a service still has.",
        why: "`[[renamed]]` carries the versions, overrides and measurements of the old name on. While a service of that name exists, they are its own.",
        bad: Example::Snippet("[[renamed]]\nfrom = \"example\"\n"),
        good: Example::Snippet("[[renamed]]\nfrom = \"order-lookup\"\n"),
        source: OWN,
    },
    check: Check::Project(still_there),
};

const CLAIMED_TWICE: Rule = Rule {
    page: &Page {
        code: Code("R102"),
        name: "former-name-claimed-twice",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "Two services are said to have had the same name, or one says it twice.",
        why: "The history of a service can go on under one name only.",
        bad: Example::Snippet("[[renamed]]\nfrom = \"order-lookup\"\n\n[[renamed]]\nfrom = \"order-lookup\"\n"),
        good: Example::Snippet("[[renamed]]\nfrom = \"order-lookup\"\n\n[[renamed]]\nfrom = \"orders\"\n"),
        source: OWN,
    },
    check: Check::Project(claimed_twice),
};

/// Every former name, with the service that claims it.
fn former(model: &Model) -> impl Iterator<Item = (&Service, &Sourced<String>)> {
    let services = model.services.iter().map(AsRef::as_ref);
    services.flat_map(|service| service.renamed_from.iter().map(move |name| (service, name)))
}

fn still_there(model: &Model, findings: &mut Findings) {
    let names: BTreeSet<&str> = model.services.iter().map(|service| service.name.as_str()).collect();
    for (service, name) in former(model).filter(|(_, name)| names.contains(name.as_str())) {
        let here = if service.name == name.value {
            "its own name"
        } else {
            "a profile of this name is there"
        };
        findings.push(
            Finding::new(
                STILL_THERE.page,
                name.span(),
                format!("{} can't have been named `{}`", service.name, name.value),
            )
            .here(here)
            .at_run_time("two services would carry one history on")
            .help("take the [[renamed]] table out, or remove the old profile")
            .about(service.name.as_str()),
        );
    }
}

fn claimed_twice(model: &Model, findings: &mut Findings) {
    let mut claims: BTreeMap<&str, (&Service, &Sourced<String>)> = BTreeMap::new();
    for (service, name) in former(model) {
        let Some((first, place)) = claims.get(name.as_str()) else {
            claims.insert(&name.value, (service, name));
            continue;
        };
        findings.push(
            Finding::new(
                CLAIMED_TWICE.page,
                name.span(),
                format!("`{}` was renamed twice", name.value),
            )
            .here(format!("to {} here", service.name))
            .label(place.span(), format!("to {} here", first.name))
            .at_run_time("two services would carry one history on")
            .help("keep the one that the service really became")
            .about(service.name.as_str()),
        );
    }
}
