//! How the functions reach AWS: one SDK configuration, and what its failures mean.

use std::{error::Error, fmt::Write as _, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

/// Longest time for one attempt at a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time for a call with its retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Longest time for a request, however many calls it makes and however often each is repeated.
///
/// A cold start may wait for the keys before it, for as long as one call takes; both together are
/// less than the 29 seconds after which API Gateway gives up.
///
/// What takes longer is dropped where it waits. That is safe anywhere, because each call of an
/// endpoint leaves the old state or the new one: a write that is under way may still happen, which
/// is what a 503 says; and an avatar is only deleted once it is known that no profile points to it,
/// so a request that is dropped may leave one too many and never one too few.
pub const DEADLINE: Duration = Duration::from_secs(22);

/// Reads the configuration that Lambda gives to a function.
///
/// Region, credentials and, where they are set, `AWS_ENDPOINT_URL` and
/// `AWS_ENDPOINT_URL_<SERVICE>` are read by the SDK itself.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts())
        .retry_config(retries())
        .load()
        .await
}

/// The time that a call may take.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// How a call that failed is tried again: twice, after a first pause of up to a tenth of a second
/// instead of the SDK's whole one, because a person is waiting.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(100))
}

/// Makes `call` for its connection alone, for a second at most: its failure is the next call's to
/// meet.
pub(crate) async fn warm_up(call: impl Future) {
    let _ = tokio::time::timeout(Duration::from_secs(1), call).await;
}

/// Why a call to AWS gave no result.
///
/// The text names the operation and the service's error code, and nothing of what was sent or
/// stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AwsError {
    /// The service cannot be reached, is failing or is throttling: the same call may work later.
    #[error("{operation} is unavailable: {reason}")]
    Unavailable {
        /// The API operation.
        operation: &'static str,
        /// The error code, or why there was no answer.
        reason: String,
    },
    /// The request has come to its [`DEADLINE`], though none of its calls has come to its own limit.
    #[error("the calls of a request took too long")]
    Overdue,
    /// The service refused the call: a mistake in the code, the policy or the deployment.
    #[error("{operation} was refused: {reason}")]
    Refused {
        /// The API operation.
        operation: &'static str,
        /// The error code.
        reason: String,
    },
    /// A stored item is not what this service writes.
    #[error("the attribute {attribute} of a stored item is missing or malformed")]
    CorruptItem {
        /// The attribute.
        attribute: &'static str,
    },
}

impl AwsError {
    /// Tells what the failure of `operation` means.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let SdkError::ServiceError(refusal) = error else {
            return Self::Unavailable {
                operation,
                reason: chain(error),
            };
        };
        let code = refusal.err().code().unwrap_or("no error code");
        let status = refusal.raw().status();
        let reason = format!("{code} (HTTP {})", status.as_u16());
        // A canceled transaction that gets here has met another one, or an item that has changed
        // since it was read: who tries again may succeed.
        let passes = status.is_server_error()
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
        match passes {
            true => Self::Unavailable { operation, reason },
            false => Self::Refused { operation, reason },
        }
    }

    /// A request for `operation` that the SDK would not build.
    pub(crate) fn invalid(operation: &'static str, error: &dyn Error) -> Self {
        Self::Refused {
            operation,
            reason: chain(error),
        }
    }
}

/// The texts of `error` and of all that caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
