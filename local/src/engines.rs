//! The engines that stand in for AWS.

mod dynamodb;
mod s3;
mod signature;
mod tokens;

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use anyhow::Context as _;
use aws_sdk_dynamodb::config::Credentials;
use aws_types::SdkConfig;
use dynoxide::Database;
use shared::{aws, env::Env};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{guard::Guard, random_hex};

const REGION: &str = "us-east-1";

/// Where the engines keep their data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In memory, except for the objects, which are in this folder.
    Memory(PathBuf),
    /// In this folder.
    Folder(PathBuf),
}

/// Both engines, running.
pub struct Engines {
    variables: Vec<(&'static str, String)>,
    stop: watch::Sender<bool>,
    servers: [JoinHandle<io::Result<()>>; 2],
}

impl Engines {
    /// Starts both engines on free ports of this address, with credentials of their own.
    ///
    /// # Errors
    ///
    /// Fails if a port cannot be bound or the folder cannot be used.
    pub async fn start(host: IpAddr, storage: &Storage) -> anyhow::Result<Self> {
        let (database, objects) = match storage {
            Storage::Memory(objects) => (Database::memory()?, objects.clone()),
            Storage::Folder(folder) => {
                let file = folder.join("dynamodb.sqlite");
                let name = file
                    .to_str()
                    .with_context(|| format!("{} is not UTF-8", file.display()))?;
                let database =
                    Database::new(name).with_context(|| format!("cannot open {name}"))?;
                (database, folder.join("s3"))
            }
        };
        // dynoxide's name for SQLite's `synchronous = NORMAL`: SQLite writes at once, and waits for
        // the disk at checkpoints.
        database.disable_bulk_loading()?;
        fs::create_dir_all(&objects)
            .with_context(|| format!("cannot make {}", objects.display()))?;
        let credentials = Credentials::new(
            random_hex::<10>()?,
            random_hex::<32>()?,
            None,
            None,
            "engines",
        );
        let guard = Guard::new(host);
        let (stop, stopped) = watch::channel(false);
        let stopped = || {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the sender was dropped, which asks for the same.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        };
        let free_port = SocketAddr::new(host, 0);
        let (dynamodb_address, dynamodb_listener) = bind(free_port).await?;
        let (s3_address, s3_listener) = bind(free_port).await?;
        let variables = vec![
            (
                "AWS_ENDPOINT_URL_DYNAMODB",
                format!("http://{dynamodb_address}"),
            ),
            ("AWS_ENDPOINT_URL_S3", format!("http://{s3_address}")),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
            (
                "AWS_SECRET_ACCESS_KEY",
                credentials.secret_access_key().to_owned(),
            ),
        ];
        let dynamodb = dynamodb::router(database, credentials.clone());
        let s3 = s3::router(objects, &credentials)?;
        let servers =
            [(dynamodb_listener, dynamodb), (s3_listener, s3)].map(|(listener, router)| {
                let server = axum::serve(listener, guard.refuse_pages(router));
                tokio::spawn(server.with_graceful_shutdown(stopped()).into_future())
            });
        Ok(Self {
            variables,
            stop,
            servers,
        })
    }

    /// Returns the configuration with which the SDK reaches the engines. It reads nothing of the
    /// process's environment, and has connections of its own.
    pub fn aws(&self) -> SdkConfig {
        let env: Env = self.variables.iter().cloned().collect();
        aws::config(&env).expect("the variables of the engines are complete")
    }

    /// The variables with which another process's SDK reaches the engines.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Stops both engines gracefully.
    ///
    /// # Errors
    ///
    /// Fails if one of them had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        for server in self.servers {
            let stopped = server.await.context("an engine panicked")?;
            stopped.context("an engine failed")?;
        }
        Ok(())
    }
}

/// Binds an address; port 0 is any free one.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    Ok((listener.local_addr()?, listener))
}
