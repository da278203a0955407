//! `profiles/matrix.toml`: the edition, the project's defaults, and a row for each type of service.

use crate::model::matrix::Edition;
use crate::units::Rate;

use super::consumer::{Cells, ConsumerSection};
use super::fields::{Fields, Section, Spanned};
use super::names::check_names;
use super::parts::{DeliverySection, TargetsSection};

/// `[defaults]`: consumer settings, `[defaults.delivery]` and `[defaults.targets]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DefaultsSection {
    /// Consumer settings.
    pub consumer: ConsumerSection,
    /// Commits, isolation, retries.
    pub delivery: Option<Spanned<DeliverySection>>,
    /// Targets.
    pub targets: Option<Spanned<TargetsSection>>,
}

impl Section for DefaultsSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            consumer: ConsumerSection::read(fields).unwrap_or_default(),
            delivery: fields.section("delivery", "commits, isolation, retries where a profile says nothing"),
            targets: fields.section("targets", "targets where a profile says nothing"),
        })
    }
}

/// `[types.NAME]`: a row.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeSection {
    /// What the type is for.
    pub summary: Option<Spanned<String>>,
    /// Its settings.
    pub cells: Cells,
}

impl Section for TypeSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let summary = fields.optional("summary", "what the type is for, in a line");
        Some(Self {
            summary,
            cells: Cells::read(fields).unwrap_or_default(),
        })
    }
}

/// `[sizing]`: numbers of the partition lint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SizingSection {
    /// At least so many partitions.
    pub min_partitions: Option<Spanned<u32>>,
    /// One partition for every so many records a second of one source.
    pub rate_per_partition: Option<Spanned<Rate>>,
}

impl Section for SizingSection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            min_partitions: fields.optional(
                "min_partitions",
                "every topic should have at least so many partitions; default 1",
            ),
            rate_per_partition: fields.optional(
                "rate_per_partition",
                "a topic should have one partition for every so many records a second of one source",
            ),
        })
    }
}

/// `profiles/matrix.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixFile {
    /// The edition whose defaults are pinned.
    pub edition: Spanned<Edition>,
    /// The project's defaults.
    pub defaults: Option<Spanned<DefaultsSection>>,
    /// The rows.
    pub types: Vec<(Spanned<String>, TypeSection)>,
    /// The sizing lint.
    pub sizing: Option<Spanned<SizingSection>>,
}

impl Section for MatrixFile {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let edition = fields.required(
            "edition",
            "the set of defaults that is pinned, so that a newer lagproof changes nothing",
        );
        let defaults = fields.section(
            "defaults",
            "settings of every service where its type and profile say nothing",
        );
        let types = fields.named("types", "types of service: exact values, or { min, max, default }");
        check_names(fields, "a type's name", types.iter().map(|(name, _)| name));
        let sizing = fields.section("sizing", "how many partitions a topic should have, as a lint");
        Some(Self {
            edition: edition?,
            defaults,
            types,
            sizing,
        })
    }
}
