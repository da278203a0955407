//! The floor: what the machine needs to read, or to write, the same bytes. It runs as a process of its own, so that this
//! one stays small, and times itself, so that its start is not counted.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rayon::prelude::*;

use super::Outcome;
use super::measure::{Sample, process};

/// How the floor is started.
#[derive(Debug, Clone, Args)]
pub struct FloorArgs {
    /// Run as the floor instead.
    #[arg(long, hide = true, value_enum)]
    pub floor: Option<Floor>,
    #[arg(long, hide = true, default_value_t = 1)]
    threads: usize,
    #[arg(long, hide = true, num_args = 1..)]
    folders: Vec<PathBuf>,
}

/// What is done with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Floor {
    /// List the folders, open and read every file.
    Read,
    /// The same, and take every TOML file apart with crate toml, for nothing but its syntax.
    Parse,
    /// Create and write every file beside the folders, as plainly as can be.
    Write,
}

impl Floor {
    /// Times it in a process of its own.
    pub fn measure(self, threads: usize, root: &Path, folders: &[&str]) -> Outcome<Sample> {
        let name = match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Write => "write",
        };
        let threads = threads.to_string();
        let mut arguments = vec!["--floor", name, "--threads", &threads, "--folders"];
        arguments.extend(folders);
        let (sample, out) = process(&std::env::current_exe()?, &arguments, root)?;
        let nanoseconds: u64 = out.trim().parse()?;
        Ok(Sample {
            time: Duration::from_nanos(nanoseconds),
            ..sample
        })
    }

    /// Is that process: prints the nanoseconds.
    pub fn run(self, args: &FloorArgs) -> Outcome {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build()?;
        // The pool's threads are there before the time starts.
        pool.broadcast(|_| ());
        let spent = match self {
            Self::Read => pool.install(|| read(&args.folders, read_file))?,
            Self::Parse => pool.install(|| read(&args.folders, parse_file))?,
            Self::Write => pool.install(|| write(&args.folders))?,
        };
        println!("{}", spent.as_nanos());
        Ok(())
    }
}

/// Does something with every file, which gives how many bytes it has.
fn read(folders: &[PathBuf], each: fn(&Path, &mut [u8]) -> io::Result<usize>) -> Outcome<Duration> {
    let started = Instant::now();
    let files = list(folders)?;
    let bytes = files
        .par_iter()
        .with_min_len(16)
        .map_init(|| vec![0; 64 << 10], |buffer, path| each(path, buffer))
        .try_reduce(|| 0, |a, b| Ok(a + b))?;
    let spent = started.elapsed();
    std::hint::black_box(bytes);
    Ok(spent)
}

/// One read takes all of most files, as in the compiler.
fn read_file(path: &Path, buffer: &mut [u8]) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut bytes = 0;
    loop {
        let read = file.read(buffer)?;
        bytes += read;
        if read < buffer.len() {
            return Ok(bytes);
        }
    }
}

/// The same, and takes a file of TOML apart.
fn parse_file(path: &Path, buffer: &mut [u8]) -> io::Result<usize> {
    if path.extension().is_none_or(|ending| ending != "toml") {
        return read_file(path, buffer);
    }
    let text = fs::read_to_string(path)?;
    let table = toml::de::DeTable::parse(&text).map_err(io::Error::other)?;
    std::hint::black_box(&table);
    Ok(text.len())
}

fn write(folders: &[PathBuf]) -> Outcome<Duration> {
    let files: Vec<(PathBuf, Vec<u8>)> = list(folders)?
        .into_iter()
        .map(|path| fs::read(&path).map(|bytes| (path, bytes)))
        .collect::<Result<_, _>>()?;
    let root = tempfile::tempdir_in(".")?;
    let started = Instant::now();
    for folder in folders {
        fs::create_dir_all(root.path().join(folder))?;
    }
    files
        .par_iter()
        .with_min_len(16)
        .try_for_each(|(path, bytes)| fs::write(root.path().join(path), bytes))?;
    Ok(started.elapsed())
}

/// The files directly in the folders; a file stands for itself.
fn list(folders: &[PathBuf]) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in folders {
        if folder.is_file() {
            files.push(folder.clone());
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}
