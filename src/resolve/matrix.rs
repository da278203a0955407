//! The matrix.

use crate::declared::MatrixFile;
use crate::model::matrix::{Matrix, Sizing, TypeRow};
use crate::model::origin::{Layer, Sourced};
use crate::model::service::Targets;
use crate::source::{FileId, Span};

use super::layers::{pinned, sourced};

pub(super) fn resolve_matrix(declared: &MatrixFile, file: FileId) -> Matrix {
    let defaults = declared.defaults.as_ref().map(|defaults| &defaults.value.consumer.0);
    let sizing = declared.sizing.as_ref().map(|sizing| &sizing.value);
    Matrix {
        file,
        edition: sourced(&declared.edition, Layer::Defaults),
        defaults: defaults
            .into_iter()
            .flatten()
            .map(|(setting, value)| (*setting, sourced(value, Layer::Defaults)))
            .collect(),
        types: declared
            .types
            .iter()
            .map(|(name, row)| TypeRow {
                name: name.value.clone(),
                span: name.span,
                summary: row.summary.as_ref().map(|summary| summary.value.clone()),
                cells: row
                    .cells
                    .0
                    .iter()
                    .map(|(setting, cell)| (*setting, sourced(cell, Layer::Type)))
                    .collect(),
            })
            .collect(),
        sizing: Sizing {
            min_partitions: sizing
                .and_then(|sizing| sizing.min_partitions.as_ref())
                .map_or(1, |least| least.value),
            rate_per_partition: sizing
                .and_then(|sizing| sizing.rate_per_partition.as_ref())
                .map(|rate| rate.value.get()),
        },
    }
}

/// The targets of an edition: the KPIs that lagproof was made for. Fewer than 100 records behind, fewer than 1 % of
/// records failing, less than one rebalance an hour.
#[must_use]
pub const fn edition_targets(edition: Span) -> Targets {
    Targets {
        lag: Sourced {
            value: 100,
            origin: pinned((), edition).origin,
        },
        errors: Sourced {
            value: 0.01,
            origin: pinned((), edition).origin,
        },
        rebalances_per_hour: Sourced {
            value: 1.0,
            origin: pinned((), edition).origin,
        },
    }
}
