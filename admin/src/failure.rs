//! Why a command did not do what it was asked to do, and the exit code that says so.

use std::{error::Error, io, process::ExitCode};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use shared::{TableError, aws::AwsError};

/// Why a command failed. `Display` is the text on stderr.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// AWS or this machine failed. The text says whether something may have been written.
    #[error("{0:#}")]
    Other(anyhow::Error),
    /// The arguments do not go together.
    #[error("{0}")]
    Usage(String),
    /// No account has the login.
    #[error("there is no account {0}")]
    NotFound(String),
    /// A rule of the service says no. Nothing was written.
    #[error("{0}")]
    Refused(String),
    /// The account is not what it was when the command read it. Nothing was written.
    #[error("the account has changed since it was read; nothing was written: repeat the command")]
    Changed,
    /// The command needs an input that it cannot ask for, or that was not given.
    #[error("{0}")]
    Input(String),
    /// The caller's policies do not allow an action.
    #[error("access denied: {action} on {resource} is missing")]
    Denied {
        /// The IAM action, such as `dynamodb:GetItem`.
        action: String,
        /// The ARN as AWS says it.
        resource: String,
    },
    /// A command for several accounts failed for some of them, and has said why.
    #[error("{failed} of {of} failed")]
    Several {
        /// The first failure, whose exit code counts.
        first: Box<Failure>,
        /// How many failed.
        failed: usize,
        /// How many there were.
        of: usize,
    },
    /// An import is done, but not every account came.
    #[error("{rejected} of {of} accounts were rejected; --report FILE tells which and why")]
    Rejected {
        /// How many were rejected.
        rejected: u64,
        /// How many there were.
        of: u64,
    },
    /// An import came to an end before that of its files.
    #[error("stopped before the end: {0}; a repetition of the command goes on from there")]
    Stopped(Box<Failure>),
}

/// The exit codes. `--help` and docs/operations.md list them.
impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        Self::from(match failure {
            Failure::Several { first, .. } => return Self::from(&**first),
            Failure::Stopped(cause) if matches!(**cause, Failure::Denied { .. }) => 7,
            Failure::Other(_) => 1,
            Failure::Usage(_) => 2,
            Failure::NotFound(_) => 3,
            Failure::Refused(_) => 4,
            Failure::Changed => 5,
            Failure::Input(_) => 6,
            Failure::Denied { .. } => 7,
            Failure::Rejected { .. } => 8,
            Failure::Stopped(_) => 9,
        })
    }
}

impl Failure {
    /// Says what the failure of a call means; `action` is the IAM action that it needs.
    ///
    /// The text holds nothing of what was sent or stored.
    pub(crate) fn of_call<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let refusal = error.as_service_error();
        let is_forbidden = error
            .raw_response()
            .is_some_and(|response| response.status().as_u16() == 403);
        match refusal.and_then(ProvideErrorMetadata::code) {
            Some("AccessDenied" | "AccessDeniedException" | "Forbidden") => {
                let message = refusal.and_then(ProvideErrorMetadata::message);
                Self::denied(action, message.unwrap_or_default())
            }
            None if is_forbidden => Self::denied(action, ""),
            _ => AwsError::new(action, error).into(),
        }
    }

    /// Reads the message of AWS: `User: … is not authorized to perform: <action> on resource: <ARN> because …`.
    fn denied(action: &str, message: &str) -> Self {
        let word_after = |phrase| {
            let (_, rest) = message.split_once(phrase)?;
            rest.split_whitespace().next()
        };
        Self::Denied {
            action: word_after("perform: ").unwrap_or(action).to_owned(),
            resource: word_after("resource: ")
                .unwrap_or("its resource")
                .to_owned(),
        }
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        match &error {
            AwsError::Refused { operation, reason } if reason.starts_with("AccessDenied") => {
                Self::denied(operation, reason)
            }
            _ => Self::Other(error.into()),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Aws(error) => error.into(),
            TableError::Corrupt { .. } => Self::Other(error.into()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// A closed stdout is not worth a message of its own.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(anyhow::Error::new(error).context("cannot write the output"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_the_missing_action_and_its_resource() {
        let message = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: \
            dynamodb:ConditionCheckItem on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/logins \
            because no identity-based policy allows the dynamodb:ConditionCheckItem action";

        let denied = Failure::denied("dynamodb:TransactWriteItems", message).to_string();

        assert_eq!(
            denied,
            "access denied: dynamodb:ConditionCheckItem on \
            arn:aws:dynamodb:eu-west-1:123456789012:table/logins is missing"
        );
    }

    #[test]
    fn a_denial_without_details_names_the_action_of_the_call() {
        let denied = Failure::denied("s3:ListBucket", "Access Denied").to_string();

        assert_eq!(
            denied,
            "access denied: s3:ListBucket on its resource is missing"
        );
    }
}
