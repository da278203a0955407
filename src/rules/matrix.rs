//! Family M: what a profile says against what the matrix says for its type.

use crate::diagnostic::{Code, Example, Finding, Findings, Page, Safety, Severity, Stance};
use crate::model::origin::Layer;
use crate::model::service::Deviation;
use crate::model::settings::Setting;
use crate::source::Edit;

use super::{Check, Rule, ServiceView, reasons};

/// Every rule of the family.
pub(super) const RULES: &[Rule] = &[
    OUTSIDE_MATRIX,
    UNUSED_DEVIATION,
    DEVIATION_TWICE,
    DEVIATION_WITHOUT_REASON,
    REPEATS_TYPE,
];

const MATRIX: &str = "lagproof's own rules for its files: the matrix is what services of a type have in common";

const OUTSIDE_MATRIX: Rule = Rule {
    page: &Page {
        code: Code("M103"),
        name: "outside-matrix",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A value leaves what the matrix says for the service's type, without a deviation.",
        why: "Whoever reads the matrix believes that services of the type run like that. A value that leaves its row needs a `[[deviation]]` with a reason, so that the next reader knows that it is meant, and why. Settings that the row does not mention are free.",
        bad: Example::Snippet("[consumer]\nmax_poll_records = 7\n"),
        good: Example::Snippet(
            "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n",
        ),
        source: MATRIX,
    },
    check: Check::Service(outside_matrix),
};

const UNUSED_DEVIATION: Rule = Rule {
    page: &Page {
        code: Code("M104"),
        name: "unused-deviation",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A deviation explains a setting that does not leave the matrix.",
        why: "The reason may have gone long ago. A deviation that is left behind would silently cover the next change of that setting.",
        bad: Example::Snippet(
            "[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n",
        ),
        good: Example::Snippet(
            "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n",
        ),
        source: MATRIX,
    },
    check: Check::Service(unused_deviation),
};

const DEVIATION_TWICE: Rule = Rule {
    page: &Page {
        code: Code("M105"),
        name: "deviation-twice",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A profile explains one setting by two deviations.",
        why: "Only one of the two reasons can be the one that holds today.",
        bad: Example::Snippet(
            "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"memory was short in spring\"\n",
        ),
        good: Example::Snippet(
            "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n",
        ),
        source: MATRIX,
    },
    check: Check::Service(deviation_twice),
};

const DEVIATION_WITHOUT_REASON: Rule = Rule {
    page: &Page {
        code: Code("M106"),
        name: "deviation-without-reason",
        severity: Severity::Error,
        stance: Stance::Rejected,
        summary: "A deviation's reason says nothing.",
        why: "The reason is what a deviation is for: without one, nobody dares to take the value back, or everybody does.",
        bad: Example::Snippet(
            "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"todo\"\n",
        ),
        good: Example::Snippet(
            "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n",
        ),
        source: MATRIX,
    },
    check: Check::Service(deviation_without_reason),
};

const REPEATS_TYPE: Rule = Rule {
    page: &Page {
        code: Code("M107"),
        name: "repeats-type",
        severity: Severity::Warning,
        stance: Stance::Judged,
        summary: "A profile repeats a value that it would inherit.",
        why: "Values live in one place. When the row is changed, the profile that repeats its old value stays behind, and nobody chose that. `check --fix` removes the line; what the profile compiles to stays the same.",
        bad: Example::Snippet("[consumer]\nmax_poll_records = 10\n"),
        good: Example::Snippet("[consumer]\nfetch_max = \"16MiB\"\n"),
        source: MATRIX,
    },
    check: Check::Service(repeats_type),
};

fn outside_matrix(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(row) = view.row else { return };
    let service = view.service;
    for (setting, cell) in &row.cells {
        let Some(value) = service.run.consumer.get(*setting) else {
            continue;
        };
        let explained = service
            .deviations
            .iter()
            .any(|deviation| deviation.setting.value == *setting);
        if value.origin.layer != Layer::Profile || explained || cell.admits(value) {
            continue;
        }
        let entries = vec![
            ("setting".to_owned(), format!("\"{setting}\"")),
            ("reason".to_owned(), "\"\"".to_owned()),
        ];
        findings.push(
            Finding::new(
                OUTSIDE_MATRIX.page,
                value.span(),
                format!("{setting} leaves what the matrix says for {}", row.name),
            )
            .here(format!("{} here", value.value))
            .label(cell.span(), format!("{} says {}", row.name, cell.value))
            .at_run_time("the service runs unlike others of its type, and whoever reads the matrix does not know")
            .help("if it is meant, add a [[deviation]] that says why; else take the line out")
            .fix(
                Safety::Suggested,
                "add a deviation, and fill in its reason",
                vec![Edit::Append {
                    file: service.file,
                    array: "deviation".to_owned(),
                    entries,
                }],
            ),
        );
    }
}

