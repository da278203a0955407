//! What the container engine has, asked before a container is started.

use std::collections::HashMap;
use std::path::Path;

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::SyncRunner;
use testcontainers::{GenericImage, ImageExt};

use super::cancel::{Cancel, attended};
use super::error::BrokerError;
use super::fetch::Progress;
use super::jars::KAFKA_VERSION;
use super::sweep::is_orphan;

/// The public image, pinned.
pub const PUBLIC_IMAGE: &str = "apache/kafka";
/// The image that `src/broker/image/build.sh` builds where no registry can be reached.
pub const STAND_IN_IMAGE: &str = "lagproof/kafka-standin";

/// On our containers: the folder that is locked as long as their process lives, and the machine that it runs on.
pub(super) const OWNER_LABEL: &str = "lagproof.owner";
pub(super) const HOST_LABEL: &str = "lagproof.host";

/// An image that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) tag: String,
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

impl Image {
    /// `name:tag`, where a registry's port is no tag; without one, `latest`.
    pub(super) fn parse(text: &str) -> Self {
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            Some(_) | None => (text, "latest"),
        };
        Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
        }
    }

    fn pinned(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tag: KAFKA_VERSION.to_owned(),
        }
    }
}

/// Where the engine is looked for.
pub(super) fn address() -> String {
    std::env::var("DOCKER_HOST")
        .ok()
        .filter(|host| !host.is_empty())
        .unwrap_or_else(|| "/var/run/docker.sock".to_owned())
}

/// The host under which this machine reaches the engine's ports.
pub(super) fn host() -> String {
    let address = address();
    match address.split_once("://") {
        Some(("tcp" | "http" | "https", rest)) => {
            let authority = rest.split('/').next().unwrap_or(rest);
            let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
            if host == "localhost" { "127.0.0.1" } else { host }.to_owned()
        }
        Some(_) | None => "127.0.0.1".to_owned(),
    }
}

/// The name of this machine.
pub(super) fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn with_engine<T>(
    doing: &str,
    call: impl AsyncFnOnce(Docker) -> Result<T, testcontainers::bollard::errors::Error>,
) -> Result<T, BrokerError> {
    let failed = |reason: &dyn std::fmt::Display| BrokerError::Docker {
        doing: doing.to_owned(),
        reason: reason.to_string(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    runtime.block_on(async {
        let engine = docker_client_instance().await.map_err(|error| failed(&error))?;
        call(engine).await.map_err(|error| failed(&error))
    })
}

/// Whether an engine answers.
pub(super) fn answers(cancel: &Cancel) -> Result<bool, BrokerError> {
    attended(cancel, "looking for a container engine", || {
        with_engine("be reached", async |engine| engine.ping().await).is_ok()
    })
}

fn is_here(image: &Image, cancel: &Cancel) -> Result<bool, BrokerError> {
    let name = image.to_string();
    attended(cancel, "looking for an image", || {
        with_engine("list images", async move |engine| engine.inspect_image(&name).await).is_ok()
    })
}

/// Has the engine pull an image. It gives up, too, once this process has ended.
fn pull(image: &Image, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<(), BrokerError> {
    progress(Progress::Pulling {
        image: image.to_string(),
    });
    let request = GenericImage::new(&image.name, &image.tag).with_label("lagproof", "");
    attended(cancel, &format!("pulling {image}"), || request.pull_image().map(drop))?.map_err(|error| {
        BrokerError::Docker {
            doing: format!("pull {image}"),
            reason: error.to_string(),
        }
    })
}

/// The image to run: the one asked for, else the public one if it is here, else the stand-in if somebody built it, else
/// the public one from its registry.
pub(super) fn choose_image(
    asked: Option<&str>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Image, BrokerError> {
    if let Some(asked) = asked {
        let image = Image::parse(asked);
        if !is_here(&image, cancel)? {
            pull(&image, cancel, progress)?;
        }
        return Ok(image);
    }
    let public = Image::pinned(PUBLIC_IMAGE);
    let stand_in = Image::pinned(STAND_IN_IMAGE);
    if is_here(&public, cancel)? {
        return Ok(public);
    }
    if is_here(&stand_in, cancel)? {
        return Ok(stand_in);
    }
    pull(&public, cancel, progress).map(|()| public)
}

/// Removes the containers of brokers that nobody on this machine holds any more. Says which.
///
/// # Errors
/// [`BrokerError::Docker`] where the engine does not answer.
pub fn sweep_containers() -> Result<Vec<String>, BrokerError> {
    with_engine("remove containers that were left", async |engine| {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{HOST_LABEL}={}", machine())])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let mut removed = Vec::new();
        for container in engine.list_containers(Some(options)).await? {
            let labels = container.labels.unwrap_or_default();
            let orphaned = labels
                .get(OWNER_LABEL)
                .is_some_and(|folder| is_orphan(Path::new(folder)));
            if let (true, Some(id)) = (orphaned, container.id) {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                engine.remove_container(&id, Some(options)).await?;
                removed.push(id);
            }
        }
        Ok(removed)
    })
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn names_of_images() {
        for (text, name, tag) in [
            ("apache/kafka:4.1.0", "apache/kafka", "4.1.0"),
            ("apache/kafka", "apache/kafka", "latest"),
            ("host:5000/kafka", "host:5000/kafka", "latest"),
            ("host:5000/kafka:1", "host:5000/kafka", "1"),
        ] {
            let image = Image::parse(text);
            assert_eq!((&*image.name, &*image.tag), (name, tag));
        }
    }
}
