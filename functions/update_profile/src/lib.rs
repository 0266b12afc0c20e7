//! `PUT /update_profile/` changes a profile and its avatar.

mod bucket;
mod converter;

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
use uuid::Uuid;

use crate::{bucket::Bucket, converter::Converter};

/// The editable fields; a request with any other field is refused.
const FIELDS: [&str; 4] = ["first_name", "last_name", "patronymic", "avatar"];

/// The client's text for an avatar that is not a file.
const NOT_A_FILE: &str = "The submitted data was not a file. Check the encoding type on the form.";

/// The endpoint.
#[derive(Debug)]
pub struct UpdateProfile {
    edge: Edge,
    authenticator: Authenticator,
    users: Users,
    bucket: Bucket,
    avatar_urls: AvatarUrls,
    converter: Converter,
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
            converter: Converter::new(),
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
        let user = self.update(&claims, request).await?;
        Ok(http::ok(&user.profile(&self.avatar_urls)))
    }

    async fn update(&self, claims: &Claims, request: &Request) -> Result<User, ApiError> {
        let form = match self.read(request) {
            Ok(form) => form,
            Err(refusal) => return self.refuse(claims, refusal).await,
        };
        // `users.update` checks the account itself, but only after an upload has been converted and
        // stored.
        let is_upload = matches!(form.get("avatar"), Some(Value::File(_)));
        if is_upload {
            self.users.find_active(claims).await?;
        }
        let Update { mut change, avatar } = match Update::parse(&form, &self.converter).await {
            Ok(update) => update,
            Err(refusal) if is_upload => return Err(refusal),
            Err(refusal) => return self.refuse(claims, refusal).await,
        };
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

    /// Reads the fields, all of which must be editable.
    fn read(&self, request: &Request) -> Result<Form, ApiError> {
        self.edge.check_method(request)?;
        let form = Form::read(request)?;
        if form.names().all(|name| FIELDS.contains(&name)) {
            Ok(form)
        } else {
            Err(ApiError::UnknownField)
        }
    }

    /// Returns `refusal`, unless the account itself is refused: a 401 takes precedence over a 400.
    async fn refuse(&self, claims: &Claims, refusal: ApiError) -> Result<User, ApiError> {
        self.users.find_active(claims).await?;
        Err(refusal)
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

/// A request whose fields are all valid.
struct Update {
    change: ProfileChange,
    avatar: Change<AvatarImage>,
}

impl Update {
    async fn parse(form: &Form, converter: &Converter) -> Result<Self, ApiError> {
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
            Some(Value::File(upload)) => errors
                .check("avatar", convert(converter, upload.clone()).await?)
                .map_or(Change::Keep, Change::Set),
            Some(_) => {
                errors.add("avatar", NOT_A_FILE);
                Change::Keep
            }
        };
        Ok(errors.finish(Self { change, avatar })?)
    }
}

async fn convert(
    converter: &Converter,
    upload: Bytes,
) -> Result<Result<AvatarImage, AvatarError>, ApiError> {
    let converted = converter.run(move || AvatarImage::parse(&upload)).await?;
    // A decoder panicked, so the upload is broken in a way that it does not detect.
    Ok(converted.unwrap_or(Err(AvatarError::NotAnImage)))
}
