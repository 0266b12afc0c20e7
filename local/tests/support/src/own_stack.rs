use std::{net::SocketAddr, ops::Deref};

use aws_types::SdkConfig;
use local::{LOOPBACK, Settings, Stack};
use uuid::Uuid;

use crate::{Api, Stored, engines::ENGINES};

/// The key that signs the tokens of every stack that a test starts.
pub const JWT_SECRET: &str = "a secret of the tests, 32 bytes or more";

/// The variables of a stack whose signing key is a secret in Secrets Manager.
pub const BY_SECRET: [(&str, &str); 1] = [("JWT_SECRET_ID", "key")];

/// A stack of a test's own: the API, and what is behind it.
pub struct OwnStack {
    api: Api,
    stack: Stack,
}

impl OwnStack {
    /// Starts one with default settings.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts one with `variables`.
    pub async fn with(variables: &[(&'static str, &str)]) -> Self {
        Self::through(&Self::aws(), variables).await
    }

    /// Starts one with `variables` that reaches the engines through `aws`.
    pub async fn through(aws: &SdkConfig, variables: &[(&'static str, &str)]) -> Self {
        let stack = Stack::start(aws, settings(variables)).await.unwrap();
        Self::from(stack)
    }

    /// The configuration with which [`start`](Self::start) reaches the engines.
    pub fn aws() -> SdkConfig {
        ENGINES.aws()
    }

    /// The running stack.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The tables and the bucket of a stack that reaches the engines, directly or through a proxy.
    pub fn stored(&self) -> Stored {
        let engines = ENGINES.variables();
        let engines = engines.iter().map(|(name, value)| (*name, value.as_str()));
        Stored::new(engines.chain(self.stack.env().iter()).collect())
    }
}

impl From<Stack> for OwnStack {
    fn from(stack: Stack) -> Self {
        Self {
            api: Api::at(stack.base_url()),
            stack,
        }
    }
}

impl Deref for OwnStack {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// The settings of a stack with `variables` and with tables and a bucket of its own.
pub fn settings(variables: &[(&'static str, &str)]) -> Settings {
    Settings {
        address: SocketAddr::new(LOOPBACK, 0),
        name: format!("test-{}", Uuid::new_v4().simple()),
        jwt_secret: JWT_SECRET.to_owned(),
        variables: variables
            .iter()
            .map(|&(name, value)| (name, value.to_owned()))
            .collect(),
    }
}
