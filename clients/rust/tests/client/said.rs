//! What was logged. Services of tests have names of their own, so that each finds its own lines.

use std::sync::{Mutex, Once};

static SAID: Mutex<Vec<(log::Level, String)>> = Mutex::new(Vec::new());

struct Keeps;

impl log::Log for Keeps {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("lagproof_client") && metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            println!("{} {text}", record.level());
            SAID.lock().unwrap().push((record.level(), text));
        }
    }

    fn flush(&self) {}
}

/// Begins to keep what is logged.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Keeps).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// How many lines have all of these words.
pub fn count(words: &[&str]) -> usize {
    let said = SAID.lock().unwrap();
    said.iter()
        .filter(|(_, line)| words.iter().all(|word| line.contains(word)))
        .count()
}

/// Whether a line of that level has all of these words.
pub fn at(level: log::Level, words: &[&str]) -> bool {
    let said = SAID.lock().unwrap();
    said.iter()
        .any(|(its, line)| *its == level && words.iter().all(|word| line.contains(word)))
}
