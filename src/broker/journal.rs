//! What a run makes on a cluster that is not ours, written down before it is made.
//!
//! One file a run, a line of JSON an entry. A line that a kill cut short was never acted on, since what it names is made
//! only after the line is on disk. The file is locked while its run lives.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::BrokerError;
use super::permit::Permit;

const EXTENSION: &str = "journal";
/// The longest name of a topic that Kafka takes.
const LONGEST: usize = 249;

/// Who a run is, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id: 16 letters and digits that no other run has.
    pub id: String,
    /// The environment, as lagproof.toml names it.
    pub environment: String,
    /// The cluster.
    pub cluster_id: String,
    /// Where it was reached.
    pub bootstrap: String,
}

impl Run {
    /// A new run with a permit.
    #[must_use]
    pub fn new(permit: &Permit) -> Self {
        Self {
            id: format!("{:016x}", super::sweep::random() as u64),
            environment: permit.environment().to_owned(),
            cluster_id: permit.cluster_id().to_owned(),
            bootstrap: permit.bootstrap().to_owned(),
        }
    }

    /// A name on the cluster: `lagproof-ID-NAME`, cut and told apart by a digest where that is too long.
    #[must_use]
    pub fn name(&self, declared: &str) -> String {
        let name = format!("{}{declared}", self.prefix());
        if name.len() <= LONGEST {
            return name;
        }
        let digest: String = Sha256::digest(declared)[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut end = LONGEST - digest.len() - 1;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}-{digest}", &name[..end])
    }

    fn prefix(&self) -> String {
        format!("lagproof-{}-", self.id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Run(Run),
    Topic(String),
    Group(String),
    /// The session of members of the group that is named next, in milliseconds.
    Session(u64),
    /// It turned out to be somebody else's.
    NotOurs(String),
}

/// A run's journal, open and locked.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Whose it is.
    pub(super) run: Run,
    /// Topics that may exist.
    pub(super) topics: Vec<String>,
    /// Groups that may exist.
    pub(super) groups: Vec<String>,
    /// The longest session of their members, where somebody said.
    pub(super) session: Option<Duration>,
}

impl Journal {
    /// Begins one, on disk when this returns.
    pub(super) fn begin(folder: &Path, run: &Run) -> Result<Self, BrokerError> {
        let path = folder.join(format!("{}.{EXTENSION}", run.id));
        let io = || BrokerError::io(format!("write the journal {}", path.display()));
        fs::create_dir_all(folder).map_err(io())?;
        let file = File::options()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(io())?;
        file.lock().map_err(io())?;
        let mut journal = Self { path, file };
        journal.add(&[Line::Run(run.clone())])?;
        // The name of a new file is on disk once its folder is.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(BrokerError::io(format!("write to {}", folder.display())))?;
        Ok(journal)
    }

    /// Topics that are about to be made.
    pub(super) fn topics(&mut self, names: &[String]) -> Result<(), BrokerError> {
        self.add(&names.iter().cloned().map(Line::Topic).collect::<Vec<_>>())
    }

    /// A group that is about to be used, by members whose session is so long.
    pub(super) fn group(&mut self, name: &str, session: Duration) -> Result<(), BrokerError> {
        let session = u64::try_from(session.as_millis()).unwrap_or(u64::MAX);
        self.add(&[Line::Session(session), Line::Group(name.to_owned())])
    }

    /// Names that were written down and are somebody else's.
    pub(super) fn withdraw(&mut self, names: &[String]) -> Result<(), BrokerError> {
        self.add(&names.iter().cloned().map(Line::NotOurs).collect::<Vec<_>>())
    }

    /// Ends one of which nothing is left on the cluster.
    pub(super) fn remove(&self) -> Result<(), BrokerError> {
        fs::remove_file(&self.path).map_err(BrokerError::io(format!("remove {}", self.path.display())))
    }

