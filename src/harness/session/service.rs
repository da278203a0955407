//! The same for tests of somebody's own: one call, one service, one verdict.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
