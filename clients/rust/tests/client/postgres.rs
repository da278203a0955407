//! A PostgreSQL server of the tests' own: in a temporary folder, on a socket, gone with this process however it ends. Unlike
//! the one of lagproof's own tests it can be crashed and started again.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use lagproof::db::{Mode, Options, Rewritten, migrate, read_migrations};
use lagproof::source::Tree;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Ends the server when our end of the pipe closes; `restart` on the pipe crashes and starts it, `down` only crashes it.
const KEEPER: &str = r#"trap '' INT TERM HUP
start() { "$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off \
    -c full_page_writes=off -c max_connections=200 >>"$2/log" 2>&1 </dev/null & server=$!; }
start "$1" "$2"
while read -r word; do
    kill -QUIT $server 2>/dev/null; wait $server 2>/dev/null
    [ "$word" = down ] || start "$1" "$2"
done
kill -QUIT $server; wait $server
rm -rf "$2"
"#;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A server, with a migrated database to copy.
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    keeper: Mutex<Child>,
    made: AtomicU32,
}

/// The server that tests share which leave it alone.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

impl Postgres {
    /// Starts one.
    pub fn start() -> Self {
        let bin = binaries();
        let folder = tempfile::Builder::new()
            .prefix("lagproof-pg-")
            .tempdir_in("/tmp")
            .unwrap()
            .keep();
        let user = unprivileged_user();
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let made = run_as(Command::new(bin.join("initdb")), user)
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let keeper = run_as(Command::new("sh"), user)
            .args(["-c", KEEPER, "sh"])
            .args([&bin.join("postgres"), &folder])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let server = Self {
            bin,
            folder,
            keeper: Mutex::new(keeper),
            made: AtomicU32::new(0),
        };
        server.wait_until_ready();
        server.psql("postgres", "CREATE DATABASE migrated TEMPLATE template0");
        let url = server.url("migrated", "postgres");
        // It has a runtime of its own, which can't be made inside of another.
        let migrated = thread::spawn(move || {
            let migrations = read_migrations(&Tree::Disk(root()), "generated/migrations")?;
            let options = Options {
                mode: Mode::Apply,
                rewritten: Rewritten::Refuse,
                environment: None,
            };
            migrate(&url, &migrations, options, &mut |_| ())
        });
        migrated.join().unwrap().unwrap();
        server.psql(
            "postgres",
            "CREATE ROLE app LOGIN IN ROLE lagproof_service; CREATE ROLE nobody LOGIN",
        );
        server
    }

    /// How clients reach a database.
    pub fn url(&self, database: &str, user: &str) -> String {
        let host = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://{user}@{host}/{database}")
    }

    /// A pool that connects when it is first used.
    pub fn pool(&self, database: &str, user: &str, most: u32) -> PgPool {
        let options: PgConnectOptions = self.url(database, user).parse().unwrap();
        PgPoolOptions::new().max_connections(most).connect_lazy_with(options)
    }

    /// Runs statements as the owner; answers what they print.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let done = Command::new(self.bin.join("psql"))
            .args([
                "-qAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
                "-c",
                sql,
                "-h",
            ])
            .arg(&self.folder)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}\n{sql}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// A database of a test's own.
    pub fn database(&self, template: &str) -> String {
        // One at a time: a template that is being copied can't be copied.
        static COPYING: Mutex<()> = Mutex::new(());
        let _copying = COPYING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let name = format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        // Else a sequence of the copy may go back in a crash: its page says that its next numbers are in the log already.
        self.psql(&name, "CHECKPOINT");
        name
    }

    fn answers(&self) -> bool {
        let mut asking = Command::new(self.bin.join("pg_isready"));
        asking.arg("-q").arg("-h").arg(&self.folder).status().unwrap().success()
    }

    fn wait_until_ready(&self) {
        let given_up = Instant::now() + Duration::from_secs(60);
        while !self.answers() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < given_up, "{log}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn tell(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        let pipe = keeper.stdin.as_mut().unwrap();
        writeln!(pipe, "{word}").unwrap();
        pipe.flush().unwrap();
    }

    /// Ends it as a crash does.
    pub fn crash(&self) {
        self.tell("down");
        while self.answers() {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Crashes it, if it runs, and starts it.
    pub fn restart(&self) {
        self.tell("restart");
        thread::sleep(Duration::from_millis(500));
        self.wait_until_ready();
    }
}

/// The newest server's binaries: Debian keeps them off the PATH.
fn binaries() -> PathBuf {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let on_path = on_path.into_iter().flatten().find(|bin| bin.join("initdb").exists());
    let found = found.pop().map(|(_, bin)| bin).or(on_path);
    found.expect("PostgreSQL 15 or later is needed: apt-get install postgresql")
}

/// initdb refuses root: then the user of Debian's package, or nobody.
fn unprivileged_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = users.find(|fields| fields[0] == name)?;
        Some((user[2].parse().ok()?, user[3].parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody"))
}

fn run_as(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
