//! SARIF 2.1.0, which code scanning and editors read.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::place::{Places, Region};
use super::report::Reported;
use super::sarif_fix::{self, Budget};
use super::sarif_log::{
    ArtifactLocation, Configuration, Driver, Enabled, Help, Invocation, Location, Log, Message, PhysicalLocation, Rule,
    Run, SarifRegion, SarifResult, Tool, UriBase,
};
use super::text::guard_json;
use super::{Finding, Label, Page, ReportContext, Severity};

/// Where the standard's schema is found.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The name that code scanning knows for the repository's root. It has no address here: a report must not tell on which
/// machine it was made, and is the same on every one.
const ROOT: &str = "%SRCROOT%";
/// As much of a line goes into a fingerprint.
const FINGERPRINTED: usize = 1_000;

/// Prints every finding, and every page as a rule.
pub(super) fn render(reported: &Reported<'_>, places: &Places<'_>, context: &ReportContext<'_>) -> String {
    let indices: HashMap<_, _> = (0..)
        .zip(context.pages)
        .map(|(index, page)| (page.code, index))
        .collect();
    let mut budget = Budget::default();
    let mut seen = HashMap::new();
    let results = reported
        .0
        .iter()
        .map(|finding| SarifResult {
            rule_id: finding.code.0,
            rule_index: indices.get(&finding.code).copied(),
            level: level(finding.severity),
            message: message(&sentence(finding)),
            locations: [location(&finding.primary, None, places, context)],
            related_locations: (1..)
                .zip(&finding.labels)
                .map(|(id, label)| location(label, Some(id), places, context))
                .collect(),
            partial_fingerprints: BTreeMap::from([("lagproof/v1", fingerprint(finding, places, &mut seen))]),
            fixes: finding
                .fix
                .iter()
                .filter_map(|one| sarif_fix::fix(one, places, context, message, &mut budget))
                .collect(),
            properties: finding
                .subject
                .iter()
                .map(|subject| ("subject", subject.clone()))
                .collect(),
        })
        .collect();
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "lagproof",
                    version: context.version.to_owned(),
                    rules: context.pages.iter().map(|page| rule(page)).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: true,
            }],
            original_uri_base_ids: BTreeMap::from([(
                ROOT,
                UriBase {
                    description: message("The root of the repository."),
                },
            )]),
            column_kind: "unicodeCodePoints",
            results,
        }],
    };
    let json = serde_json::to_string_pretty(&log).expect("strings and numbers are JSON");
    guard_json(&json).into_owned() + "\n"
}

fn rule(page: &Page) -> Rule {
    let (bad, good) = (page.bad.text().trim_end(), page.good.text().trim_end());
    let markdown = format!(
        "{}\n\nFound:\n\n{}\n\nMended:\n\n{}\n\nSource: {}\n",
        page.why.trim_end(),
        fenced(bad),
        fenced(good),
        page.source
    );
    Rule {
        id: page.code.0,
        name: page.name,
        short_description: message(page.summary),
        full_description: message(page.why),
        help: Help {
            text: literal(&format!("{}\n\nSource: {}\n", page.why.trim_end(), page.source)),
            markdown: literal(&markdown),
        },
        default_configuration: Configuration {
            enabled: match page.severity {
                Severity::Off => Enabled::No,
                Severity::Warning | Severity::Error => Enabled::Yes,
            },
            level: level(page.severity),
        },
    }
}

/// A code block that its text can't close.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}toml\n{text}\n{fence}")
}

/// The message with what follows from it: viewers show one text.
fn sentence(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    if !finding.consequence.is_empty() {
        text.push_str(&format!("\nAt run time: {}.", finding.consequence));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!("\nHelp: {}.", help.trim_end_matches('.')));
    }
    text
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Off => "none",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn message(text: &str) -> Message {
    Message {
        text: defused(&literal(text)),
    }
}

/// Doubles the braces of what would be taken for a place to put an argument, such as `{0}`. Other braces stay: the
/// standard wants all of them doubled, but the viewers in use show those doubled, and TOML in messages has many.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 1..];
        let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && inside[digits..].starts_with('}') {
            out.push_str(&format!("{{{{{}}}}}", &inside[..digits]));
            rest = &inside[digits + 1..];
        } else {
            out.push('{');
            rest = inside;
        }
    }
    out + rest
}

/// Keeps what a file says from becoming a link.
fn defused(text: &str) -> String {
    text.replace("](", "] (")
}

fn location(label: &Label, id: Option<usize>, places: &Places<'_>, context: &ReportContext<'_>) -> Location {
    Location {
        id,
        physical_location: PhysicalLocation {
            artifact_location: artifact(places.path(label.span.file), context),
            region: places.region(label.span).map(region),
        },
        message: (!label.text.is_empty()).then(|| message(&label.text)),
    }
}

/// Lines and columns as SARIF has them, the last column being behind the last character here as there.
pub(super) const fn region(region: Region) -> SarifRegion {
    SarifRegion {
        start_line: region.start.line,
        start_column: region.start.column,
        end_line: region.end.line,
        end_column: region.end.column,
    }
}

/// A file by its address from the repository's root.
pub(super) fn artifact(path: &str, context: &ReportContext<'_>) -> ArtifactLocation {
    ArtifactLocation {
        uri: encoded(&context.path_in_repository(path)),
        uri_base_id: ROOT,
    }
}

/// A path as a relative reference. A colon is encoded too: before the first slash it would end a scheme's name.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What stays the same when lines move and numbers elsewhere change: code, file, subject and the line's own text. Equal
/// ones are told apart by their order.
fn fingerprint(finding: &Finding, places: &Places<'_>, seen: &mut HashMap<String, usize>) -> String {
    let file = finding.primary.span.file;
    let line = places.bytes(finding.primary.span).map_or("", |bytes| {
        let line = places.line(file, places.line_at(file, bytes.start));
        places.text(file)[line].trim()
    });
    let kept = line.char_indices().nth(FINGERPRINTED).map_or(line.len(), |(at, _)| at);
    let subject = finding.subject.as_deref().unwrap_or("");
    let mut hash = Sha256::new();
    for part in [finding.code.0, places.path(file), subject, &line[..kept]] {
        hash.update(part.as_bytes());
        hash.update([0xff]); // no byte of UTF-8: parts can't run into one another
    }
    let digest: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let count = seen.entry(digest.clone()).or_default();
    *count += 1;
    format!("{digest}:{count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(literal("{0} { a = 1 } {x} {12"), "{{0}} { a = 1 } {x} {12");
        assert_eq!(message("[click](https://x)").text, "[click] (https://x)");
        assert_eq!(fenced("a = '```'"), "````toml\na = '```'\n````");
        assert_eq!(encoded("a b/ü%:#?.toml"), "a%20b/%C3%BC%25%3A%23%3F.toml");
    }
}
