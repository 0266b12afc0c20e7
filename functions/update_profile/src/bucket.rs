use avatar::AvatarImage;
use aws_sdk_s3::{Client, primitives::ByteStream};
use aws_types::SdkConfig;
use shared::{
    aws::AwsError,
    env::{Env, EnvError},
    user::AvatarKey,
};

/// The bucket of the avatars. Does not know the profiles.
#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
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
            client: Client::new(aws),
            name: env.required("AVATARS_BUCKET")?.to_owned(),
        })
    }

    /// Stores `image` as `key`. One `PutObject`.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`]; the avatar may be stored nevertheless.
    pub(crate) async fn put(&self, key: &AvatarKey, image: AvatarImage) -> Result<(), AwsError> {
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key.as_str())
            .content_type(AvatarKey::MEDIA_TYPE)
            .cache_control(AvatarKey::CACHE_CONTROL)
            .body(ByteStream::from(image.into_webp()))
            .send()
            .await
            .map_err(|error| AwsError::new("PutObject", &error))?;
        Ok(())
    }

    /// Deletes `key` if it exists. One `DeleteObject`.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`].
    pub(crate) async fn delete(&self, key: &AvatarKey) -> Result<(), AwsError> {
        self.client
            .delete_object()
            .bucket(&self.name)
            .key(key.as_str())
            .send()
            .await
            .map_err(|error| AwsError::new("DeleteObject", &error))?;
        Ok(())
    }
}
