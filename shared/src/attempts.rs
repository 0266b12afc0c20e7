//! The table `attempts`: consecutive failures of each login, whether its account exists or not.
//!
//! Its key is a digest, because a login as typed may be an address that never registered here, or a
//! password in the wrong field: the table must hold neither.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use crate::{
    aws::AwsError,
    env::{Env, EnvError},
    item::{self, Item, TableError},
    user::LoginKey,
};

/// Number of consecutive failures without a delay.
const FREE_FAILURES: u32 = 5;

/// Maximum delay, in milliseconds.
const MAX_DELAY_MS: u64 = 15 * 60 * 1_000;

/// Time after the last attempt before DynamoDB may delete an item. It only has to be longer than the
/// maximum delay.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The counters of failed log-ins.
#[derive(Clone, Debug)]
pub struct Attempts {
    client: Client,
    table: String,
}

impl Attempts {
    /// Reads `ATTEMPTS_TABLE`, the table's name.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`]: it is not set.
    pub fn from_env(env: &Env, dynamodb: &Client) -> Result<Self, EnvError> {
        Ok(Self {
            client: dynamodb.clone(),
            table: env.required("ATTEMPTS_TABLE")?.to_owned(),
        })
    }

    /// Counts an attempt on `key` as a failure before its password is verified, or refuses it.
    ///
    /// After n ≥ 5 consecutive failures an attempt is refused within `2^(n - 5)` seconds of the last
    /// counted one; a refused attempt is not counted. Counting is conditional on the value that was
    /// read, so parallel guesses get no more tries than sequential ones.
    ///
    /// If a response of DynamoDB is lost and the SDK retries, the attempt is counted twice, or refused
    /// if it was the one after a delay: an extra failure is better than an extra guess.
    ///
    /// One `UpdateItem`, or two after a delay.
    ///
    /// # Errors
    ///
    /// - [`CountError::Locked`]: the attempt is refused.
    /// - [`CountError::Table`]: it is unknown whether the attempt was counted.
    pub async fn count(&self, key: &LoginKey, now: SystemTime) -> Result<(), CountError> {
        let now_ms = millis(now);
        let Some(seen) = self.increment(key, now_ms, Expected::FreeAttempts).await? else {
            return Ok(());
        };
        if let Some(wait) = seen.wait(now_ms) {
            return Err(CountError::Locked { wait });
        }
        match self
            .increment(key, now_ms, Expected::Exactly(seen.failures))
            .await?
        {
            None => Ok(()),
            Some(winner) => Err(CountError::Locked {
                wait: winner.wait(now_ms).unwrap_or(Duration::from_secs(1)),
            }),
        }
    }

    /// Clears the failures of `key` after a success. One `DeleteItem`.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`].
    pub async fn clear(&self, key: &LoginKey) -> Result<(), AwsError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("login", AttributeValue::S(key.digest()))
            .send()
            .await
            .map_err(|error| AwsError::new("DeleteItem", &error))?;
        Ok(())
    }

    /// Adds a failure if their number is `expected`; otherwise returns the stored failures.
    async fn increment(
        &self,
        key: &LoginKey,
        now_ms: u64,
        expected: Expected,
    ) -> Result<Option<Failures>, TableError> {
        let (condition, failures) = match expected {
            Expected::FreeAttempts => (
                "attribute_not_exists(failures) OR failures < :expected",
                FREE_FAILURES,
            ),
            Expected::Exactly(failures) => ("failures = :expected", failures),
        };
        let expires_s = now_ms / 1_000 + KEPT.as_secs();
        let outcome = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("login", AttributeValue::S(key.digest()))
            .update_expression("SET last_ms = :now, expires = :expires ADD failures :one")
            .condition_expression(condition)
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":expires", number(expires_s))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expected", number(failures.into()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(None),
            Err(error) => decode(item::refused_item(&error)?.as_ref()).map(Some),
        }
    }
}

/// The number of failures that an increment requires.
enum Expected {
    /// Fewer than [`FREE_FAILURES`].
    FreeAttempts,
    Exactly(u32),
}

/// The stored failures of a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many, since the last success.
    pub failures: u32,
    /// When the last one was, in milliseconds since the Unix epoch.
    pub last_ms: u64,
}

impl Failures {
    /// Returns the time until the next attempt is allowed, or `None` if it is allowed now.
    ///
    /// The last attempt may lie in the future, by another machine's clock. Its distance counts, so that
    /// a wrong clock locks no account for longer than the delay.
    pub fn wait(self, now_ms: u64) -> Option<Duration> {
        let doublings = self.failures.checked_sub(FREE_FAILURES)?;
        let delay_ms = 1_000_u64
            .checked_shl(doublings)
            .filter(|delay_ms| delay_ms >> doublings == 1_000)
            .unwrap_or(MAX_DELAY_MS)
            .min(MAX_DELAY_MS);
        let left_ms = delay_ms.checked_sub(now_ms.abs_diff(self.last_ms))?;
        (left_ms > 0).then(|| Duration::from_millis(left_ms))
    }
}

fn millis(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Parses an item of `attempts`. A missing item (just cleared) has zero failures.
pub fn decode(item: Option<&Item>) -> Result<Failures, TableError> {
    let Some(item) = item else {
        return Ok(Failures::default());
    };
    let number = |attribute| item::number(item, attribute).map(Option::unwrap_or_default);
    Ok(Failures {
        failures: u32::try_from(number("failures")?).unwrap_or(u32::MAX),
        last_ms: number("last_ms")?,
    })
}

/// Why an attempt was not counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// There were too many failures: try again after `wait`.
    #[error("locked after too many failures")]
    Locked {
        /// The time until the next attempt is allowed.
        wait: Duration,
    },
    /// The table returned no result.
    #[error(transparent)]
    Table(#[from] TableError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_s(failures: u32, since_last_ms: i64) -> Option<f64> {
        let failures = Failures {
            failures,
            last_ms: 1_000_000,
        };
        let wait = failures.wait(1_000_000_u64.saturating_add_signed(since_last_ms));
        wait.map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn the_delay_doubles_up_to_a_quarter_of_an_hour() {
        for (failures, delay_s) in [
            (0, None),
            (4, None),
            (5, Some(1.0)),
            (6, Some(2.0)),
            (7, Some(4.0)),
            (14, Some(512.0)),
            (15, Some(900.0)),
            (69, Some(900.0)),
            (u32::MAX, Some(900.0)),
        ] {
            assert_eq!(wait_s(failures, 0), delay_s, "{failures}");
        }
    }

    #[test]
    fn the_delay_ends() {
        assert_eq!(wait_s(7, 3_999), Some(0.001));
        assert_eq!(wait_s(7, 4_000), None);
    }

    #[test]
    fn a_last_attempt_in_the_future_locks_for_no_longer() {
        assert_eq!(wait_s(7, -1_000), Some(3.0));
        assert_eq!(wait_s(7, -4_000), None);
    }
}
