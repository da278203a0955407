//! Codes of what a project accepts: allows and severities.

use crate::diagnostic::{Code, Example, Page, Severity, Stance};

const OWN: &str = "lagproof's own rules for its files";

/// A code that does not exist.
pub(super) const UNKNOWN_CODE: Page = Page {
    code: Code("A101"),
    name: "unknown-code",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "An allow or a severity names a code that does not exist.",
    why: "It does nothing, and whoever wrote it believes that it does.",
    bad: Example::Snippet("# file: lagproof.toml\n[severity]\nP1111 = \"error\"\n"),
    good: Example::Snippet("# file: lagproof.toml\n[severity]\nP111 = \"error\"\n"),
    source: OWN,
};

/// An allow of what can't be allowed.
pub(super) const ALLOW_REJECTED: Page = Page {
    code: Code("A102"),
    name: "allow-of-rejected",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "An allow accepts what a client, a broker or lagproof itself rejects.",
    why: "Accepting it changes nothing for whoever rejects it: the consumer would not start, or the topic not be created. A value that leaves the matrix is accepted by a `[[deviation]]`, not by an allow.",
    bad: Example::Snippet("[[allow]]\ncode = \"M103\"\nreason = \"the web service takes at most 7 at once\"\n"),
    good: Example::Snippet(
        "[consumer]\nmax_poll_records = 7\n\n[[deviation]]\nsetting = \"max_poll_records\"\nreason = \"the web service takes at most 7 at once\"\n",
    ),
    source: OWN,
};

/// An allow that does not say why.
pub(super) const ALLOW_WITHOUT_REASON: Page = Page {
    code: Code("A103"),
    name: "allow-without-reason",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "An allow's reason says nothing.",
    why: "The reason is what the next reader needs to know whether the finding may still be accepted.",
    bad: Example::Snippet("replicas = 8\n\n[[allow]]\ncode = \"G101\"\nreason = \"todo\"\n"),
    good: Example::Snippet(
        "replicas = 8\n\n[[allow]]\ncode = \"G101\"\nreason = \"two wait to take over at once: orders must not be late\"\n",
    ),
    source: OWN,
};

/// An allow that nothing needs.
pub(super) const ALLOW_UNUSED: Page = Page {
    code: Code("A104"),
    name: "unused-allow",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "An allow accepts nothing that is found.",
    why: "What it accepted was mended, or never was there. Left behind, it would accept the next finding of its code unseen.",
    bad: Example::Snippet(
        "replicas = 6\n\n[[allow]]\ncode = \"G101\"\nreason = \"two wait to take over at once: orders must not be late\"\n",
    ),
    good: Example::Snippet(
        "replicas = 8\n\n[[allow]]\ncode = \"G101\"\nreason = \"two wait to take over at once: orders must not be late\"\n",
    ),
    source: OWN,
};

/// An allow whose last day has passed.
pub(super) const ALLOW_EXPIRED: Page = Page {
    code: Code("A105"),
    name: "expired-allow",
    severity: Severity::Warning,
    stance: Stance::Judged,
    summary: "An allow's last day has passed.",
    why: "What it accepted is reported again. Nothing that is compiled changes by it: time alone never changes what runs.",
    bad: Example::Snippet(
        "replicas = 8\n\n[[allow]]\ncode = \"G101\"\nreason = \"until partitions are added\"\nuntil = 2025-06-30\n",
    ),
    good: Example::Snippet(
        "replicas = 8\n\n[[allow]]\ncode = \"G101\"\nreason = \"until partitions are added\"\nuntil = 2126-06-30\n",
    ),
    source: OWN,
};

/// A severity below what something rejects.
pub(super) const SEVERITY_REJECTED: Page = Page {
    code: Code("A106"),
    name: "severity-of-rejected",
    severity: Severity::Error,
    stance: Stance::Rejected,
    summary: "`[severity]` lowers a code that a client, a broker or lagproof itself rejects.",
    why: "A project may raise any severity, and lower only those that nothing rejects: however quietly it is reported, the consumer would not start.",
    bad: Example::Snippet("# file: lagproof.toml\n[severity]\nT104 = \"warning\"\n"),
    good: Example::Snippet("# file: lagproof.toml\n[severity]\nP111 = \"off\"\n"),
    source: OWN,
};

/// Every page of this room.
pub(super) const PAGES: &[&Page] = &[
    &UNKNOWN_CODE,
    &ALLOW_REJECTED,
    &ALLOW_WITHOUT_REASON,
    &ALLOW_UNUSED,
    &ALLOW_EXPIRED,
    &SEVERITY_REJECTED,
];
