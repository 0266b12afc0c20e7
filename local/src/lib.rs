//! The development and test stack: the four endpoints on real engines, behind a gateway.
//!
//! The endpoints are the ones that run on Lambda; only the engines and the gateway differ.

mod engines;
mod gateway;
mod guard;
mod schema;
mod secret;
mod site;
mod swagger;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use aws_types::SdkConfig;
use shared::{
    env::Env,
    registry::{RegisterError, Registry},
    user::{Email, Hasher, NewUser, Password, Username},
    users::Users,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::gateway::Gateway;
pub use crate::{
    engines::{Engines, Storage},
    secret::random_hex,
};

/// Default address of engines and stacks.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The settings of a stack.
#[derive(Clone)]
pub struct Settings {
    /// Address that the gateway listens on; port 0 is any free one.
    pub address: SocketAddr,
    /// Prefix of the names of tables and bucket: lower-case letters, digits and hyphens.
    pub name: String,
    /// The key that signs tokens.
    pub jwt_secret: String,
    /// More variables for the endpoints, such as `PASSWORD_POLICY`. They override the stack's own.
    pub variables: Vec<(&'static str, String)>,
}

/// The account of the sample events, which hold tokens of this uuid.
const EXAMPLE_UUID: &str = "f0d4568f-c938-480a-8564-d95e95b5af4a";
/// The username of the account of the sample events.
pub const EXAMPLE_USERNAME: &str = "Test";
/// The e-mail address of the account of the sample events.
pub const EXAMPLE_EMAIL: &str = "test@test.ru";
/// The password of the account of the sample events.
pub const EXAMPLE_PASSWORD: &str = "12345";

/// The four endpoints behind their gateway, running.
#[derive(Debug)]
pub struct Stack {
    env: Env,
    address: SocketAddr,
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Stack {
    /// Creates the tables and the bucket unless they exist, and starts the gateway.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be bound, an engine refuses, or a variable has a bad value.
    pub async fn start(aws: &SdkConfig, settings: Settings) -> anyhow::Result<Self> {
        let (address, listener) = engines::bind(settings.address).await?;
        let Settings {
            name,
            jwt_secret,
            variables,
            ..
        } = settings;
        let own = [
            ("USERS_TABLE", format!("{name}-users")),
            ("LOGINS_TABLE", format!("{name}-logins")),
            ("ATTEMPTS_TABLE", format!("{name}-attempts")),
            ("AVATARS_BUCKET", format!("{name}-avatars")),
            ("AVATAR_BASE_URL", format!("http://{address}")),
            ("JWT_SECRET", jwt_secret),
        ];
        let env: Env = own.into_iter().chain(variables).collect();
        schema::create(&env, aws).await?;
        let gateway = Arc::new(Gateway::new(&env, aws, address).await?);
        let (stop, mut stopped) = watch::channel(false);
        let server = Arc::clone(&gateway).serve(listener, async move {
            // An error means that the stack was dropped, which asks for the same.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let server = tokio::spawn(server);
        Ok(Self {
            env,
            address,
            gateway,
            stop,
            server,
        })
    }

    /// Registers the account of the sample events in `events/`, unless it exists.
    ///
    /// # Errors
    ///
    /// Fails if another account has its address or its username, or the engine refuses.
    pub async fn register_example(&self, aws: &SdkConfig) -> anyhow::Result<()> {
        let user = NewUser {
            uuid: EXAMPLE_UUID.parse()?,
            username: Username::parse(EXAMPLE_USERNAME)?,
            email: Email::parse(EXAMPLE_EMAIL)?,
            password_hash: Hasher::default()
                .reserve()?
                .hash(Password::parse(EXAMPLE_PASSWORD)?)
                .await?,
        };
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        match Registry::from_env(&self.env, &dynamodb)?
            .register(&user)
            .await
        {
            Err(RegisterError::Taken { .. }) => {
                let users = Users::from_env(&self.env, &dynamodb)?;
                ensure!(
                    users.find(user.uuid).await?.is_some(),
                    "{EXAMPLE_EMAIL} or {EXAMPLE_USERNAME} is another account than that of the sample events"
                );
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }

    /// The URL that the paths are appended to, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables that the endpoints have read.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Number of Argon2 runs by log-ins. For tests.
    pub fn log_in_hash_runs(&self) -> u64 {
        self.gateway.log_in_hash_runs()
    }

    /// Stops the gateway gracefully.
    ///
    /// # Errors
    ///
    /// Fails if it had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.server.await.context("the gateway panicked")?
    }
}
