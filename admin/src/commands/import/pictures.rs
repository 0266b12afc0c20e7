//! Brings pictures from Django's `MEDIA_ROOT` into the bucket.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
    thread,
};

use anyhow::Context as _;
use avatar::{AvatarError, AvatarImage};
use aws_sdk_s3::{Client, primitives::ByteStream};
use shared::user::AvatarKey;
use tokio::{sync::Semaphore, task};
use uuid::Uuid;

use super::report::{Code, Problem};
use crate::{commands::avatars, failure::Failure, session::Session};

/// More bytes than any upload may have, so that a larger file is not read to its end.
const MOST_BYTES: u64 = 5 << 20;

/// The folder of the pictures, and the bucket.
#[derive(Debug)]
pub(super) struct Pictures {
    folder: Option<PathBuf>,
    s3: Client,
    bucket: String,
    /// A permit for each conversion that may run, one a processor.
    processors: Semaphore,
}

impl Pictures {
    /// Reads pictures from `folder`; without one, all are left out.
    ///
    /// # Errors
    ///
    /// Fails if the service has no bucket, or there is no such folder.
    pub(super) fn new(session: &Session, folder: Option<&Path>) -> Result<Self, Failure> {
        let (s3, bucket) = avatars::bucket(session)?;
        let canonical = |folder: &Path| {
            let folder = folder.canonicalize();
            folder.with_context(|| "--media is not a folder that can be read")
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            folder: folder.map(canonical).transpose()?,
            s3,
            bucket: bucket.to_owned(),
            processors: Semaphore::new(processors),
        })
    }

    /// Whether there is a folder to read pictures from.
    pub(super) fn has_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// Makes an avatar of the file `name`.
    ///
    /// # Errors
    ///
    /// Fails if the process is about to end.
    pub(super) async fn convert(
        &self,
        name: &str,
    ) -> Result<Result<AvatarImage, Problem>, Failure> {
        let Some(folder) = &self.folder else {
            return Ok(Err(Problem::new(Code::AvatarLeftOut)));
        };
        let path = folder.join(name);
        // A name that leads out of the folder names no picture.
        let is_inside = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !is_inside {
            return Ok(Err(Problem::new(Code::AvatarMissing)));
        }
        let permit = self.processors.acquire().await;
        let _permit = permit.map_err(anyhow::Error::from)?;
        let folder = folder.clone();
        let converted = task::spawn_blocking(move || {
            let Ok(upload) = read(&folder, &path) else {
                return Err(Problem::new(Code::AvatarMissing));
            };
            AvatarImage::parse(&upload).map_err(|error| unreadable(&error))
        });
        // A panic of a decoder means an image that it should have refused.
        let converted = converted.await;
        Ok(converted.unwrap_or_else(|_| Err(unreadable(&AvatarError::NotAnImage))))
    }

    /// Stores `image` for the account `uuid`. One `PutObject`.
    ///
    /// # Errors
    ///
    /// Fails if S3 does not respond; the object may be stored nevertheless.
    pub(super) async fn store(&self, uuid: Uuid, image: AvatarImage) -> Result<AvatarKey, Failure> {
        let key = AvatarKey::random(uuid)
            .map_err(|error| anyhow::anyhow!("this machine has no random bytes: {error}"))?;
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .content_type(AvatarKey::MEDIA_TYPE)
            .cache_control(AvatarKey::CACHE_CONTROL)
            .body(ByteStream::from(image.into_webp()))
            .send()
            .await
            .map_err(|error| Failure::of_call("s3:PutObject", &error))?;
        Ok(key)
    }

    /// Deletes an avatar that no profile points to, best effort: `sweep-avatars` finds what is left.
    pub(super) async fn discard(&self, key: &AvatarKey) {
        let request = self.s3.delete_object().bucket(&self.bucket);
        if request.key(key.as_str()).send().await.is_err() {
            eprintln!(
                "warning: an avatar may be left unreferenced: see `accounts-admin sweep-avatars`"
            );
        }
    }
}

/// Reads a file in `folder`, and none that a link in it leads to outside.
fn read(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let path = path.canonicalize()?;
    if !path.starts_with(folder) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut upload = Vec::new();
    File::open(path)?
        .take(MOST_BYTES)
        .read_to_end(&mut upload)?;
    Ok(upload)
}

fn unreadable(error: &AvatarError) -> Problem {
    Problem::new(Code::AvatarUnreadable).about(match error {
        AvatarError::Empty => "empty",
        AvatarError::TooLarge => "larger than 4 MiB",
        AvatarError::TooManyPixels => "too many pixels",
        AvatarError::NotAnImage => "not an image, or a corrupted one",
    })
}
