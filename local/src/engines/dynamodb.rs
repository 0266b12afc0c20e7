//! DynamoDB by dynoxide, behind a listener of this module.
//!
//! dynoxide's own listener takes every signature and lets the page of any origin read its
//! responses, and it cannot be put behind another: it serves nothing but a TCP port. So this module
//! reads the requests, and dynoxide's `Database` executes them. Delete it when dynoxide checks
//! both.

use std::sync::Arc;

use aws_sdk_dynamodb::config::Credentials;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse as _, Response},
};
use dynoxide::{Database, DynoxideError, actions::transact_write_items::TransactWriteItemsRequest};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::task;

use super::{signature, tokens::Tokens};

/// Maximum size of a request to DynamoDB: 16 MB.
const MAX_BODY_BYTES: usize = 16 << 20;

const CONTENT_TYPE_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

struct Engine {
    database: Database,
    tokens: Tokens,
    credentials: Credentials,
}

/// Returns the engine, which responds to the requests that `credentials` have signed.
pub(super) fn router(database: Database, credentials: Credentials) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Arc::new(Engine {
            database,
            tokens: Tokens::default(),
            credentials,
        }))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

async fn answer(State(engine): State<Arc<Engine>>, parts: Parts, body: Bytes) -> Response {
    if !signature::is_valid(&parts, &body, &engine.credentials) {
        return refusal("InvalidSignatureException", "The signature does not match.");
    }
    let target = parts.headers.get("X-Amz-Target");
    let Some(operation) = target
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("DynamoDB_20120810."))
        .map(str::to_owned)
    else {
        return refusal("UnknownOperationException", "X-Amz-Target is missing.");
    };
    // SQLite blocks the thread it runs on.
    let executed = task::spawn_blocking(move || execute(&engine, &operation, &body));
    match executed.await {
        Ok(Some(Ok(body))) => response(StatusCode::OK, body),
        Ok(Some(Err(error))) => {
            let status = StatusCode::from_u16(error.status_code());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response(status, error.to_json())
        }
        Ok(None) => refusal(
            "UnknownOperationException",
            "Not an operation of the engine.",
        ),
        Err(panic) => response(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "__type": "InternalServerError", "message": panic.to_string() }).to_string(),
        ),
    }
}

/// Executes `operation`, and returns its response, or `None` if dynoxide does not implement it.
fn execute(engine: &Engine, operation: &str, body: &[u8]) -> Option<Result<String, DynoxideError>> {
    let database = &engine.database;
    Some(match operation {
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "DeleteTable" => call(body, |request| database.delete_table(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "GetItem" => call(body, |request| database.get_item(request)),
        "ListTables" => call(body, |request| database.list_tables(request)),
        "PutItem" => call(body, |request| database.put_item(request)),
        "Query" => call(body, |request| database.query(request)),
        "Scan" => call(body, |request| database.scan(request)),
        "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => call(body, |mut request: TransactWriteItemsRequest| {
            let token = request.client_request_token.take();
            let carry_out = || database.transact_write_items(request);
            engine.tokens.once(token, carry_out)
        }),
        "UpdateItem" => call(body, |request| database.update_item(request)),
        _ => return None,
    })
}

fn call<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    operation: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let output = operation(request)?;
    serde_json::to_string(&output)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn refusal(kind: &str, message: &str) -> Response {
    let body = json!({ "__type": kind, "message": message });
    response(StatusCode::BAD_REQUEST, body.to_string())
}

fn response(status: StatusCode, body: String) -> Response {
    (
        status,
        [(CONTENT_TYPE, CONTENT_TYPE_JSON)],
        Body::from(body),
    )
        .into_response()
}
