//! `lagproof diff --database`, where PostgreSQL is built in.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::db::{Deployed, MigrateError, Override, OverrideStanding, drop_overrides, read_deployed};
use crate::diff::{Difference, difference_text, differences};
use crate::model::project::Model;
use crate::model::settings::Setting;
use crate::project::{AdoptError, Preview, Project, Wanted, adopt, preview};

use super::super::Global;
use super::super::database::database_url;
use super::super::output::{Exit, fail, note, print, today};
use super::{DiffArgs, DiffFormat};

pub(in super::super) fn run(global: &Global, args: &DiffArgs) -> Exit {
    let url = match database_url() {
        Ok(url) => url,
        Err(exit) => return exit,
    };
    let (root, project) = match global.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let Some(model) = &project.model else {
        return fail(
            "the profiles can't be compared: a file that everything rests on can't be read",
            "see `lagproof check`",
        );
    };
    let deployed = match read_deployed(&url) {
        Ok(deployed) => deployed,
        Err(error) => return out_of_reach(&error),
    };
    if !args.adopt.is_empty() {
        match picked(&deployed, &args.adopt) {
            Ok(picked) => into_profiles(&root, &project, model, &deployed, &picked),
            Err(exit) => exit,
        }
    } else if !args.drop_override.is_empty() {
        match picked(&deployed, &args.drop_override) {
            Ok(picked) => discard(&url, &picked),
            Err(exit) => exit,
        }
    } else {
        compare(&root, &project, model, &deployed, args)
    }
}

fn out_of_reach(error: &MigrateError) -> Exit {
    let exit = fail(&error.to_string(), &error.help());
    if error.is_disagreement() { Exit::Failed } else { exit }
}

/// The overrides that arguments name.
fn picked<'d>(deployed: &'d Deployed, arguments: &[String]) -> Result<Vec<&'d Override>, Exit> {
    let mut picked: Vec<&Override> = Vec::new();
    for argument in arguments {
        let whole = |made: &&Override| made.service == *argument;
        let one = |made: &&Override| {
            let column = &made.setting;
            let name = Setting::ALL.into_iter().find(|setting| setting.info().key == column);
            [Some(column.as_str()), name.map(Setting::name)]
                .into_iter()
                .flatten()
                .any(|setting| *argument == format!("{}.{setting}", made.service))
        };
        let before = picked.len();
        picked.extend(deployed.overrides.iter().filter(whole));
        if picked.len() == before {
            picked.extend(deployed.overrides.iter().filter(one));
        }
        if picked.len() == before {
            let known: Vec<String> = deployed
                .overrides
                .iter()
                .take(20)
                .map(|made| format!("{}.{}", made.service, made.setting))
                .collect();
            return Err(fail(
                &format!("no override is called `{}`", argument.escape_debug()),
                &match known.is_empty() {
                    true => "there are none in this database".to_owned(),
                    false => format!("there are {}", known.join(", ")),
                },
            ));
        }
    }
    picked.sort_by_key(|made| (&made.service, &made.setting));
    picked.dedup();
    Ok(picked)
}

fn wanted(made: &Override) -> Wanted {
    let day = made.at.split(' ').next().unwrap_or_default();
    Wanted {
        service: made.service.clone(),
        column: made.setting.clone(),
        value: made.value.clone(),
        reason: match &made.reason {
            Some(reason) => format!("{reason} ({}, {day})", made.by),
            None => format!("set in the database by {} on {day}", made.by),
        },
    }
}

