use std::{error::Error, fmt::Write as _};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

/// Why a call to AWS returned no result.
///
/// The text names the operation and the service's error code, for a denied call also the missing action
/// and its resource, and holds nothing that was sent or stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AwsError {
    /// The service is unreachable, failing or throttling: the same call may succeed later.
    #[error("{operation} is unavailable: {reason}")]
    Unavailable {
        /// The API operation.
        operation: &'static str,
        /// The error code, or why there was no response.
        reason: String,
    },
    /// The service refused the call: the code, the policy or the deployment is wrong.
    #[error("{operation} was refused: {reason}")]
    Refused {
        /// The API operation.
        operation: &'static str,
        /// The error code.
        reason: String,
    },
}

impl AwsError {
    /// Classifies the failure of `operation`.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let SdkError::ServiceError(refusal) = error else {
            return Self::Unavailable {
                operation,
                reason: with_causes(error),
            };
        };
        let code = refusal.err().code().unwrap_or("no error code");
        let status = refusal.raw().status();
        let mut reason = format!("{code} (HTTP {})", status.as_u16());
        // The message names the role, the missing action and its resource.
        if code.starts_with("AccessDenied")
            && let Some(message) = refusal.err().message()
        {
            let _ = write!(reason, ": {message}");
        }
        // A canceled transaction that gets here conflicted with another one, or with an item that
        // changed after it was read: a repetition may succeed.
        let is_temporary = status.is_server_error()
            || matches!(status.as_u16(), 408 | 429)
            || matches!(
                code,
                "LimitExceededException"
                    | "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "RequestTimeout"
                    | "SlowDown"
                    | "ThrottlingException"
                    | "TransactionCanceledException"
                    | "TransactionConflictException"
                    | "TransactionInProgressException"
            );
        if is_temporary {
            Self::Unavailable { operation, reason }
        } else {
            Self::Refused { operation, reason }
        }
    }

    /// Reports a request for `operation` that the SDK failed to build.
    pub(crate) fn invalid(operation: &'static str, error: &dyn Error) -> Self {
        Self::Refused {
            operation,
            reason: with_causes(error),
        }
    }
}

/// Returns the messages of `error` and of its chain of causes.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
