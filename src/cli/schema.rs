//! `lagproof schema`.

use clap::Args;

use crate::emit::{SchemaKind, file_schema};

use super::output::{Exit, print};

const AFTER_HELP: &str = "\
Examples:
  lagproof schema service > service.schema.json
`lagproof compile` writes all of them into generated/schema/; an editor finds them by a line such as
  #:schema ../../generated/schema/service.schema.json";

/// `schema`'s arguments.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SchemaArgs {
    /// The kind of file: project, matrix, topics, service, case, findings, report
    kind: SchemaKind,
}

pub(super) fn run(args: &SchemaArgs) -> Exit {
    print(&file_schema(args.kind));
    Exit::Clean
}
