//! The HTTP edge: who asks, what was sent, and every answer.

mod auth;
mod cors;
mod error;
mod form;

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

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

pub use multer::bytes::Bytes;

pub use self::{
    auth::{AuthError, Authenticator, active},
    cors::Origins,
    error::{ApiError, FieldErrors},
    form::{Form, Value, ValueError},
};

/// Maximum time for a request, however many calls it makes and however often each is retried.
///
/// A cold start may wait for the keys before it, for as long as one call takes; both together are
/// less than the 29 seconds after which API Gateway gives up.
///
/// A request that exceeds it is canceled at its current `await`. That is safe anywhere, because each
/// call of an endpoint leaves the old state or the new one: a write that is under way may still
/// happen, which a 503 allows for; and an avatar is only deleted after an answer proved that no
/// profile points to it, so a canceled request may leave an unreferenced avatar, but never a profile
/// without its avatar.
pub const DEADLINE: Duration = Duration::from_secs(22);

/// The edge of one endpoint: what is the same for all that it answers.
#[derive(Clone, Debug)]
pub struct Edge {
    route: &'static str,
    methods: &'static [Method],
    origins: Origins,
}

impl Edge {
    /// The edge of the endpoint at `route` that answers `methods`, and `OPTIONS`, to pages from
    /// `origins`.
    pub fn new(route: &'static str, methods: &'static [Method], origins: Origins) -> Self {
        Self {
            route,
            methods,
            origins,
        }
    }

    /// Refuses every other method.
    ///
    /// It is for the endpoint to call, because authentication comes first.
    ///
    /// # Errors
    ///
    /// - [`ApiError::MethodNotAllowed`]
    pub fn allow(&self, request: &Request) -> Result<(), ApiError> {
        match self.methods.contains(request.method()) {
            true => Ok(()),
            false => Err(ApiError::MethodNotAllowed {
                method: request.method().clone(),
                allowed: allowed(self.methods),
            }),
        }
    }

    /// Answers `request`: a preflight by itself, everything else with what comes of `outcome` before
    /// the [`DEADLINE`].
    ///
    /// The only place where an [`ApiError`] becomes a response. Each answer is one line in the log,
    /// without anything that was sent; the cause of a 5xx is another.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn respond(
        &self,
        request: &Request,
        outcome: impl Future<Output = Result<Response<Body>, ApiError>>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> {
        // Boxed, because each future around it would hold all of it once more, and move it.
        let outcome = Box::pin(outcome);
        async move {
            let started = Instant::now();
            let (mut response, outcome) = match request.method() {
                &Method::OPTIONS => (preflight(self.methods), "preflight"),
                _ => match within_deadline(outcome).await {
                    Ok(response) => (response, "ok"),
                    Err(error) => {
                        log_cause(&error);
                        let name = error.name();
                        (error.into_response(), name)
                    }
                },
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
            Ok(response)
        }
    }
}

/// What comes of `outcome`, which is dropped at the [`DEADLINE`].
async fn within_deadline<T>(
    outcome: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    match time::timeout(DEADLINE, outcome).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ApiError::Unavailable("the request took too long".into())),
    }
}

/// `200` with `body`.
pub fn ok(body: &impl Serialize) -> Response<Body> {
    json(StatusCode::OK, body)
}

/// `201` with `body`.
pub fn created(body: &impl Serialize) -> Response<Body> {
    json(StatusCode::CREATED, body)
}

/// An answer as all answers are: JSON that nobody may store or take for anything else.
fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let (status, text) = match serde_json::to_string(body) {
        Ok(text) => (status, text),
        // Unreachable with the types of this service; still an answer and not a panic.
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

/// `204`, and what a browser may send. Nothing here depends on what it asked.
fn preflight(methods: &[Method]) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, allowed(methods));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    cors::describe(headers, allowed(methods));
    response
}

/// The value of `Allow`: `methods`, then `OPTIONS`.
fn allowed(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods
        .iter()
        .chain([&Method::OPTIONS])
        .map(Method::as_str)
        .collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

/// Logs the cause of a failure that is not the client's.
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

        let Ok(response) = edge.respond(&Request::default(), future::pending()).await;

        assert_eq!(started.elapsed(), DEADLINE);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(
            &response.body()[..],
            br#"{"detail":"Service temporarily unavailable, try again later."}"#
        );
    }
}