    fn add(&mut self, lines: &[Line]) -> Result<(), BrokerError> {
        let text: String = lines
            .iter()
            .map(|line| serde_json::to_string(line).expect("names are text") + "\n")
            .collect();
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .map_err(BrokerError::io(format!("write the journal {}", self.path.display())))
    }
}

/// The journals in a folder whose runs have ended, locked for whoever asks; and how many run still.
pub(super) fn abandoned(folder: &Path) -> Result<(Vec<(PathBuf, File)>, usize), BrokerError> {
    let mut found = Vec::new();
    let mut running = 0;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((found, running)),
        Err(error) => return Err(BrokerError::io(format!("read {}", folder.display()))(error)),
    };
    for entry in entries {
        let path = entry
            .map_err(BrokerError::io(format!("read {}", folder.display())))?
            .path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let file = File::open(&path).map_err(BrokerError::io(format!("read {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => found.push((path, file)),
            Err(_) => running += 1,
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok((found, running))
}

/// Reads a journal. Nothing if its run was killed before it had said who it is, and so before it made anything.
pub(super) fn read(path: &Path) -> Result<Option<Written>, BrokerError> {
    let text = fs::read_to_string(path).map_err(BrokerError::io(format!("read {}", path.display())))?;
    parse(&text).map_err(|reason| BrokerError::Journal {
        path: path.to_owned(),
        reason,
    })
}

fn parse(text: &str) -> Result<Option<Written>, String> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _cut_short)| whole);
    let mut written: Option<Written> = None;
    for (at, line) in whole.lines().enumerate() {
        let number = at + 1;
        let line: Line = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        match (&mut written, line) {
            (None, Line::Run(run)) if run.id.len() == 16 && run.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                written = Some(Written {
                    run,
                    topics: Vec::new(),
                    groups: Vec::new(),
                    session: None,
                });
            }
            (None, _) => return Err(format!("line {number} does not say whose it is")),
            (Some(_), Line::Run(_)) => return Err(format!("line {number}: a second run")),
            (Some(written), Line::Topic(name) | Line::Group(name) | Line::NotOurs(name))
                if !name.starts_with(&written.run.prefix()) =>
            {
                return Err(format!("line {number}: {name} is no name of this run"));
            }
            (Some(written), Line::Topic(name)) => written.topics.push(name),
            (Some(written), Line::Group(name)) => written.groups.push(name),
            (Some(written), Line::Session(ms)) => {
                written.session = written.session.max(Some(Duration::from_millis(ms)));
            }
            (Some(written), Line::NotOurs(name)) => {
                written.topics.retain(|other| *other != name);
                written.groups.retain(|other| *other != name);
            }
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use super::{Journal, Run, abandoned, parse, read};

    fn run() -> Run {
        Run {
            id: "0123456789abcdef".to_owned(),
            environment: "staging".to_owned(),
            cluster_id: "c".to_owned(),
            bootstrap: "b:1".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("below/it");
        let run = run();
        let mut journal = Journal::begin(&place, &run).unwrap();
        journal.topics(&[run.name("a"), run.name("b")]).unwrap();
        journal.group(&run.name("g \"x\"\n"), Duration::from_secs(25)).unwrap();
        journal.group(&run.name("h"), Duration::from_secs(6)).unwrap();
        journal.withdraw(&[run.name("b")]).unwrap();
        assert_eq!(abandoned(&place).unwrap().1, 1, "its run lives");
        drop(journal);
        let (found, running) = abandoned(&place).unwrap();
        assert_eq!((found.len(), running), (1, 0));
        let written = read(&found[0].0).unwrap().unwrap();
        assert_eq!(written.topics, [run.name("a")]);
        assert_eq!(written.groups, [run.name("g \"x\"\n"), run.name("h")]);
        assert_eq!(written.session, Some(Duration::from_secs(25)));
        assert_eq!(written.run, run);
        assert_eq!(abandoned(&folder.path().join("none")).unwrap().1, 0);
    }

    #[test]
    fn a_name_of_somebody_else_spoils_the_whole_journal() {
        let first = r#"{"run":{"id":"0123456789abcdef","environment":"e","cluster_id":"c","bootstrap":"b"}}"#;
        for (lines, complaint) in [
            ("{\"topic\":\"orders\"}\n", "line 1 does not say whose it is"),
            (
                &*format!("{first}\n{{\"topic\":\"orders\"}}\n"),
                "orders is no name of this run",
            ),
            (
                &*format!("{first}\n{{\"group\":\"lagproof-\"}}\n"),
                "is no name of this run",
            ),
            (&*format!("{first}\n{first}\n"), "a second run"),
            (&*format!("{first}\nnonsense\n"), "line 2"),
            (&*format!("{}\n", first.replace("0123456789abcdef", "")), "whose it is"),
        ] {
            let error = parse(lines).unwrap_err();
            assert!(error.contains(complaint), "{lines}: {error}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let run = run();
        let long = |end: &str| run.name(&format!("{}{end}", "ü".repeat(200)));
        assert!(long("a").len() <= 249 && long("a") != long("b"));
        assert!(long("a").starts_with("lagproof-0123456789abcdef-ü"));
    }

    proptest! {
        #[test]
        fn cut_anywhere_it_names_a_part_of_what_was_written(cut in 0_usize..400) {
            let run = run();
            let folder = tempfile::tempdir().unwrap();
            let mut journal = Journal::begin(folder.path(), &run).unwrap();
            journal.topics(&[run.name("a"), run.name("b")]).unwrap();
            journal.group(&run.name("g"), Duration::from_secs(10)).unwrap();
            let text = std::fs::read_to_string(folder.path().join("0123456789abcdef.journal")).unwrap();
            let written = parse(&text[..cut.min(text.len())]).unwrap();
            let topics = written.map(|written| written.topics).unwrap_or_default();
            prop_assert!([run.name("a"), run.name("b")].starts_with(&topics));
        }
    }
}
