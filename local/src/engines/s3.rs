//! S3 by s3s, which checks signatures itself, on files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::anyhow;
use aws_sdk_dynamodb::config::Credentials;
use axum::{
    Router,
    body::Body,
    extract::{Path as UrlPath, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::delete,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lambda_http::tower::ServiceExt as _;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;

struct Engine {
    service: S3Service,
    folder: PathBuf,
}

/// Returns the engine, which responds to the requests that `credentials` have signed and keeps the
/// objects in `folder`.
///
/// # Errors
///
/// Fails if the folder cannot be used.
pub(super) fn router(folder: PathBuf, credentials: &Credentials) -> anyhow::Result<Router> {
    let objects =
        FileSystem::new(&folder).map_err(|_| anyhow!("cannot use {}", folder.display()))?;
    let mut builder = S3ServiceBuilder::new(objects);
    builder.set_auth(SimpleAuth::from_single(
        credentials.access_key_id(),
        credentials.secret_access_key(),
    ));
    let service = builder.build();
    Ok(Router::new()
        .route("/{bucket}/{*key}", delete(delete_object).fallback(answer))
        .fallback(answer)
        .with_state(Arc::new(Engine { service, folder })))
}

async fn answer(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    match engine.service.clone().oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn delete_object(
    engine: State<Arc<Engine>>,
    UrlPath((bucket, key)): UrlPath<(String, String)>,
    request: Request,
) -> Response {
    let folder = engine.folder.clone();
    let response = answer(engine, request).await;
    if response.status().is_success() {
        remove_traces(&folder, &bucket, &key);
    }
    response
}

/// Removes the remains of a deleted object, best effort: s3s-fs leaves two files beside the bucket,
/// with its headers and its checksums, and empty folders.
fn remove_traces(folder: &Path, bucket: &str, key: &str) {
    let object = folder.join(bucket).join(key);
    if object.exists() {
        return;
    }
    let [bucket_name, key_name] = [bucket, key].map(|name| URL_SAFE_NO_PAD.encode(name));
    for kind in ["metadata", "internal"] {
        let name = format!(".bucket-{bucket_name}.object-{key_name}.{kind}.json");
        let _ = fs::remove_file(folder.join(name));
    }
    // An upload that has just made one of these folders for itself fails, and the SDK tries again.
    let bucket = folder.join(bucket);
    let folders = object.ancestors().skip(1);
    for empty in folders.take_while(|path| *path != bucket) {
        if fs::remove_dir(empty).is_err() {
            break;
        }
    }
}
