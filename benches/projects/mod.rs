//! Made-up projects of any size, for the benchmark and for tests: the same shape and seed give the same bytes.
//!
//! A service is one of six types on one of five clients, as the reference project has them; a topic has two readers on
//! average; profiles are about 640 bytes long. Everything checks clean. Nothing here uses the crate: what is measured
//! must not make what it is measured on.

// Whoever takes this in uses a part of it.
#![allow(dead_code)]

mod kinds;
mod random;
mod service;
mod shared;

use std::fs;
use std::io;
use std::path::Path;

use kinds::{KINDS, Kind};
use random::Random;

/// What a made-up project looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How many services it has.
    pub services: usize,
    /// What else varies: costs, rates, clients, deviations. A service depends on it and on its number alone.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Shape {
    /// A project of so many services, of seed 7.
    #[must_use]
    pub const fn of(services: usize) -> Self {
        Self { services, seed: 7 }
    }

    /// Every file: its path from the project's root and its text. They are made one by one: ten thousand at a time
    /// would be in the way of measuring memory.
    pub fn files(self) -> impl Iterator<Item = (String, String)> {
        let shared = [
            ("lagproof.toml", shared::config as fn(Self) -> String),
            ("profiles/matrix.toml", |_| shared::matrix()),
            ("profiles/topics.toml", shared::topics),
        ];
        let shared = shared
            .into_iter()
            .map(move |(path, text)| (path.to_owned(), text(self)));
        let services = (0..self.services).map(move |number| {
            let path = format!("profiles/services/{}.toml", self.service_name(number));
            (path, service::profile(self, number))
        });
        shared.chain(services)
    }

    /// Writes every file below `root`.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(self, root: &Path) -> io::Result<Written> {
        fs::create_dir_all(root.join("profiles/services"))?;
        let mut written = Written::default();
        for (path, text) in self.files() {
            fs::write(root.join(path), &text)?;
            written.files += 1;
            written.bytes += text.len();
        }
        Ok(written)
    }

    /// A service's name.
    #[must_use]
    pub fn service_name(self, number: usize) -> String {
        format!("{}-{number:05}", self.kind(number).stem)
    }

    /// The services' kinds take turns.
    fn kind(self, number: usize) -> &'static Kind {
        &KINDS[number % KINDS.len()]
    }

    /// The topic that a service reads: of its kind, shared with the next service of that kind.
    fn topic_name(self, number: usize) -> String {
        format!("{}.{:05}", self.kind(number).topic, number / (2 * KINDS.len()))
    }

    /// Numbers for one purpose and one thing.
    fn random(self, purpose: &str, number: usize) -> Random {
        Random::new(self.seed, purpose, number)
    }
}
