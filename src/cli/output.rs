//! What all verbs share: exit statuses, printing that survives a closed pipe, the clock.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostic::Colour;
use crate::project::Project;

use super::{ColourWhen, Global};

/// How a run ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing is wrong.
    Clean,
    /// Errors, or warnings with `--deny`.
    Failed,
    /// Wrong usage, or something that the run needs is not there.
    Unusable,
    /// `--exit-code` found changes.
    Changes,
    /// Too little was seen for a verdict.
    Inconclusive,
    /// The machine did not keep up with its own part of a proof.
    Invalid,
    /// Stopped by Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Unusable => Self::from(2),
            Exit::Changes => Self::from(3),
            Exit::Inconclusive => Self::from(4),
            Exit::Invalid => Self::from(5),
            Exit::Interrupted => Self::from(130),
        }
    }
}

/// Whether something that was printed did not arrive.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints to standard output. A reader that went away (`| head`) is no error; a full disk is one, and is said once.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) => {
            fail(
                &format!("standard output can't be written: {error}"),
                "what was printed is not whole; free some space and run it again",
            );
        }
        _ => {}
    }
}

impl Exit {
    /// The same, unless something that was to be printed did not arrive.
    pub(super) fn if_all_was_printed(self) -> Self {
        if LOST.load(Ordering::Relaxed) {
            Self::Unusable
        } else {
            self
        }
    }
}

/// How wide the terminal is, where standard output is one.
pub(super) fn columns() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}

/// Leaves a project to the system, which takes a process's memory back at once. To give it back piece by piece takes as
/// long as to judge it.
pub(super) fn leave(project: Project) {
    std::mem::forget(project);
}

/// Says on standard error why a run can't go on, and what to do.
pub(super) fn fail(message: &str, help: &str) -> Exit {
    let mut err = anstream::stderr().lock();
    let error = anstyle::AnsiColor::Red.on_default().bold();
    let bold = anstyle::Style::new().bold();
    let _ = writeln!(err, "{error}error{error:#}{bold}: {message}{bold:#}");
    let _ = writeln!(err, "{bold}help{bold:#}: {help}");
    Exit::Unusable
}

/// A line on standard error that is no finding: what was skipped, what could not be had.
pub(super) fn note(message: &str) {
    let bold = anstyle::Style::new().bold();
    let _ = writeln!(anstream::stderr().lock(), "{bold}note{bold:#}: {message}");
}

/// What stands for the time of day where builds must be repeatable (reproducible-builds.org).
const CLOCK: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970, by SOURCE_DATE_EPOCH where it is set.
pub(super) fn now() -> i64 {
    let fixed = std::env::var(CLOCK).ok().and_then(|text| text.parse().ok());
    fixed.unwrap_or_else(|| jiff::Timestamp::now().as_second())
}

/// Refuses a SOURCE_DATE_EPOCH that is none: who sets it relies on it.
pub(super) fn check_clock() -> Result<(), Exit> {
    match std::env::var_os(CLOCK) {
        Some(text) if text.to_str().is_none_or(|text| text.parse::<i64>().is_err()) => Err(fail(
            &format!("{CLOCK} is `{}`, which is no number of seconds", text.display()),
            "set it to whole seconds since 1970 (date +%s), or unset it",
        )),
        _ => Ok(()),
    }
}

/// Today in UTC.
pub(super) fn today() -> jiff::civil::Date {
    let now = jiff::Timestamp::from_second(now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    now.to_zoned_datetime(jiff::tz::TimeZone::UTC).date()
}

impl Global {
    /// Whether standard output is coloured.
    pub(super) fn colour(&self) -> Colour {
        let styled = match self.color {
            ColourWhen::Always => true,
            ColourWhen::Never => false,
            // A terminal, NO_COLOR, CLICOLOR, TERM=dumb: as everywhere.
            ColourWhen::Auto => matches!(
                anstream::AutoStream::choice(&io::stdout()),
                anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi
            ),
        };
        if styled { Colour::Styled } else { Colour::Plain }
    }

    /// Tells what writes through anstream about `--color`.
    pub(super) fn apply_colour(&self) {
        match self.color {
            ColourWhen::Auto => {}
            ColourWhen::Always => anstream::ColorChoice::Always.write_global(),
            ColourWhen::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}
