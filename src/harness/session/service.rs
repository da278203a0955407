//! The same for tests of somebody's own: one call, one service, one verdict.

use std::fmt;
use std::path::PathBuf;

use super::{Session, SessionError, cores, verify};
use crate::broker::{BrokerError, Caps, Surroundings, Wanted};
use crate::diagnostic::Colour;
use crate::harness::launch::{LaunchError, Program};
use crate::harness::outcome::Outcome;
use crate::harness::plan::{Brokers, PlanError, Wish, WorkerCommand, Workers, make_plan};
use crate::harness::progress::Silent;
use crate::harness::protocol::Stop;
use crate::harness::report::summary;
use crate::harness::verdict::Verdict;
use crate::model::project::Model;
use crate::resolve::in_environment;

/// How a service is proven. The default: the best broker that is here, our worker, the plan that a verdict needs.
#[derive(Debug, Clone, Default)]
pub struct How<'a> {
    /// The broker; the best that is here where nothing is said.
    pub broker: Option<Wanted<'a>>,
    /// The lagproof program; where nothing is said, the one on PATH.
    pub lagproof: Option<PathBuf>,
    /// A worker of one's own: a program and its arguments.
    pub worker: Option<Vec<String>>,
    /// What else is wanted of the plan; its names, brokers and cores are filled in.
    pub wish: Wish,
}

/// What came of it. Printed, it is the summary that `lagproof verify` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// Everything that was measured and said.
    pub outcome: Outcome,
}

impl Proof {
    /// The verdict on the compiled side; the worst of several.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::worst(self.outcome.trials.iter().map(|trial| trial.verdict))
    }

    /// Whether every target held. A smoke test on the mock holds nothing.
    #[must_use]
    pub fn holds(&self) -> bool {
        let outcome = &self.outcome;
        self.verdict() == Verdict::Pass && !outcome.broker.smoke_test && outcome.is_whole()
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&summary::render(&self.outcome, Colour::Plain))
    }
}

/// Why there is no proof.
#[derive(Debug)]
pub enum VerifyError {
    /// There is nothing of that name, or it can't be tried.
    Plan(PlanError),
    /// No lagproof to run.
    Launch(LaunchError),
    /// Nowhere to keep journals.
    Journals(BrokerError),
    /// Nothing could be measured.
    Session(SessionError),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, help): (&dyn fmt::Display, String) = match self {
            Self::Plan(error) => (error, error.help()),
            Self::Launch(error) => (error, error.help.to_owned()),
            Self::Journals(error) => (error, error.help()),
            Self::Session(error) => (error, error.help()),
        };
        write!(f, "{error}\nhelp: {help}")
    }
}

impl std::error::Error for VerifyError {}

/// Proves a service, or a case, under real load on a real broker: what `lagproof verify NAME` does, for tests of your own.
///
/// Workers and load are processes of the program `lagproof`, which must be installed with the feature `kafka`, or named.
///
/// ```no_run
/// use lagproof::harness::session::{How, verify_service};
/// use lagproof::project::{Date, Project};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let today = Date::constant(2026, 11, 26); // allows that ended before it are findings
/// let project = Project::load(std::path::Path::new("."), &today)?;
/// let model = project.model.as_ref().expect("the project compiles");
/// let proof = verify_service(model, "billing", &How::default())?;
/// assert!(proof.holds(), "{proof}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`VerifyError`] where nothing could be measured; a verdict that is not PASS is no error.
pub fn verify_service(model: &Model, name: &str, how: &How<'_>) -> Result<Proof, VerifyError> {
    let wanted = how.broker.unwrap_or(Wanted::Best);
    let there;
    let model = match wanted {
        Wanted::Declared(environment) => {
            there = in_environment(model, environment);
            &there
        }
        _ => model,
    };
    let wish = Wish {
        names: vec![name.to_owned()],
        brokers: match wanted {
            Wanted::Declared(_) => Brokers::Theirs,
            _ => Brokers::Ours,
        },
        workers: match &how.worker {
            Some(words) => Workers {
                any: Some(WorkerCommand::of_words(words.clone())),
                ..Workers::default()
            },
            None => how.wish.workers.clone(),
        },
        cores: cores(),
        ..how.wish.clone()
    };
    let plan = make_plan(model, &wish).map_err(VerifyError::Plan)?;
    let surroundings = Surroundings::of_process();
    let program = match &how.lagproof {
        Some(lagproof) => Program {
            lagproof: lagproof.clone(),
        },
        None => Program::find(surroundings.get("PATH")).map_err(VerifyError::Launch)?,
    };
    let session = Session {
        project: model.name.clone(),
        wanted,
        journals: surroundings.state().map_err(VerifyError::Journals)?,
        surroundings,
        program,
        listener: &Silent,
        stop: &Stop::new(),
        caps: Caps::default(),
        load_shards: 1,
        afterwards: None,
        keep: None,
    };
    let outcome = verify(&plan, &session).map_err(VerifyError::Session)?;
    Ok(Proof { outcome })
}
