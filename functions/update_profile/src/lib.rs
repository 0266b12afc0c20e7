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
    token::Claims,
    user::{AvatarKey, AvatarUrls, Change, PersonName, ProfileChange, User},
    users::{AccountError, Users},
};
use tokio::{sync::Semaphore, task};
use uuid::Uuid;

use crate::bucket::Bucket;

/// The editable fields; a request with any other field is refused.
const FIELDS: [&str; 4] = ["first_name", "last_name", "patronymic", "avatar"];

/// The client's text for an avatar that is not a file.
const NOT_A_FILE: &str = "The submitted data was not a file. Check the encoding type on the form.";

/// Limits conversions to one at a time, because the largest takes most of the function's memory. A
/// function on Lambda has one request at a time anyway; this protects `cargo dev`.
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

    /// Changes the profile of the token's account.
    ///
    /// Request: any of the strings `first_name`, `last_name` and `patronymic`, and the file `avatar`.
    /// Response: `200` with the profile after the change.
    async fn handle(&self, request: &Request, now: SystemTime) -> Result<Response<Body>, ApiError> {
        let claims = self.authenticator.claims(request, now).await?;
        match self.update(&claims, request).await {
            Ok(user) => Ok(http::ok(&user.profile(&self.avatar_urls))),
            // `users.update` checks the account itself. If the request was refused earlier, check
            // the account here, because a 401 takes precedence over a 400.
            Err(refusal) if concerns_content(&refusal) => {
                self.users.find_active(&claims).await?;
                Err(refusal)
            }
            Err(error) => Err(error),
        }
    }

    async fn update(&self, claims: &Claims, request: &Request) -> Result<User, ApiError> {
        self.edge.check_method(request)?;
        let form = Form::read(request)?;
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
                let key = self.upload(claims.user_id, image).await?;
                change.avatar = Change::Set(key.clone());
                Some(key)
            }
        };
        if change == ProfileChange::default() {
            return Ok(self.users.find_active(claims).await?);
        }
        self.write(claims, change, uploaded).await
    }

    /// Stores a new avatar, before any profile points to it.
    async fn upload(&self, uuid: Uuid, image: AvatarImage) -> Result<AvatarKey, ApiError> {
        tracing::info!(avatar_bytes = image.as_webp().len(), "storing an avatar");
        let key = AvatarKey::random(uuid).map_err(|error| ApiError::Internal(error.into()))?;
        match self.bucket.put(&key, image).await {
            Ok(()) => Ok(key),
            Err(error) => {
                self.discard(&key).await;
                Err(error.into())
            }
        }
    }

    /// Writes `change` and deletes the avatar that it replaced, or `uploaded` if nothing was written.
    async fn write(
        &self,
        claims: &Claims,
        change: ProfileChange,
        uploaded: Option<AvatarKey>,
    ) -> Result<User, ApiError> {
        let before = match self.users.update(claims, &change).await {
            Ok(before) => before,
            Err(error) => return self.undo(claims.user_id, uploaded, error).await,
        };
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

    /// Deletes `uploaded` if `error` proves that the update was not written. If the response was lost
    /// or cannot be read, looks at the profile.
    async fn undo(
        &self,
        uuid: Uuid,
        uploaded: Option<AvatarKey>,
        error: AccountError,
    ) -> Result<User, ApiError> {
        let Some(key) = uploaded else {
            return Err(error.into());
        };
        match error {
            AccountError::Missing
            | AccountError::Revoked
            | AccountError::Disabled
            | AccountError::Table(TableError::Aws(AwsError::Refused { .. })) => {
                self.discard(&key).await;
                Err(error.into())
            }
            AccountError::Table(
                TableError::Aws(AwsError::Unavailable { .. }) | TableError::Corrupt { .. },
            ) => self.settle(uuid, &key, error).await,
        }
    }

    /// Finds out whether an update with a new avatar was written after all.
    ///
    /// Deletes nothing: the update may still be applied later. An unreferenced object is harmless; a
    /// profile that points to a missing one is not.
    async fn settle(
        &self,
        uuid: Uuid,
        uploaded: &AvatarKey,
        error: AccountError,
    ) -> Result<User, ApiError> {
        match self.users.find(uuid).await {
            Ok(Some(user)) if user.avatar.as_ref() == Some(uploaded) => {
                tracing::warn!(key = %uploaded, "the avatar before this one may be left unreferenced");
                Ok(user)
            }
            _ => {
                tracing::warn!(key = %uploaded, "an avatar may be left unreferenced");
                Err(error.into())
            }
        }
    }

    /// Deletes an unreferenced avatar, best effort: a failure is only logged.
    async fn discard(&self, key: &AvatarKey) {
        if let Err(error) = self.bucket.delete(key).await {
            tracing::warn!(%error, %key, "an unreferenced avatar was not deleted");
        }
    }
}

/// Returns whether `refusal` is for the content of the request and not for its sender.
fn concerns_content(refusal: &ApiError) -> bool {
    refusal.status().is_client_error() && !matches!(refusal, ApiError::Unauthenticated(_))
}

/// A request whose fields are all valid.
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
                errors.add("avatar", NOT_A_FILE);
                Change::Keep
            }
        };
        errors.finish(Self { change, avatar })
    }
}

/// Converts `upload` on a blocking thread.
async fn convert(upload: Bytes) -> Result<AvatarImage, AvatarError> {
    let permit = CONVERSION.acquire().await;
    let converted = task::spawn_blocking(move || {
        // Hold the permit until the end: a request that is canceled does not stop the conversion.
        let _permit = permit;
        AvatarImage::parse(&upload)
    });
    // A panic of a decoder means an image that it should have refused.
    converted.await.unwrap_or(Err(AvatarError::NotAnImage))
}
