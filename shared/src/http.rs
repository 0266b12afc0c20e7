//! The HTTP edge: authenticates requests, reads their bodies, and makes every response.

mod auth;
mod cors;
mod error;
mod form;

use std::time::{Duration, Instant};

use lambda_http::{
    Body, Request, Response,
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    tracing,
};
use serde::Serialize;
use tokio::time;

pub use bytes::Bytes;

pub use self::{
    auth::{AuthError, Authenticator},
    cors::Origins,
    error::{ApiError, FieldErrors},
    form::{Form, Value, ValueError},
};

/// Maximum time for a request, however many calls it makes and however often each is retried.
///
/// A cold start may wait for the keys before it, for as long as one call takes; both together are
/// less than the 29 seconds after which API Gateway gives up.
///
/// A request that exceeds it is canceled at its current `await`. That is safe anywhere, because
/// each call of an endpoint leaves the old state or the new one. A write that is under way may
/// still be applied, which a 503 allows for. An avatar is only deleted after a response proved that
/// no profile points to it, so a canceled request may leave an unreferenced avatar, but never a
/// profile without its avatar.
pub const DEADLINE: Duration = Duration::from_secs(22);

/// The edge of one endpoint: what all of its responses have in common.
#[derive(Clone, Debug)]
pub struct Edge {
    route: &'static str,
    methods: &'static [Method],
    origins: Origins,
}

impl Edge {
    /// Returns the edge of the endpoint at `route`, which takes `methods` and `OPTIONS`, from pages of
    /// `origins`.
    pub fn new(route: &'static str, methods: &'static [Method], origins: Origins) -> Self {
        Self {
            route,
            methods,
            origins,
        }
    }

    /// Refuses every method but those of this edge.
    ///
    /// Endpoints call this themselves, because a 401 takes precedence over a 405.
    ///
    /// # Errors
    ///
    /// - [`ApiError::MethodNotAllowed`]
    pub fn check_method(&self, request: &Request) -> Result<(), ApiError> {
        if self.methods.contains(request.method()) {
            return Ok(());
        }
        Err(ApiError::MethodNotAllowed {
            method: request.method().clone(),
            allowed: allow_header(self.methods),
        })
    }

    /// Responds to `request`: to a preflight by itself, to anything else with the result of `outcome`,
    /// which is canceled at the [`DEADLINE`].
    ///
    /// This is the only place where an [`ApiError`] becomes a response. Each response is one line in
    /// the log, without anything that was sent; the cause of a 5xx is another line.
    pub async fn respond(
        &self,
        request: &Request,
        outcome: impl Future<Output = Result<Response<Body>, ApiError>>,
    ) -> Response<Body> {
        let started = Instant::now();
        let (mut response, outcome) = if request.method() == Method::OPTIONS {
            (preflight(self.methods), "preflight")
        } else {
            match within_deadline(outcome).await {
                Ok(response) => (response, "ok"),
                Err(error) => {
                    log_cause(&error);
                    let name = error.name();
                    (error.into_response(), name)
                }
            }
        };
        self.origins
            .allow(request.headers(), response.headers_mut());
        tracing::info!(
            route = self.route,
            status = response.status().as_u16(),
            outcome,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "answered"
        );
        response
    }
}

/// Returns the result of `outcome`, or cancels it at the [`DEADLINE`].
async fn within_deadline<T>(
    outcome: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    time::timeout(DEADLINE, outcome)
        .await
        .unwrap_or_else(|_| Err(ApiError::Unavailable("the request took too long".into())))
}

/// Returns `200` with `body`.
pub fn ok(body: &impl Serialize) -> Response<Body> {
    json(StatusCode::OK, body)
}

/// Returns `201` with `body`.
pub fn created(body: &impl Serialize) -> Response<Body> {
    json(StatusCode::CREATED, body)
}

/// Returns a JSON response with the `no-store` and `nosniff` headers that every response has.
fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let (status, text) = match serde_json::to_string(body) {
        Ok(text) => (status, text),
        // Unreachable with the types of this service; a response is still better than a panic.
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned()),
    };
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Returns the response to a preflight. It is the same whatever method or headers the browser asks
/// for.
fn preflight(methods: &[Method]) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, allow_header(methods));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    cors::describe(headers, allow_header(methods));
    response
}

/// Returns the value of `Allow`: `methods`, then `OPTIONS`.
fn allow_header(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods
        .iter()
        .chain([&Method::OPTIONS])
        .map(Method::as_str)
        .collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

/// Logs the cause of a 5xx.
fn log_cause(error: &ApiError) {
    match error {
        ApiError::Unavailable(cause) => tracing::warn!(%cause, "cannot be served for now"),
        ApiError::Internal(cause) => tracing::error!(%cause, "a request failed"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use tokio::time::Instant;

    use super::*;
    use crate::env::Env;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_answered_at_the_deadline() {
        let origins = Origins::from_env(&Env::default()).unwrap();
        let edge = Edge::new("/create_user/", &[Method::POST], origins);
        let started = Instant::now();

        let response = edge.respond(&Request::default(), future::pending()).await;

        assert_eq!(started.elapsed(), DEADLINE);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(
            &response.body()[..],
            br#"{"detail":"Service temporarily unavailable, try again later."}"#
        );
    }
}
