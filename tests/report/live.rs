//! The view while a proof runs.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use lagproof::diagnostic::Colour;
use lagproof::harness::plan::Side;
use lagproof::harness::progress::{Listener, Progress, RunStart, Stage};
use lagproof::harness::report::live::{Live, Row};
use lagproof::harness::verdict::Verdict;

use super::build::MIB;
use super::cases;

fn start() -> RunStart {
    RunStart {
        name: "motion-before-batching".to_owned(),
        side: Some(Side::Before),
        run: 1,
        of: 4,
        seconds: 45.0,
        warm_up_s: 5.0,
        lag_target: 100,
        memory_limit: Some(256 * MIB),
    }
}

/// The row of the motion case's baseline after some seconds.
fn row(seconds: f64) -> Row {
    let mut row = Row::new(&start());
    row.stage(Stage::Measuring);
    let motion = cases::motion();
    let moments = &motion.sides[0].recordings[0].moments;
    moments
        .iter()
        .filter(|moment| moment.at_s <= seconds)
        .for_each(|moment| row.moment(moment));
    row
}

#[test]
fn a_line_fits_its_room() {
    let joining = {
        let mut row = Row::new(&start());
        row.stage(Stage::Joining);
        row.text(34, 100, Colour::Plain)
    };
    let mut lines = vec![joining];
    for (seconds, room) in [
        (0.1, 120),
        (12.0, 120),
        (44.0, 120),
        (44.0, 100),
        (44.0, 80),
        (44.0, 60),
    ] {
        lines.push(row(seconds).text(34, room, Colour::Plain));
    }
    assert_snapshot!("rows", lines.join("\n"));
    for (line, room) in lines.iter().zip([100, 120, 120, 120, 100, 80, 60]) {
        assert!(line.chars().count() <= room, "{line}");
    }
    let coloured = row(44.0).text(34, 120, Colour::Styled);
    assert!(coloured.contains("\u{1b}[31m"), "lag past its target is red");
}

/// Memory that can be written to and looked at.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a page").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All that a run tells.
fn story() -> Vec<Progress> {
    let name = || "motion-before-batching".to_owned();
    let stage = |stage| Progress::Stage { name: name(), stage };
    let motion = cases::motion();
    let moments = motion.sides[0].recordings[0].moments[..8].iter();
    let mut story = vec![
        Progress::BrokerStarting {
            what: "Apache Kafka 4.3.1 in docker".to_owned(),
        },
        Progress::BrokerReady {
            what: "Apache Kafka 4.3.1 in docker, ready in 3.6 s".to_owned(),
        },
        Progress::RunStarted(start()),
        stage(Stage::Topics),
        stage(Stage::Joining),
        stage(Stage::WarmUp),
        stage(Stage::Measuring),
    ];
    story.extend(moments.map(|moment| Progress::Moment {
        name: name(),
        moment: moment.clone(),
    }));
    story.extend([
        stage(Stage::Draining),
        stage(Stage::CleaningUp),
        Progress::RunEnded {
            name: name(),
            what: Some("worker 0 killed at its memory limit".to_owned()),
        },
        Progress::Judged {
            name: name(),
            verdict: Verdict::Pass,
        },
        Progress::Note {
            what: "a line\nand \u{1b}[31manother".to_owned(),
        },
        Progress::Stopping {
            why: "Ctrl-C".to_owned(),
        },
    ]);
    story
}

#[test]
fn without_a_terminal_only_changes_are_told() {
    let page = Page::default();
    let live = Live::lines(Box::new(page.clone()));
    story().into_iter().for_each(|progress| live.tell(progress));
    drop(live);
    let text = String::from_utf8(page.0.lock().expect("a page").clone()).expect("text");
    assert!(!text.contains('\u{1b}'));
    assert_snapshot!("lines", text);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let live = Live::lines(Box::new(Gone));
    story().into_iter().for_each(|progress| live.tell(progress));
}

#[test]
fn events_may_come_from_several_threads_and_of_runs_that_nobody_began() {
    let live = Live::lines(Box::new(io::sink()));
    let painted = Live::painted(Colour::Styled);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| story().into_iter().skip(3).for_each(|progress| live.tell(progress)));
            scope.spawn(|| story().into_iter().skip(3).for_each(|progress| painted.tell(progress)));
        }
    });
}