fn unused_deviation(view: &ServiceView<'_>, findings: &mut Findings) {
    let Some(row) = view.row else { return };
    for deviation in &view.service.deviations {
        let setting = deviation.setting.value;
        let value = view.service.run.consumer.get(setting);
        let own = value.filter(|value| value.origin.layer == Layer::Profile);
        let finding = |why: String| {
            Finding::new(
                UNUSED_DEVIATION.page,
                deviation.setting.span(),
                format!("the deviation of {setting} explains nothing"),
            )
            .here(why)
            .at_run_time("nothing differs; the next change of the setting would be taken as explained")
        };
        let finding = match (own, row.cell(setting)) {
            (None, _) => finding("the profile does not set it".to_owned()),
            (Some(own), None) => {
                finding(format!("{} says nothing of it, so any value is free", row.name)).label(own.span(), "set here")
            }
            (Some(own), Some(cell)) if cell.admits(own) => finding("its value is what the matrix says".to_owned())
                .label(own.span(), format!("{} here", own.value))
                .label(cell.span(), format!("{} says {}", row.name, cell.value)),
            _ => continue,
        };
        findings.push(removable(finding, deviation));
    }
}

fn deviation_twice(view: &ServiceView<'_>, findings: &mut Findings) {
    let deviations = &view.service.deviations;
    for (at, deviation) in deviations.iter().enumerate() {
        let setting = deviation.setting.value;
        let first = deviations[..at].iter().find(|first| first.setting.value == setting);
        if let Some(first) = first {
            let finding = Finding::new(
                DEVIATION_TWICE.page,
                deviation.setting.span(),
                format!("{setting} has two deviations"),
            )
            .here("again here")
            .label(first.setting.span(), "first here")
            .at_run_time("nothing changes, and nobody knows which reason holds");
            findings.push(removable(finding, deviation));
        }
    }
}

fn deviation_without_reason(view: &ServiceView<'_>, findings: &mut Findings) {
    for deviation in &view.service.deviations {
        if reasons::says_nothing(&deviation.reason) {
            findings.push(
                Finding::new(
                    DEVIATION_WITHOUT_REASON.page,
                    deviation.reason.span(),
                    format!("the deviation of {} does not say why", deviation.setting.value),
                )
                .here("no reason")
                .at_run_time("the service runs unlike others of its type, and nobody knows why")
                .help("say what would go wrong with the matrix's value"),
            );
        }
    }
}

fn repeats_type(view: &ServiceView<'_>, findings: &mut Findings) {
    let service = view.service;
    for (setting, value) in service.run.consumer.iter() {
        if value.origin.layer != Layer::Profile {
            continue;
        }
        let Some((inherited, place)) = inherited(view, setting).filter(|(inherited, _)| **inherited == value.value)
        else {
            continue;
        };
        findings.push(
            Finding::new(
                REPEATS_TYPE.page,
                value.span(),
                format!("{setting} repeats what {} inherits", service.name),
            )
            .here(format!("{inherited} again"))
            .label(place, format!("{inherited} here"))
            .at_run_time("nothing changes now; a change of the matrix would pass this service by")
            .help("take the line out")
            .fix(
                Safety::Safe,
                format!("remove {setting}"),
                vec![Edit::Remove {
                    file: service.file,
                    path: vec!["consumer".to_owned(), setting.name().to_owned()],
                }],
            ),
        );
    }
}

/// What a profile that says nothing of a setting would get from the matrix, and where that stands.
fn inherited<'a>(
    view: &ServiceView<'a>,
    setting: Setting,
) -> Option<(&'a crate::model::settings::Value, crate::source::Span)> {
    if let Some(cell) = view.row?.cell(setting) {
        return Some((cell.value.default(), cell.span()));
    }
    let defaults = view.model.matrix.defaults.iter();
    let mut of_setting = defaults.filter(|(of, _)| *of == setting);
    of_setting.next().map(|(_, value)| (&value.value, value.span()))
}

/// Removing a table is a person's decision: its reason goes with it.
fn removable(finding: Finding, deviation: &Deviation) -> Finding {
    finding.help("take the deviation out").fix(
        Safety::Suggested,
        "remove the deviation",
        vec![Edit::Replace {
            span: deviation.span,
            text: String::new(),
        }],
    )
}
