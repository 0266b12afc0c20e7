//! `POST /obtain_token/` issues a token for a login and its password.

use std::time::SystemTime;

use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response, http::Method, tracing};
use serde_json::json;
use shared::{
    attempts::{Attempts, CountError},
    env::{Env, EnvError},
    http::{self, ApiError, Edge, Form, Origins},
    logins::{Login, Logins},
    token::{self, Keys, Lifetime},
    user::{Hasher, LoginKey, Password, Verdict},
};

/// The endpoint.
#[derive(Debug)]
pub struct ObtainToken {
    edge: Edge,
    keys: Keys,
    lifetime: Lifetime,
    hasher: Hasher,
    logins: Logins,
    attempts: Attempts,
}

impl ObtainToken {
    /// Reads `ALLOWED_ORIGINS`, `JWT_SECRET_ID` or `JWT_SECRET`, `TOKEN_TTL_SECONDS`,
    /// `LOGINS_TABLE` and `ATTEMPTS_TABLE`.
    ///
    /// # Errors
    ///
    /// Any [`EnvError`].
    pub async fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        Ok(Self {
            logins: Logins::from_env(env, &dynamodb)?,
            keys: Keys::from_env(env, aws).await?,
            edge: Edge::new("/obtain_token/", &[Method::POST], Origins::from_env(env)?),
            lifetime: Lifetime::from_env(env)?,
            hasher: Hasher::default(),
            attempts: Attempts::from_env(env, &dynamodb)?,
        })
    }

    /// Responds to `request`.
    pub async fn respond(&self, request: Request) -> Response<Body> {
        let outcome = self.handle(&request, SystemTime::now());
        self.edge.respond(&request, outcome).await
    }

    /// Number of Argon2 runs: one per verified log-in, whether it succeeds or fails, plus one per
    /// replaced hash. For tests.
    pub fn hash_runs(&self) -> u64 {
        self.hasher.runs()
    }

    /// Issues a token.
    ///
    /// Request: strings `login`, an e-mail address or a username, and `password`.
    /// Response: `200` with `{"token": …}`. Every wrong pair gets the same response after the same
    /// work.
    async fn handle(&self, request: &Request, now: SystemTime) -> Result<Response<Body>, ApiError> {
        self.edge.check_method(request)?;
        let form = Form::read(request)?;
        let text = |name| form.get(name)?.as_text();
        let key = text("login")
            .filter(|raw| !raw.trim().is_empty())
            .map(LoginKey::typed);
        let password = text("password").and_then(|raw| Password::parse(raw).ok());

        // Reserve the hash before counting the attempt: a request refused for overload must not count
        // as a failed log-in.
        let slot = self.hasher.reserve()?;
        let login = match &key {
            Some(key) => self.look_up(key, now).await?,
            None => None,
        };
        let hash = login.as_ref().and_then(|login| login.password_hash.clone());
        let verdict = slot.verify(password, hash.clone()).await?;
        let (Some(key), Some(login)) = (key, login.filter(|login| !login.disabled)) else {
            return Err(ApiError::WrongCredentials);
        };
        match (verdict, hash) {
            (Verdict::Wrong, _) | (_, None) => return Err(ApiError::WrongCredentials),
            (Verdict::Right, Some(_)) => {}
            (Verdict::Outdated(replacement), Some(outdated)) => {
                let replaced = self.logins.replace_hash(&login, &outdated, &replacement);
                if let Err(error) = replaced.await {
                    tracing::warn!(%error, "an outdated password hash was not replaced");
                }
            }
        }
        let (cleared, signing_key) = tokio::join!(self.attempts.clear(&key), self.keys.signing());
        cleared?;
        let token = self.issue(&signing_key?, &login, now)?;
        Ok(http::ok(&json!({ "token": token })))
    }

    /// Finds the account and counts the attempt concurrently, in one round trip.
    async fn look_up(&self, key: &LoginKey, now: SystemTime) -> Result<Option<Login>, ApiError> {
        let (login, counted) = tokio::join!(self.logins.find(key), self.attempts.count(key, now));
        match counted {
            Ok(()) => Ok(login?),
            Err(CountError::Locked { wait }) => Err(ApiError::Throttled(wait)),
            Err(CountError::Table(error)) => Err(error.into()),
        }
    }

    fn issue(&self, key: &token::Key, login: &Login, now: SystemTime) -> Result<String, ApiError> {
        let (username, email) = (login.username.as_str(), login.email.as_str());
        token::issue(key, login.uuid, username, email, now, self.lifetime)
            .map_err(|error| ApiError::Internal(error.into()))
    }
}
