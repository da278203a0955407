//! A broker in a container, by testcontainers.

use std::time::Duration;

use testcontainers::bollard::models::PortBinding;
use testcontainers::core::{ExecCommand, IntoContainerPort};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, ContainerRequest, GenericImage, ImageExt};

use super::Halt;
use super::cancel::Cancel;
use super::connection::Connection;
use super::engine::{HOST_LABEL, Image, OWNER_LABEL, host, machine};
use super::error::BrokerError;
use super::guard::Guard;
use super::local::{cluster_id, free_port, last_lines};
use super::options::{Options, as_variable};
use super::ready::wait_until_ready;
use super::sweep::Owned;
use super::usage::{Usage, parse_usage};

const ATTEMPTS: usize = 5;
const PORT: u16 = 9092;
const LINES: usize = 20;
/// In the container; its user may write there in every image.
const DATA: &str = "/tmp/lagproof-data";

/// A running container, and what removes it if we can't.
pub(super) struct Docker {
    // Dropped in this order: the container is removed, then the guard finds nothing to do and removes the folder.
    container: Container<GenericImage>,
    _guard: Guard,
    _owned: Owned,
    bootstrap: String,
    cluster_id: String,
    ready_within: Duration,
    cancel: Cancel,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker")
            .field("container", &self.container.id())
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Docker {
    /// Starts one and waits until it answers.
    pub(super) fn start(image: &Image, options: &Options) -> Result<Self, BrokerError> {
        let owned = Owned::folder(&std::env::temp_dir())?;
        let name = format!("lagproof-kafka-{}", owned.unique());
        let guard = Guard::over(owned.path(), Some(&name))?;
        let host = host();
        let mut ports = options.ports.clone().into_iter();
        let mut attempts = 1;
        loop {
            // The port is ours to choose: the broker must advertise it from the start, and keep it over a restart.
            let port = ports.next().map_or_else(free_port, Ok)?;
            let bootstrap = format!("{host}:{port}");
            let id = cluster_id();
            let request = request(image, options, &bootstrap, port, &id)
                .with_container_name(&name)
                .with_label(OWNER_LABEL, owned.path().display().to_string())
                .with_label(HOST_LABEL, machine());
            match request.start() {
                Ok(container) => {
                    let docker = Self {
                        container,
                        _guard: guard,
                        _owned: owned,
                        bootstrap,
                        cluster_id: id,
                        ready_within: options.ready_within,
                        cancel: options.cancel.clone(),
                    };
                    docker.ready()?;
                    return Ok(docker);
                }
                Err(error) => {
                    let error = failed(&format!("start {image}"), &error);
                    let taken = ["port is already allocated", "address already in use"];
                    if attempts == ATTEMPTS || !taken.iter().any(|words| error.to_string().contains(words)) {
                        return Err(error);
                    }
                    attempts += 1;
                    remove(&name);
                }
            }
        }
    }

    /// `host:port`.
    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The container's id.
    pub(super) fn id(&self) -> &str {
        self.container.id()
    }

    /// Fails with its last words where it has ended.
    pub(super) fn check(&self) -> Result<(), BrokerError> {
        match self.container.is_running() {
            Ok(true) => Ok(()),
            Ok(false) => Err(BrokerError::Died {
                status: match self.container.exit_code() {
                    Ok(Some(code)) => format!("exit status {code}"),
                    Ok(None) | Err(_) => "its container is not running".to_owned(),
                },
                log: self.log(LINES),
            }),
            Err(error) => Err(failed("look at the broker", &error)),
        }
    }

    /// What it uses, asked of the kernel in the container: a tenth of a second of work.
    pub(super) fn usage(&self) -> Option<Usage> {
        let command = ExecCommand::new(["cat", "/proc/1/stat", "/proc/1/statm"]);
        let output = self.container.exec(command).ok()?.stdout_to_vec().ok()?;
        let text = String::from_utf8_lossy(&output);
        let (stat, statm) = text.trim().split_once('\n')?;
        let page = rustix::param::page_size() as u64;
        parse_usage(stat, statm, rustix::param::clock_ticks_per_second(), page)
    }

    /// The last lines of its log.
    pub(super) fn log(&self, lines: usize) -> String {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let out = self.container.stdout_to_vec().map(text).unwrap_or_default();
        let err = self.container.stderr_to_vec().map(text).unwrap_or_default();
        last_lines(&format!("{out}\n{err}"), lines)
    }

    /// Ends it, in good order or not. Its data stays.
    pub(super) fn halt(&mut self, how: Halt) -> Result<(), BrokerError> {
        let seconds = match how {
            Halt::Clean => 20,
            Halt::Killed => 0,
        };
        self.container
            .stop_with_timeout(Some(seconds))
            .map_err(|error| failed("stop the broker", &error))
    }

    /// Starts it again on the same data and port. One that does not come back is ended.
    pub(super) fn resume(&mut self) -> Result<(), BrokerError> {
        self.container
            .start()
            .map_err(|error| failed("start the broker again", &error))?;
        self.ready()
            .inspect_err(|_| drop(self.container.stop_with_timeout(Some(0))))
    }

    fn ready(&self) -> Result<(), BrokerError> {
        let connection = Connection::plain(&self.bootstrap);
        match wait_until_ready(&connection, self.ready_within, &self.cancel, &mut || self.check()) {
            Ok(found) if found == self.cluster_id => Ok(()),
            Ok(found) => Err(failed(
                "start the broker",
                &format!("the cluster {found} answers at {}", self.bootstrap),
            )),
            Err(BrokerError::Silent { bootstrap, waited, .. }) => Err(BrokerError::Silent {
                bootstrap,
                waited,
                log: self.log(LINES),
            }),
            Err(other) => Err(other),
        }
    }
}

/// The container: the same properties as a local broker has, as variables.
fn request(image: &Image, options: &Options, bootstrap: &str, port: u16, id: &str) -> ContainerRequest<GenericImage> {
    let mut properties = options.server_properties(&format!(":{PORT}"), bootstrap, 9093, DATA.as_ref());
    // From inside, the advertised address leads nowhere: the broker speaks to itself on a listener of its own.
    for (name, value) in [
        (
            "listeners",
            format!("PLAINTEXT://:{PORT},INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093"),
        ),
        (
            "advertised.listeners",
            format!("PLAINTEXT://{bootstrap},INTERNAL://127.0.0.1:9094"),
        ),
        ("inter.broker.listener.name", "INTERNAL".to_owned()),
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        ),
    ] {
        properties.insert(name.to_owned(), value);
    }
    let here = bootstrap.starts_with("127.0.0.1:");
    let request = GenericImage::new(&image.name, &image.tag)
        .with_mapped_port(port, PORT.tcp())
        .with_env_var("CLUSTER_ID", id)
        .with_env_var(
            "KAFKA_HEAP_OPTS",
            format!("-Xmx{}m", (options.heap.bytes() >> 20).max(64)),
        )
        .with_host_config_modifier(move |config| {
            // A broker without security is for this machine only, where the engine is on it.
            for binding in config
                .port_bindings
                .iter_mut()
                .flatten()
                .flat_map(|(_, to)| to.iter_mut().flatten())
            {
                let PortBinding { host_ip, .. } = binding;
                *host_ip = here.then(|| "127.0.0.1".to_owned());
            }
        });
    properties.into_iter().fold(request, |request, (name, value)| {
        request.with_env_var(as_variable(&name), value)
    })
}

/// Removes a container that was made and could not be started, of which testcontainers holds nothing.
fn remove(name: &str) {
    let _ = std::process::Command::new("docker")
        .args(["rm", "-f", "-v", name])
        .stdin(std::process::Stdio::null())
        .output();
}

fn failed(doing: &str, reason: &dyn std::fmt::Display) -> BrokerError {
    BrokerError::Docker {
        doing: doing.to_owned(),
        reason: reason.to_string(),
    }
}
