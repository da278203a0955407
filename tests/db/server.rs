//! A PostgreSQL server for the tests: the one that DATABASE_URL names, else one of their own.
//!
//! Their own lives in a temporary folder, listens on a socket there and on no port, and goes when the tests end, however
//! they end: a small shell waits for the tests' end of a pipe to close, and then stops the server and removes the folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

const HELP: &str = "PostgreSQL 15 or later is needed for these tests: apt-get install postgresql, \
    or set DATABASE_URL to a server where databases and roles may be created";

/// Where the server is.
pub struct Server {
    place: Place,
    /// Holds the pipe open that the watching shell reads from; never read itself.
    _watch: Child,
}

enum Place {
    Given(String),
    Own(PathBuf),
}

/// The one server of this run.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => Server::given(url),
        _ => Server::own(),
    })
}

impl Server {
    fn given(url: String) -> Self {
        // Databases and roles of this run begin with its process id.
        let drop = format!(
            "trap '' INT TERM HUP; cat >/dev/null; psql -qAt -d \"$1\" -c \"
             SELECT format('DROP DATABASE %I WITH (FORCE);', datname) FROM pg_database WHERE datname LIKE '{0}%'
             UNION ALL SELECT format('DROP ROLE %I;', rolname) FROM pg_roles WHERE rolname LIKE '{0}%'
             \" | psql -q -d \"$1\"",
            prefix().replace('_', "\\_")
        );
        let mut watch = Command::new("sh");
        watch.args(["-c", &drop, "sh", &url]);
        Self {
            _watch: watching(&mut watch),
            place: Place::Given(url),
        }
    }

    fn own() -> Self {
        let bin = binaries().unwrap_or_else(|| panic!("no PostgreSQL server was found\n{HELP}"));
        let folder = tempfile::Builder::new()
            .prefix("lagproof-pg-")
            .tempdir_in(short_temporary_folder())
            .expect("a temporary folder")
            .keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a private folder");
        let user = unprivileged_user();
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).expect("the folder is given away");
        }
        let made = as_user(Command::new(bin.join("initdb")), user)
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
            .unwrap_or_else(|error| panic!("initdb did not start: {error}\n{HELP}"));
        assert!(
            made.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        // Whoever is in this role needs a password.
        let access = folder.join("data/pg_hba.conf");
        let others = fs::read_to_string(&access).expect("pg_hba.conf");
        fs::write(
            &access,
            format!("local all +{}locked scram-sha-256\n{others}", prefix()),
        )
        .expect("pg_hba.conf");
        let script = "trap '' INT TERM HUP
            \"$1\" -D \"$2/data\" -k \"$2\" -c listen_addresses= -c max_connections=200 $3 >\"$2/log\" 2>&1 </dev/null &
            server=$!
            cat >/dev/null
            kill -QUIT $server
            wait $server
            rm -rf \"$2\"";
        let mut watch = as_user(Command::new("sh"), user);
        watch
            .args(["-c", script, "sh"])
            .arg(bin.join("postgres"))
            .arg(&folder)
            .arg(super::database::SETTINGS)
            .current_dir(&folder);
        let server = Self {
            _watch: watching(&mut watch),
            place: Place::Own(folder.clone()),
        };
        server.wait_until_ready(&folder);
        server
    }

    fn wait_until_ready(&self, folder: &Path) {
        let given_up = Instant::now() + Duration::from_secs(60);
        let runtime = super::database::runtime();
        let options = self.options("postgres");
        while let Err(error) = runtime.block_on(PgConnection::connect_with(&options)) {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < given_up, "PostgreSQL did not start: {error}\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How sqlx reaches a database of it.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        match &self.place {
            Place::Given(url) => PgConnectOptions::from_str(url).expect("DATABASE_URL is a PostgreSQL URL"),
            Place::Own(folder) => PgConnectOptions::new_without_pgpass()
                .host(folder.to_str().expect("UTF-8"))
                .port(5432)
                .username("postgres"),
        }
        .database(database)
    }

    /// How psql, or whatever else takes a URL, reaches a database of it.
    pub fn url(&self, database: &str) -> String {
        match &self.place {
            Place::Given(url) => {
                let (base, query) = url.split_once('?').unwrap_or((url, ""));
                let authority = base.find("://").map_or(0, |at| at + 3);
                let host = base[authority..].find('/').map_or(base, |at| &base[..authority + at]);
                format!("{host}/{database}?{query}")
            }
            Place::Own(folder) => {
                let host = folder.to_str().expect("UTF-8").replace('/', "%2F");
                format!("postgres://postgres@{host}/{database}")
            }
        }
    }

    /// The same as somebody else.
    pub fn url_as(&self, database: &str, user: &str, password: &str) -> String {
        let url = self.url(database);
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
        format!("{scheme}://{user}:{password}@{rest}")
    }

    /// The database to connect to before one's own is made.
    pub fn maintenance_database(&self) -> String {
        match &self.place {
            Place::Given(url) => PgConnectOptions::from_str(url)
                .ok()
                .and_then(|options| options.get_database().map(str::to_owned))
                .unwrap_or_else(|| "postgres".to_owned()),
            Place::Own(_) => "postgres".to_owned(),
        }
    }
}

/// How the names of this run's databases begin.
pub fn prefix() -> String {
    format!("lagproof_test_{}_", std::process::id())
}

/// Starts a shell that acts when this process is gone, in a process group of its own, so that Ctrl-C does not reach it.
fn watching(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh starts")
}

/// initdb refuses root: then the user of Debian's package, or nobody.
fn unprivileged_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        })
    };
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    root.then(|| {
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("a user other than root")
    })
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// The newest server's binaries: Debian keeps them off the PATH.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    let debian = versions.into_iter().rev().map(|(_, path)| path);
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured = configured.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    debian
        .chain(configured)
        .chain(on_path.unwrap_or_default())
        .find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
}

/// A socket's path holds about a hundred characters.
fn short_temporary_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder.as_os_str().len() > 60 {
        PathBuf::from("/tmp")
    } else {
        folder
    }
}
