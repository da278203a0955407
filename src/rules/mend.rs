//! Fixes: a setting written where a finding stands.

use std::time::Duration;

use crate::diagnostic::{Finding, Safety};
use crate::model::limits::bounds;
use crate::model::matrix::Cell;
use crate::model::origin::Layer;
use crate::model::project::Model;
use crate::model::service::Service;
use crate::model::settings::{Setting, Value};
use crate::source::Edit;
use crate::units::Size;

/// Suggests a value for a consumer setting of a service, as help and as an edit. Where the finding stands in the matrix,
/// it is written there for all services of the type; else in the profile's `[consumer]`, which is made where it is
/// missing. `or` is what else would help, such as "or lower session_timeout".
pub(super) fn suggest(
    finding: Finding,
    model: &Model,
    service: &Service,
    setting: Setting,
    value: &Value,
    or: &str,
) -> Finding {
    let place = Place::of(&finding, service, setting);
    let or = if or.is_empty() {
        String::new()
    } else {
        format!(", {or}")
    };
    if !in_bounds(setting, value) {
        return finding.help(or.trim_start_matches(", ").to_owned());
    }
    let toml = value.to_toml();
    let reason = if place == Place::Profile && needs_deviation(model, service, setting, value) {
        ", with a deviation that says why"
    } else {
        ""
    };
    let finding = finding.help(format!(
        "write `{setting} = {toml}` {}{reason}{or}",
        place.words(service)
    ));
    if place == Place::Row && matches!(row_cell(model, service, setting), Some(Cell::Range { .. })) {
        return finding;
    }
    let edit = place.edit(model, service, setting, toml.clone());
    finding.fix(Safety::Suggested, format!("set `{setting} = {toml}`"), vec![edit])
}

/// The same for a duration.
pub(super) fn suggest_duration(
    finding: Finding,
    model: &Model,
    service: &Service,
    setting: Setting,
    duration: Duration,
    or: &str,
) -> Finding {
    suggest(finding, model, service, setting, &Value::Duration(duration), or)
}

/// The same for a size in bytes.
pub(super) fn suggest_size(
    finding: Finding,
    model: &Model,
    service: &Service,
    setting: Setting,
    bytes: u64,
    or: &str,
) -> Finding {
    suggest(finding, model, service, setting, &Value::Size(Size(bytes)), or)
}

/// An edit of the profile outside `[consumer]`: `path` is tables, then a key; `value` is TOML.
pub(super) fn edit_profile(service: &Service, path: &[&str], value: &str) -> Edit {
    Edit::Set {
        file: service.file,
        path: path.iter().map(|&part| part.to_owned()).collect(),
        value: value.to_owned(),
    }
}

/// Takes a consumer setting out of the profile; nothing where the profile does not set it.
pub(super) fn remove_setting(finding: Finding, service: &Service, setting: Setting) -> Finding {
    let by_profile = service
        .run
        .consumer
        .get(setting)
        .is_some_and(|value| value.origin.layer == Layer::Profile);
    if !by_profile {
        return finding;
    }
    let edit = Edit::Remove {
        file: service.file,
        path: vec!["consumer".to_owned(), setting.name().to_owned()],
    };
    finding.fix(Safety::Suggested, format!("remove `{setting}`"), vec![edit])
}

/// Where a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Profile,
    Row,
    Defaults,
}

impl Place {
    fn of(finding: &Finding, service: &Service, setting: Setting) -> Self {
        if finding.primary.span.file == service.file {
            return Self::Profile;
        }
        match service.run.consumer.get(setting).map(|value| value.origin.layer) {
            Some(Layer::Defaults) => Self::Defaults,
            _ => Self::Row,
        }
    }

    fn words(self, service: &Service) -> String {
        match self {
            Self::Profile => "in [consumer]".to_owned(),
            Self::Row => format!("in the row of `{}`", *service.service_type),
            Self::Defaults => "in [defaults]".to_owned(),
        }
    }

    fn edit(self, model: &Model, service: &Service, setting: Setting, value: String) -> Edit {
        let (file, mut path) = match self {
            Self::Profile => (service.file, vec!["consumer".to_owned()]),
            Self::Row => (
                model.matrix.file,
                vec!["types".to_owned(), service.service_type.value.clone()],
            ),
            Self::Defaults => (model.matrix.file, vec!["defaults".to_owned()]),
        };
        path.push(setting.name().to_owned());
        Edit::Set { file, path, value }
    }
}

fn row_cell<'m>(model: &'m Model, service: &Service, setting: Setting) -> Option<&'m Cell> {
    Some(&model.matrix.row(&service.service_type)?.cell(setting)?.value)
}

/// Whether the value would leave the matrix and no deviation says why yet.
fn needs_deviation(model: &Model, service: &Service, setting: Setting, value: &Value) -> bool {
    let leaves = row_cell(model, service, setting).is_some_and(|cell| !cell.admits(value));
    leaves && !service.deviations.iter().any(|deviation| *deviation.setting == setting)
}

/// Whether the setting can take the value: a suggestion must be one that reading accepts.
fn in_bounds(setting: Setting, value: &Value) -> bool {
    match (bounds(setting), value.number()) {
        (Some(bounds), Some(number)) => (bounds.min..=bounds.max).contains(&number),
        _ => true,
    }
}
