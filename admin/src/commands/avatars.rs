//! The avatars of accounts: objects in the bucket, and copies of them in CloudFront.

use anyhow::Context as _;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use uuid::Uuid;

use crate::{failure::Failure, session::Session};

/// The bucket: its client and its name.
pub(super) fn bucket(session: &Session) -> Result<(aws_sdk_s3::Client, &str), Failure> {
    let name = session.service.env.required("AVATARS_BUCKET");
    let name = name.map_err(anyhow::Error::from)?;
    Ok((aws_sdk_s3::Client::new(&session.service.aws), name))
}

/// Returns the names of all objects of the account `uuid`.
pub(super) async fn of(session: &Session, uuid: Uuid) -> Result<Vec<String>, Failure> {
    let (s3, bucket) = bucket(session)?;
    let mut keys = Vec::new();
    let request = s3.list_objects_v2().bucket(bucket);
    let mut pages = request
        .prefix(format!("avatars/{uuid}/"))
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Failure::of_call("s3:ListBucket", &error))?;
        let objects = page.contents().iter();
        keys.extend(objects.filter_map(|object| object.key().map(str::to_owned)));
    }
    Ok(keys)
}

/// Deletes an object of the account `uuid`, if it exists.
pub(super) async fn delete(session: &mut Session, uuid: Uuid, key: &str) -> Result<(), Failure> {
    session.begin().await?;
    let (s3, bucket) = bucket(session)?;
    let deleted = s3.delete_object().bucket(bucket).key(key).send().await;
    let deleted = deleted.map_err(|error| Failure::of_call("s3:DeleteObject", &error));
    session.end(Some(uuid), &["avatar_object"], deleted)?;
    Ok(())
}

/// Reads an object; `None` if it does not exist.
pub(super) async fn read(session: &Session, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    let (s3, bucket) = bucket(session)?;
    let object = match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => object,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_no_such_key()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(Failure::of_call("s3:GetObject", &error)),
    };
    let bytes = object
        .body
        .collect()
        .await
        .context("cannot read the picture")?;
    Ok(Some(bytes.to_vec()))
}

/// Returns whether an object exists.
pub(super) async fn exists(session: &Session, key: &str) -> Result<bool, Failure> {
    let (s3, bucket) = bucket(session)?;
    match s3.head_object().bucket(bucket).key(key).send().await {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_not_found()) =>
        {
            Ok(false)
        }
        Err(error) => Err(Failure::of_call("s3:GetObject", &error)),
    }
}

/// Invalidates all avatars of the account `uuid` in CloudFront, which a local service does not
/// have.
pub(super) async fn invalidate(session: &mut Session, uuid: Uuid) -> Result<(), Failure> {
    let Some(distribution) = session.service.distribution.clone() else {
        return Ok(());
    };
    session.begin().await?;
    let paths = Paths::builder()
        .quantity(1)
        .items(format!("/avatars/{uuid}/*"));
    let batch = InvalidationBatch::builder()
        .paths(paths.build().map_err(anyhow::Error::from)?)
        .caller_reference(Uuid::new_v4().to_string());
    let invalidated = aws_sdk_cloudfront::Client::new(&session.service.aws)
        .create_invalidation()
        .distribution_id(distribution)
        .invalidation_batch(batch.build().map_err(anyhow::Error::from)?)
        .send()
        .await
        .map_err(|error| Failure::of_call("cloudfront:CreateInvalidation", &error));
    session.end(Some(uuid), &["avatar_cache"], invalidated)?;
    Ok(())
}
