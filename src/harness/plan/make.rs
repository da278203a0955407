//! From a project and a wish to a plan.

use std::fmt;

use crate::model::project::Model;
use crate::units::shown;

use super::cores::{Company, waves};
use super::trial::{Subject, make_trial};
use super::wish::{Comparison, Wish};
use super::{LeftOut, Plan, Trial};

/// The broker's property that decides how short a session may be.
const MIN_SESSION: &str = "group.min.session.timeout.ms";

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// A name that is neither a service nor a case.
    Unknown {
        /// The name.
        name: String,
        /// The nearest one that is known.
        nearest: Option<String>,
    },
    /// A name that is both.
    Ambiguous {
        /// The name.
        name: String,
    },
    /// Something that was asked for by name can't be tried.
    Unfit(LeftOut),
    /// Nothing is left to try.
    Nothing {
        /// What can't be tried.
        left_out: Vec<LeftOut>,
    },
}

impl PlanError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unknown {
                nearest: Some(nearest), ..
            } => format!("did you mean {nearest}?"),
            Self::Unknown { nearest: None, .. } => {
                "services are in profiles/services, cases in profiles/cases".to_owned()
            }
            Self::Ambiguous { .. } => "give the case's file another name".to_owned(),
            Self::Unfit(left_out) => left_out.help.clone(),
            Self::Nothing { left_out } => left_out.first().map_or_else(
                || "start a project with `lagproof init`, or name a case".to_owned(),
                |first| first.help.clone(),
            ),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, .. } => write!(f, "there is no service or case `{}`", shown(name)),
            Self::Ambiguous { name } => write!(f, "`{}` is a service and a case", shown(name)),
            Self::Unfit(left_out) => write!(f, "{} can't be tried: {}", left_out.name, left_out.because),
            Self::Nothing { left_out } => {
                f.write_str("there is nothing to try")?;
                for one in left_out {
                    write!(f, "; {}: {}", one.name, one.because)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for PlanError {}

/// What names may be asked for.
#[derive(Debug, Clone, Copy)]
pub struct Names<'m>(pub &'m Model);

impl<'m> Names<'m> {
    /// The service or case of a name.
    ///
    /// # Errors
    /// [`PlanError::Unknown`] and [`PlanError::Ambiguous`].
    pub(super) fn find(self, name: &str) -> Result<Subject, PlanError> {
        let service = self.0.service(name);
        let case = self.0.cases.iter().find(|case| case.name == name);
        match (service, case) {
            (Some(_), Some(_)) => Err(PlanError::Ambiguous { name: name.to_owned() }),
            (Some(service), None) => Ok(Subject::of_service(self.0, service)),
            (None, Some(case)) => Ok(Subject::of_case(case)),
            (None, None) => Err(PlanError::Unknown {
                name: name.to_owned(),
                nearest: self.nearest(name),
            }),
        }
    }

    /// All names: services, then cases.
    pub fn all(self) -> impl Iterator<Item = &'m str> {
        let services = self.0.services.iter().map(|service| service.name.as_str());
        services.chain(self.0.cases.iter().map(|case| case.name.as_str()))
    }

    fn nearest(self, name: &str) -> Option<String> {
        self.all()
            .map(|known| (strsim::jaro_winkler(name, known), known))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, known)| known.to_owned())
    }
}

/// Works out what a run does, before anything starts.
///
/// Without a name it is every service; beside baselines, every case, or where there is none every service that has one.
///
/// # Errors
/// [`PlanError`] for names that there are not, for what was named and can't be tried, and where nothing is left.
pub fn make_plan(model: &Model, wish: &Wish) -> Result<Plan, PlanError> {
    let names = Names(model);
    let subjects = match (wish.names.as_slice(), wish.comparison) {
        ([], Comparison::CompiledOnly) => services(model),
        ([], Comparison::BeforeAfter) if model.cases.is_empty() => services(model),
        ([], Comparison::BeforeAfter) => model.cases.iter().map(Subject::of_case).collect(),
        (wanted, _) => {
            let mut wanted: Vec<&String> = wanted.iter().collect();
            wanted.sort();
            wanted.dedup();
            let found: Result<Vec<Subject>, PlanError> = wanted.into_iter().map(|name| names.find(name)).collect();
            found?
        }
    };
    let (mut trials, mut left_out) = (Vec::new(), Vec::new());
    for subject in subjects {
        match make_trial(&subject, wish) {
            Ok(trial) => trials.push(trial),
            Err(unfit) if !wish.names.is_empty() => return Err(PlanError::Unfit(unfit)),
            Err(unfit) => left_out.push(unfit),
        }
    }
    if trials.is_empty() {
        return Err(PlanError::Nothing { left_out });
    }
    trials.sort_by(|one, other| one.name().cmp(other.name()));
    share_brokers(&mut trials);
    let needs: Vec<(f64, Company)> = trials
        .iter()
        .map(|trial| {
            let alone = trial.case.is_some() || trial.sides.len() > 1 || !trial.faults.is_empty();
            let company = if alone { Company::Alone } else { Company::Welcome };
            (trial.cores_needed, company)
        })
        .collect();
    Ok(Plan {
        seed: wish.seed,
        waves: waves(&needs, wish.cores),
        trials,
        cores: wish.cores,
        left_out,
    })
}

fn services(model: &Model) -> Vec<Subject> {
    model
        .services
        .iter()
        .map(|service| Subject::of_service(model, service))
        .collect()
}

/// Services share one broker: what one of them needs, all of them can run with. Only a lower bound on sessions and quicker
/// retention ever differ between them.
fn share_brokers(trials: &mut [Trial]) {
    let services = || 0..trials.len();
    let of_services: Vec<usize> = services().filter(|at| trials[*at].case.is_none()).collect();
    let mut shared = std::collections::BTreeMap::new();
    for at in &of_services {
        for (name, value) in &trials[*at].broker_properties {
            let lower = |known: &String| {
                let (known, value) = (known.parse::<u64>(), value.parse::<u64>());
                name == MIN_SESSION && known.is_ok_and(|known| value.is_ok_and(|value| value < known))
            };
            if shared.get(name).is_none_or(lower) {
                shared.insert(name.clone(), value.clone());
            }
        }
    }
    for at in of_services {
        trials[at].broker_properties.clone_from(&shared);
    }
}
