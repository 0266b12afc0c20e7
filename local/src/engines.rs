//! The engines that stand in for AWS: DynamoDB by dynoxide, S3 by s3s.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use anyhow::{Context as _, anyhow};
use aws_types::SdkConfig;
use axum::{Router, body::Body, extract::Request, http::StatusCode, response::Response};
use dynoxide::Database;
use lambda_http::tower::ServiceExt as _;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use shared::{aws, env::Env};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// The credentials that the engines accept. They open nothing else.
const ACCESS_KEY_ID: &str = "local";
const SECRET_ACCESS_KEY: &str = "local-secret";

const REGION: &str = "us-east-1";

/// Where the engines keep what they are given.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In memory, but for the objects, which are in this folder.
    Memory(PathBuf),
    /// In this folder.
    Folder(PathBuf),
}

/// Both engines, running.
#[derive(Debug)]
pub struct Engines {
    variables: Vec<(&'static str, String)>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Engines {
    /// Starts both engines on free ports of this address.
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
        // What dynoxide calls normal: SQLite writes at once, and waits for the disk at checkpoints.
        database.disable_bulk_loading()?;
        std::fs::create_dir_all(&objects)
            .with_context(|| format!("cannot make {}", objects.display()))?;
        let (stop, stopped) = watch::channel(false);
        let stopped = || {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the sender is gone, which is as good a reason to stop.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        };
        let free_port = SocketAddr::new(host, 0);
        let (dynamodb, listener) = bind(free_port).await?;
        let dynamodb_server = serve_dynamodb(listener, database, stopped());
        let (s3, listener) = bind(free_port).await?;
        let objects =
            FileSystem::new(&objects).map_err(|_| anyhow!("cannot use {}", objects.display()))?;
        let s3_server = serve_s3(listener, objects, stopped());
        let variables = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{dynamodb}")),
            ("AWS_ENDPOINT_URL_S3", format!("http://{s3}")),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ];
        Ok(Self {
            variables,
            stop,
            servers: vec![tokio::spawn(dynamodb_server), tokio::spawn(s3_server)],
        })
    }

    /// The configuration with which the SDK reaches the engines, and nothing of the environment's.
    /// Each has connections of its own.
    pub fn aws(&self) -> SdkConfig {
        let env: Env = self.variables.iter().cloned().collect();
        aws::config(&env).expect("the variables of the engines are complete")
    }

    /// The variables with which another process's SDK reaches the engines.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Stops both engines once they have answered what they have been asked.
    ///
    /// # Errors
    ///
    /// Fails if one of them had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        for server in self.servers {
            server.await.context("an engine panicked")??;
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

async fn serve_dynamodb(
    listener: TcpListener,
    database: Database,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    dynoxide::server::serve_with_shutdown(listener, database, stopped)
        .await
        .map_err(|error| anyhow!("the DynamoDB engine failed: {error}"))
}

async fn serve_s3(
    listener: TcpListener,
    objects: FileSystem,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let mut builder = S3ServiceBuilder::new(objects);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
    let service = builder.build();
    let router = Router::new().fallback(async move |request: Request| {
        match service.oneshot(request).await {
            Ok(response) => response.map(Body::new),
            Err(_) => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await
        .context("the S3 engine failed")
}
