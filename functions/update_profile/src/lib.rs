//! `PUT /update_profile/` changes a profile and its avatar.

mod bucket;

use std::time::SystemTime;

use avatar::{AvatarError, AvatarImage};
use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response, http::Method, tracing};
use shared::{
    TableError,
    aws::AwsError,
    env::{Env, EnvError},
    http::{self, ApiError, Authenticator, Bytes, Edge, FieldErrors, Form, Origins, Value},
    user::{AvatarKey, AvatarUrls, Change, PersonName, ProfileChange, User},
    users::{UpdateError, Users},
};
use tokio::{sync::Semaphore, task};
use uuid::Uuid;

use crate::bucket::Bucket;

/// All that may be sent; any other field refuses the request.
const FIELDS: [&str; 4] = ["first_name", "last_name", "patronymic", "avatar"];

/// The client's text for an avatar that was sent as something else than a file.
const NOT_A_FILE: &str = "The submitted data was not a file. Check the encoding type on the form.";

/// One upload is converted at a time, because the largest takes most of the function's memory. A
/// function on Lambda has one request at a time anyway.
static CONVERSION: Semaphore = Semaphore::const_new(1);

/// The endpoint.
#[derive(Debug)]
pub struct UpdateProfile {
    edge: Edge,
    authenticator: Authenticator,
    users: Users,
    bucket: Bucket,
    avatar_urls: AvatarUrls,
}

impl UpdateProfile {
    /// Reads `ALLOWED_ORIGINS`, `JWT_SECRET_ID` or `JWT_SECRET`, `USERS_TABLE`, `AVATARS_BUCKET`
    /// and `AVATAR_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Any [`EnvError`].
    pub async fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        Ok(Self {
            users: Users::from_env(env, &aws_sdk_dynamodb::Client::new(aws))?,
            authenticator: Authenticator::from_env(env, aws).await?,
            edge: Edge::new("/update_profile/", &[Method::PUT], Origins::from_env(env)?),
            bucket: Bucket::from_env(env, aws)?,
            avatar_urls: AvatarUrls::from_env(env)?,
        })
    }

    /// Responds to `request`.
    pub async fn respond(&self, request: Request) -> Response<Body> {
        let outcome = self.handle(&request, SystemTime::now());
        self.edge.respond(&request, outcome).await
    }

    /// Changes the profile of whoever asks.
    ///
    /// Request: any of the texts `first_name`, `last_name` and `patronymic`, and the file `avatar`.
    /// Response: `200` with the profile after the change.
    async fn handle(&self, request: &Request, now: SystemTime) -> Result<Response<Body>, ApiError> {
        let uuid = self.authenticator.claims(request, now).await?.user_id;
        match self.update(uuid, request).await {
            Ok(user) => Ok(http::ok(&user.profile(&self.avatar_urls))),
            // An update tells by itself that the account is gone; a request that got no further
            // must be told so, too, before it is told what else is wrong with it.
            Err(refusal) if is_about_the_request(&refusal) => {
                http::active(self.users.find(uuid).await?)?;
                Err(refusal)
            }
            Err(error) => Err(error),
        }
    }

    async fn update(&self, uuid: Uuid, request: &Request) -> Result<User, ApiError> {
        self.edge.check_method(request)?;
        let form = Form::read(request).await?;
        if !form.names().all(|name| FIELDS.contains(&name)) {
            return Err(ApiError::UnknownField);
        }
        let Update { mut change, avatar } = Update::parse(&form).await?;
        let uploaded = match avatar {
            Change::Keep => None,
            Change::Clear => {
                change.avatar = Change::Clear;
                None
            }
            Change::Set(image) => {
                let key = self.upload(uuid, image).await?;
                change.avatar = Change::Set(key.clone());
                Some(key)
            }
        };
        if change == ProfileChange::default() {
            return Ok(http::active(self.users.find(uuid).await?)?);
        }
        self.write(uuid, change, uploaded).await
    }

    /// Stores a new avatar, which no profile points to yet.
    async fn upload(&self, uuid: Uuid, image: AvatarImage) -> Result<AvatarKey, ApiError> {
        metrics::histogram!("AvatarBytes").record(image.as_webp().len() as f64);
        let key = AvatarKey::random(uuid).map_err(|error| ApiError::Internal(error.into()))?;
        match self.bucket.put(&key, image).await {
            Ok(()) => Ok(key),
            Err(error) => {
                self.discard(&key).await;
                Err(error.into())
            }
        }
    }

    /// Writes `change` and removes the avatar that nothing points to afterwards: the old one, or
    /// the new one, `uploaded`, if nothing was written.
    async fn write(
        &self,
        uuid: Uuid,
        change: ProfileChange,
        uploaded: Option<AvatarKey>,
    ) -> Result<User, ApiError> {
        match self.users.update(uuid, &change).await {
            Ok(before) => {
                let mut user = before.clone();
                user.apply(change);
                if let Some(old) = before
                    .avatar
                    .filter(|old| user.avatar.as_ref() != Some(old))
                {
                    self.discard(&old).await;
                }
                Ok(user)
            }
            Err(error) => match (error, uploaded) {
                (error, None) => Err(error.into()),
                (UpdateError::Table(error), Some(key))
                    if !matches!(error, TableError::Aws(AwsError::Refused { .. })) =>
                {
                    self.settle(uuid, &key, error).await
                }
                (error, Some(key)) => {
                    self.discard(&key).await;
                    Err(error.into())
                }
            },
        }
    }

    /// Finds out what came of an update with a new avatar whose answer was lost or cannot be read.
    ///
    /// Nothing is deleted, whatever there is to see: the update may still be on its way, and rather
    /// an object that nothing points to than a profile that points to nothing.
    async fn settle(
        &self,
        uuid: Uuid,
        uploaded: &AvatarKey,
        error: TableError,
    ) -> Result<User, ApiError> {
        match self.users.find(uuid).await {
            Ok(Some(user)) if user.avatar.as_ref() == Some(uploaded) => {
                tracing::warn!(key = %uploaded, "the avatar before this one may have been left, and nothing points to it");
                Ok(user)
            }
            _ => {
                tracing::warn!(key = %uploaded, "an avatar may have been left that nothing points to");
                Err(error.into())
            }
        }
    }

    /// Deletes an avatar that nothing points to. That it stays is no reason to fail.
    async fn discard(&self, key: &AvatarKey) {
        if let Err(error) = self.bucket.delete(key).await {
            tracing::warn!(%error, %key, "an avatar was left that nothing points to");
        }
    }
}