fn into_profiles(root: &Path, project: &Project, model: &Model, deployed: &Deployed, picked: &[&Override]) -> Exit {
    let ahead = differences(model, deployed)
        .into_iter()
        .find_map(|difference| match difference {
            Difference::Ahead {
                service, here, there, ..
            } if picked.iter().any(|made| made.service == service) => Some(format!(
                "`{service}` is at version {there} in the database, and at {here} here"
            )),
            _ => None,
        });
    if let Some(message) = ahead {
        fail(
            &message,
            "bring this checkout up to date first: the profile here is not the one that runs",
        );
        return Exit::Failed;
    }
    let wanted: Vec<Wanted> = picked.iter().map(|made| wanted(made)).collect();
    let done = preview(root, project, &wanted, &today()).and_then(|preview| {
        let findings: Vec<String> = findings(project, &preview);
        Ok((adopt(root, preview)?, findings))
    });
    match done {
        Ok((adopted, findings)) => {
            for one in adopted {
                print(&format!(
                    "adopted   {}: {}, as version {}\n          {}\n",
                    one.service,
                    one.set.join(", "),
                    one.version,
                    one.path
                ));
            }
            findings.iter().for_each(|line| print(line));
            for made in picked {
                if let Some(until) = &made.until {
                    note(&format!(
                        "{}.{} was to end on {until} UTC; the profile has no end",
                        made.service, made.setting
                    ));
                }
            }
            print("ready     lagproof check · lagproof compile · lagproof migrate, which ends the override\n");
            Exit::Clean
        }
        Err(error) => {
            let help = match &error {
                AdoptError::UnknownService(_) => "name a service that has a profile here; --drop-override needs none",
                AdoptError::NoSuchValue { .. } | AdoptError::Differs { .. } => {
                    "every profile is as it was: change it by hand, or discard the override with --drop-override"
                }
                AdoptError::File { .. } => "see what is wrong with that file: lagproof check",
            };
            fail(&format!("can't adopt: {error}"), help);
            Exit::Failed
        }
    }
}

fn discard(url: &str, picked: &[&Override]) -> Exit {
    let mut by_service: BTreeMap<&str, Vec<&Override>> = BTreeMap::new();
    for made in picked {
        by_service.entry(&made.service).or_default().push(made);
    }
    for (service, made) in by_service {
        let settings: Vec<String> = made.iter().map(|made| made.setting.clone()).collect();
        if let Err(error) = drop_overrides(url, service, &settings) {
            return out_of_reach(&error);
        }
        print(&format!("dropped   {service}: {}\n", settings.join(", ")));
    }
    Exit::Clean
}

/// What the rules would say if the profiles said what is overridden.
fn findings(project: &Project, preview: &Preview) -> Vec<String> {
    let line = |finding: &crate::diagnostic::Finding| {
        format!("{:<10}{}: {}\n", finding.severity.name(), finding.code, finding.message)
    };
    preview.new_findings(project).into_iter().map(line).collect()
}

fn compare(root: &Path, project: &Project, model: &Model, deployed: &Deployed, args: &DiffArgs) -> Exit {
    let found = differences(model, deployed);
    let in_force: Vec<Wanted> = deployed
        .overrides
        .iter()
        .filter(|made| made.standing == OverrideStanding::InForce && model.service(&made.service).is_some())
        .map(wanted)
        .collect();
    let (judged, unjudged) = match in_force.is_empty() {
        true => (Vec::new(), None),
        false => match preview(root, project, &in_force, &today()) {
            Ok(preview) => (findings(project, &preview), None),
            Err(error) => (Vec::new(), Some(error)),
        },
    };
    match args.format {
        DiffFormat::Human => {
            found.iter().for_each(|difference| print(&difference_text(difference)));
            judged.iter().for_each(|line| print(line));
            if found.is_empty() {
                print(&format!(
                    "the same  {} services, {} topics\n",
                    model.services.len(),
                    model.topics.len()
                ));
            }
        }
        DiffFormat::Json => {
            let judged: Vec<&str> = judged.iter().map(|line| line.trim_end()).collect();
            print(&format!("{:#}\n", json!({ "differences": found, "findings": judged })));
        }
    }
    if let Some(error) = unjudged {
        note(&format!("the overrides were not judged together: {error}"));
    }
    if args.exit_code && !found.is_empty() {
        Exit::Changes
    } else {
        Exit::Clean
    }
}
