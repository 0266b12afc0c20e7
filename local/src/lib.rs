//! The development and test stack: the four endpoints on real engines, behind a gateway.
//!
//! The endpoints are the ones that run on Lambda; only the engines and the gateway differ.

mod engines;
mod gateway;
mod reference;
mod site;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::create_table::CreateTableError,
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_types::SdkConfig;
use create_user::CreateUser;
use get_profile::GetProfile;
use obtain_token::ObtainToken;
use shared::{
    env::Env,
    http::Origins,
    registry::{RegisterError, Registry},
    user::{Email, Hasher, NewUser, Password, Username},
    users::Users,
};
use tokio::{sync::watch, task::JoinHandle};
use update_profile::UpdateProfile;

pub use crate::engines::{Engines, Storage};
use crate::{gateway::Gateway, reference::Reference};

/// Where engines and stacks listen, unless they are told otherwise.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What a stack is made of.
#[derive(Clone)]
pub struct Settings {
    /// What the gateway listens on; port 0 is any free one.
    pub address: SocketAddr,
    /// What the names of tables and bucket begin with: lower-case letters, digits and hyphens.
    pub name: String,
    /// The key that signs tokens.
    pub jwt_secret: String,
    /// More variables for the endpoints, such as `PASSWORD_POLICY`. They override the stack's own.
    pub variables: Vec<(&'static str, String)>,
}

/// The account of the sample events: their tokens are this one's.
const EXAMPLE_UUID: &str = "f0d4568f-c938-480a-8564-d95e95b5af4a";
const EXAMPLE_USERNAME: &str = "Test";
const EXAMPLE_EMAIL: &str = "test@test.ru";
const EXAMPLE_PASSWORD: &str = "12345";

/// The four endpoints behind their gateway, running.
#[derive(Debug)]
pub struct Stack {
    env: Env,
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Stack {
    /// Makes tables and bucket where they are not there yet, and starts the gateway.
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

        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        create_table(&dynamodb, env.required("USERS_TABLE")?, "uuid").await?;
        create_table(&dynamodb, env.required("LOGINS_TABLE")?, "login").await?;
        create_table(&dynamodb, env.required("ATTEMPTS_TABLE")?, "login").await?;
        let avatars = aws_sdk_s3::Client::new(aws);
        let bucket = env.required("AVATARS_BUCKET")?.to_owned();
        create_bucket(&avatars, &bucket).await?;

        let gateway = Arc::new(Gateway {
            create_user: CreateUser::from_env(&env, aws)?,
            obtain_token: ObtainToken::from_env(&env, aws).await?,
            update_profile: UpdateProfile::from_env(&env, aws).await?,
            get_profile: GetProfile::from_env(&env, aws).await?,
            avatars,
            bucket,
            edge: Gateway::edge(Origins::from_env(&env)?),
            reference: Reference::new()?,
            address,
        });
        let (stop, mut stopped) = watch::channel(false);
        let server = Arc::clone(&gateway).serve(listener, async move {
            // An error means that the sender is gone, which is as good a reason to stop.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let server = tokio::spawn(server);
        Ok(Self {
            env,
            gateway,
            stop,
            server,
        })
    }

    /// Registers the account of the sample events in `events/`, unless it is there already.
    ///
    /// # Errors
    ///
    /// Fails if somebody else has its address or its username, or the engine refuses.
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
        format!("http://{}", self.gateway.address)
    }

    /// The variables that the endpoints have read.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// How often a log-in has run Argon2.
    pub fn log_in_hash_runs(&self) -> u64 {
        self.gateway.obtain_token.hash_runs()
    }

    /// Stops the gateway once it has answered what it has been asked.
    ///
    /// # Errors
    ///
    /// Fails if it had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.server.await.context("the gateway panicked")?
    }
}

async fn create_table(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    key: &str,
) -> anyhow::Result<()> {
    let created = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(key)
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        )
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name(key)
                .key_type(KeyType::Hash)
                .build()?,
        )
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(refusal))
            if matches!(refusal.err(), CreateTableError::ResourceInUseException(_)) =>
        {
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot make the table {table}")),
    }
}

async fn create_bucket(client: &aws_sdk_s3::Client, bucket: &str) -> anyhow::Result<()> {
    match client.create_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(refusal))
            if matches!(
                refusal.err(),
                CreateBucketError::BucketAlreadyOwnedByYou(_)
                    | CreateBucketError::BucketAlreadyExists(_)
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot make the bucket {bucket}")),
    }
}
