//! `GET /get_profile/` returns the profile of the token's account.

use std::time::SystemTime;

use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response, http::Method};
use shared::{
    env::{Env, EnvError},
    http::{self, ApiError, Authenticator, Edge, Origins},
    user::AvatarUrls,
    users::Users,
};

/// The endpoint.
#[derive(Debug)]
pub struct GetProfile {
    edge: Edge,
    authenticator: Authenticator,
    users: Users,
    avatar_urls: AvatarUrls,
}

impl GetProfile {
    /// Reads `ALLOWED_ORIGINS`, `JWT_SECRET_ID` or `JWT_SECRET`, `USERS_TABLE` and
    /// `AVATAR_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Any [`EnvError`].
    pub async fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        Ok(Self {
            users: Users::from_env(env, &aws_sdk_dynamodb::Client::new(aws))?,
            authenticator: Authenticator::from_env(env, aws).await?,
            edge: Edge::new(
                "/get_profile/",
                &[Method::GET, Method::HEAD],
                Origins::from_env(env)?,
            ),
            avatar_urls: AvatarUrls::from_env(env)?,
        })
    }

    /// Responds to `request`.
    pub async fn respond(&self, request: Request) -> Response<Body> {
        let outcome = self.handle(&request, SystemTime::now());
        self.edge.respond(&request, outcome).await
    }

    /// Returns the profile of the token's account.
    ///
    /// Response: `200` with the profile.
    async fn handle(&self, request: &Request, now: SystemTime) -> Result<Response<Body>, ApiError> {
        let claims = self.authenticator.claims(request, now).await?;
        let user = self.users.find_active(&claims).await?;
        self.edge.check_method(request)?;
        Ok(http::ok(&user.profile(&self.avatar_urls)))
    }
}
