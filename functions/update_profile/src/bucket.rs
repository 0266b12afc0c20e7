use std::sync::OnceLock;

use avatar::AvatarImage;
use aws_sdk_s3::{Client, primitives::ByteStream};
use aws_types::SdkConfig;
use shared::{
    aws::AwsError,
    env::{Env, EnvError},
    user::AvatarKey,
};

/// The bucket of the avatars. Knows no profile.
#[derive(Debug)]
pub(crate) struct Bucket {
    aws: SdkConfig,
    // Made for the first picture, because most updates have none.
    client: OnceLock<Client>,
    name: String,
}

impl Bucket {
    /// Reads `AVATARS_BUCKET`, the bucket's name.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: it is not set.
    pub(crate) fn from_env(env: &Env, aws: &SdkConfig) -> Result<Self, EnvError> {
        Ok(Self {
            aws: aws.clone(),
            client: OnceLock::new(),
            name: env.required("AVATARS_BUCKET")?.to_owned(),
        })
    }

    /// Stores `image` as `key`, for caches to keep for good: no other picture will have that name.
    /// One `PutObject`.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`]; it may have been stored all the same.
    pub(crate) async fn put(&self, key: &AvatarKey, image: AvatarImage) -> Result<(), AwsError> {
        self.client()
            .put_object()
            .bucket(&self.name)
            .key(key.as_str())
            .content_type("image/webp")
            .cache_control("public, max-age=31536000, immutable")
            .body(ByteStream::from(image.into_webp()))
            .send()
            .await
            .map_err(|error| AwsError::new("PutObject", &error))?;
        Ok(())
    }

    /// Deletes `key`, whether it is there or not. One `DeleteObject`.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`].
    pub(crate) async fn delete(&self, key: &AvatarKey) -> Result<(), AwsError> {
        self.client()
            .delete_object()
            .bucket(&self.name)
            .key(key.as_str())
            .send()
            .await
            .map_err(|error| AwsError::new("DeleteObject", &error))?;
        Ok(())
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.aws))
    }
}
