//! Carries out transactions, which may conflict with others.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::{
        TransactWriteItemsError, builders::TransactWriteItemsFluentBuilder,
    },
};
use uuid::Uuid;

/// Maximum attempts when other transactions conflict.
const ATTEMPTS: u32 = 6;

/// Carries out `transaction`, all of it or nothing. One `TransactWriteItems`, repeated while other
/// transactions conflict with it.
///
/// All attempts have one token, by which DynamoDB recognizes for ten minutes what it has already done:
/// a transaction that was committed and whose response was lost succeeds again.
///
/// # Errors
///
/// - [`TransactionError::Refused`]: nothing was written.
/// - [`TransactionError::Failed`]: it is unknown whether the transaction was written.
pub async fn carry_out(
    transaction: TransactWriteItemsFluentBuilder,
) -> Result<(), TransactionError> {
    let transaction = transaction.client_request_token(Uuid::new_v4().to_string());
    let mut attempt = 1;
    loop {
        let Err(error) = transaction.clone().send().await else {
            return Ok(());
        };
        let codes = cancellation_codes(&error);
        if codes.contains(&"ConditionalCheckFailed") {
            let failed = codes.iter().map(|code| *code == "ConditionalCheckFailed");
            return Err(TransactionError::Refused(failed.collect()));
        }
        if attempt == ATTEMPTS || !codes.contains(&"TransactionConflict") {
            return Err(TransactionError::Failed(Box::new(error)));
        }
        tokio::time::sleep(backoff(attempt)).await;
        attempt += 1;
    }
}

/// Returns why each item of a canceled transaction was refused, in the order of its items.
pub fn cancellation_codes<R>(error: &SdkError<TransactWriteItemsError, R>) -> Vec<&str> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default())
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the pause after `attempt` (from 1): up to 50 ms, then twice as much each time, and at most
/// 6.4 s. It is random (full jitter), so that colliding transactions do not collide again.
pub fn backoff(attempt: u32) -> Duration {
    let ceiling_ms = 50 << (attempt - 1).min(7);
    Duration::from_millis(Uuid::new_v4().as_u128() as u64 % ceiling_ms)
}

/// Why a transaction was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Conditions failed: for each item, in their order, whether its condition did.
    #[error("a condition of the transaction failed")]
    Refused(Vec<bool>),
    /// DynamoDB did not respond, or refused the call.
    #[error(transparent)]
    Failed(Box<SdkError<TransactWriteItemsError>>),
}