/// Whether `refusal` is for what was sent and not for who sent it.
fn is_about_the_request(refusal: &ApiError) -> bool {
    refusal.status().is_client_error() && !matches!(refusal, ApiError::Unauthenticated(_))
}

/// A request whose fields all keep their rules.
struct Update {
    change: ProfileChange,
    avatar: Change<AvatarImage>,
}

impl Update {
    async fn parse(form: &Form) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let mut name = |field| match form.get(field) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) => errors
                .check(field, value.text())
                .and_then(|raw| errors.check(field, PersonName::parse(raw)))
                .map_or(Change::Keep, Change::from),
        };
        let change = ProfileChange {
            first_name: name("first_name"),
            last_name: name("last_name"),
            patronymic: name("patronymic"),
            avatar: Change::Keep,
        };
        let avatar = match form.get("avatar") {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(Value::FormText(text)) if text.is_empty() => Change::Clear,
            Some(Value::File(bytes)) => errors
                .check("avatar", convert(bytes.clone()).await)
                .map_or(Change::Keep, Change::Set),
            Some(_) => {
                errors.check::<()>("avatar", Err(NOT_A_FILE));
                Change::Keep
            }
        };
        errors.finish(Self { change, avatar })
    }
}

/// Makes an avatar of `upload` off the runtime's reactor.
async fn convert(upload: Bytes) -> Result<AvatarImage, AvatarError> {
    let turn = CONVERSION.acquire().await;
    let converted = task::spawn_blocking(move || {
        // Held until the end: a request that comes to its deadline does not stop a conversion.
        let _turn = turn;
        AvatarImage::parse(&upload)
    });
    // A decoder that panics has met an image that it should have refused.
    converted.await.unwrap_or(Err(AvatarError::NotAnImage))
}
