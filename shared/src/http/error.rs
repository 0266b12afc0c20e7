use std::{collections::BTreeMap, time::Duration};

use lambda_http::{
    Body, Response,
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde_json::{Value, json};

use super::AuthError;
use crate::{TableError, aws::AwsError, token::KeysError, user::HashError};

/// Every way a request can fail, as the client sees it.
///
/// The set is part of the API: adding one is a feature, rewording one breaks clients. `Display` is
/// the client's text where there is only one; causes are for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No endpoint has this path.
    #[error("Not found.")]
    NotFound,
    /// The request is not authenticated.
    #[error(transparent)]
    Unauthenticated(#[from] AuthError),
    /// The endpoint does not have this method.
    #[error("Method \"{method}\" not allowed.")]
    MethodNotAllowed {
        /// The request's method.
        method: Method,
        /// The endpoint's methods, as `Allow` lists them.
        allowed: HeaderValue,
    },
    /// The body does not fit into a function's event.
    #[error("Request body is too large.")]
    TooLarge,
    /// The body is neither JSON nor a form. Holds the value of `Content-Type`.
    #[error("Unsupported media type \"{0}\" in request.")]
    UnsupportedMediaType(String),
    /// The body is not JSON. Holds the reason.
    #[error("JSON parse error - {0}")]
    MalformedJson(String),
    /// The body is not a multipart form. Holds the reason.
    #[error("Multipart form parse error - {0}")]
    MalformedMultipart(String),
    /// The body is not a URL-encoded form in UTF-8.
    #[error("Malformed request.")]
    MalformedForm,
    /// The body is JSON, but not an object. Holds the type's name in Python.
    #[error("Invalid data. Expected a dictionary, but got {0}.")]
    NotAnObject(&'static str),
    /// The body is `null`.
    #[error("No data provided")]
    NoData,
    /// Some fields are invalid.
    #[error("some fields are invalid")]
    InvalidFields(#[from] FieldErrors),
    /// The request holds a field that is not editable.
    #[error("Invalid signature.")]
    UnknownField,
    /// The login does not exist, or the password is wrong.
    #[error("Please provide right login and a password")]
    WrongCredentials,
    /// Too many attempts failed. Holds the time to wait.
    #[error("{}", throttled(*.0))]
    Throttled(Duration),
    /// DynamoDB, S3 or Secrets Manager is unreachable or throttles, the request took too long, or too
    /// many passwords wait to be hashed.
    #[error("Service temporarily unavailable, try again later.")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A failure that no other variant foresees.
    #[error("A server error occurred.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The value of `Retry-After` for [`ApiError::Unavailable`], in seconds.
const UNAVAILABLE_RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl ApiError {
    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthenticated(_) | Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MalformedJson(_)
            | Self::MalformedMultipart(_)
            | Self::MalformedForm
            | Self::NotAnObject(_)
            | Self::NoData
            | Self::InvalidFields(_)
            | Self::UnknownField => StatusCode::BAD_REQUEST,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the name of the error in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::MalformedJson(_) => "malformed_json",
            Self::MalformedMultipart(_) => "malformed_multipart",
            Self::MalformedForm => "malformed_form",
            Self::NotAnObject(_) | Self::NoData => "not_an_object",
            Self::InvalidFields(_) => "invalid_fields",
            Self::UnknownField => "unknown_field",
            Self::WrongCredentials => "wrong_credentials",
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// Returns the response without its CORS headers, which depend on the request's `Origin`.
    pub fn into_response(self) -> Response<Body> {
        let status = self.status();
        let mut response = super::json(status, &self.body());
        let header = match self {
            Self::Unauthenticated(_) | Self::WrongCredentials => Some((
                WWW_AUTHENTICATE,
                HeaderValue::from_static("JWT realm=\"api\""),
            )),
            Self::MethodNotAllowed { allowed, .. } => Some((ALLOW, allowed)),
            Self::Throttled(wait) => Some((RETRY_AFTER, seconds(wait).into())),
            Self::Unavailable(_) => Some((RETRY_AFTER, UNAVAILABLE_RETRY_AFTER)),
            Self::NotFound
            | Self::TooLarge
            | Self::UnsupportedMediaType(_)
            | Self::MalformedJson(_)
            | Self::MalformedMultipart(_)
            | Self::MalformedForm
            | Self::NotAnObject(_)
            | Self::NoData
            | Self::InvalidFields(_)
            | Self::UnknownField
            | Self::Internal(_) => None,
        };
        response.headers_mut().extend(header);
        response
    }

    fn body(&self) -> Value {
        match self {
            Self::InvalidFields(errors) => json!(errors.0),
            Self::NotAnObject(_) | Self::NoData => {
                json!({ "non_field_errors": [self.to_string()] })
            }
            Self::WrongCredentials => json!({ "error": self.to_string() }),
            Self::NotFound
            | Self::Unauthenticated(_)
            | Self::MethodNotAllowed { .. }
            | Self::TooLarge
            | Self::UnsupportedMediaType(_)
            | Self::MalformedJson(_)
            | Self::MalformedMultipart(_)
            | Self::MalformedForm
            | Self::UnknownField
            | Self::Throttled(_)
            | Self::Unavailable(_)
            | Self::Internal(_) => json!({ "detail": self.to_string() }),
        }
    }
}

impl From<AwsError> for ApiError {
    fn from(error: AwsError) -> Self {
        match error {
            AwsError::Unavailable { .. } => Self::Unavailable(error.into()),
            AwsError::Refused { .. } => Self::Internal(error.into()),
        }
    }
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Aws(error) => error.into(),
            TableError::Corrupt { .. } => Self::Internal(error.into()),
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Unavailable(error.into()),
            HashError::Parameters(_)
            | HashError::Failed(_)
            | HashError::Malformed(_)
            | HashError::Salt(_)
            | HashError::Stopped => Self::Internal(error.into()),
        }
    }
}

impl From<KeysError> for ApiError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Aws(error) => error.into(),
            KeysError::Unusable => Self::Internal(error.into()),
        }
    }
}

/// Rounds up to whole seconds, so that a client that waits this long is never too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn throttled(wait: Duration) -> String {
    let seconds = seconds(wait);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Request was throttled. Expected available in {seconds} {unit}.")
}

/// The errors of a request's fields, by the fields' names.
#[derive(Debug, Default, thiserror::Error)]
#[error("some fields are invalid")]
pub struct FieldErrors(BTreeMap<&'static str, Vec<String>>);

impl FieldErrors {
    /// Adds `message` to the errors of `field`.
    pub fn add(&mut self, field: &'static str, message: impl ToString) {
        self.0.entry(field).or_default().push(message.to_string());
    }

    /// Returns the value of `field`, or adds its error and returns `None`.
    pub fn check<T>(&mut self, field: &'static str, value: Result<T, impl ToString>) -> Option<T> {
        value.map_err(|error| self.add(field, error)).ok()
    }

    /// Like [`check`](Self::check), but for a value that may have several errors.
    pub fn check_all<T>(
        &mut self,
        field: &'static str,
        value: Result<T, Vec<impl ToString>>,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(errors) => {
                for error in errors {
                    self.add(field, error);
                }
                None
            }
        }
    }

    /// Returns `value` if no error was added.
    ///
    /// # Errors
    ///
    /// All errors that were added.
    pub fn finish<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}
