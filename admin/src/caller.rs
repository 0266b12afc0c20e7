//! The identity that runs a command, and whether its clock is right.

use std::sync::{Arc, OnceLock};

use anyhow::anyhow;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{DateTime, config_bag::ConfigBag, date_time::Format};

use crate::{connect::Service, failure::Failure, session::now_ms};

/// The identity that runs the command.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The ARN by STS, or the user of this machine for a local service.
    pub by: String,
    /// The AWS account; `None` for a local service.
    pub account: Option<String>,
}

impl Caller {
    /// Asks STS, which needs no permission.
    ///
    /// # Errors
    ///
    /// Fails if STS does not respond, or has another time than this machine.
    pub(crate) async fn of(service: &Service) -> Result<Self, Failure> {
        if service.region.is_none() {
            let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
            return Ok(Self {
                by: user,
                account: None,
            });
        }
        let date = ServerDate::default();
        let identity = aws_sdk_sts::Client::new(&service.aws)
            .get_caller_identity()
            .customize()
            .interceptor(date.clone())
            .send()
            .await
            .map_err(|error| Failure::of_call("sts:GetCallerIdentity", &error))?;
        date.check()?;
        Ok(Self {
            by: identity.arn().unwrap_or("unknown").to_owned(),
            account: identity.account().map(str::to_owned),
        })
    }
}

/// Returns the date of a response of AWS.
///
/// Functions recognize revoked tokens by their time of issue. If this machine's clock is behind,
/// tokens survive their revocation; if it is ahead, the owner cannot log in until that time.
#[derive(Clone, Debug, Default)]
struct ServerDate(Arc<OnceLock<DateTime>>);

/// The largest difference between two clocks. A date has whole seconds.
const TOLERANCE_SECONDS: u64 = 5;

impl ServerDate {
    fn check(&self) -> Result<(), Failure> {
        let Some(date) = self.0.get() else {
            return Ok(());
        };
        let here = i64::try_from(now_ms() / 1_000).unwrap_or(i64::MAX);
        let seconds = here.abs_diff(date.secs());
        if seconds > TOLERANCE_SECONDS {
            return Err(anyhow!(
                "the clock of this machine is {seconds} s off: set it, then repeat the command"
            )
            .into());
        }
        Ok(())
    }
}

impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _runtime: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(date) = date {
            self.0.get_or_init(|| date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A date that is this much after the machine's.
    fn date(seconds: i64) -> ServerDate {
        let now = i64::try_from(now_ms() / 1_000).unwrap();
        ServerDate(Arc::new(DateTime::from_secs(now + seconds).into()))
    }

    #[test]
    fn a_clock_may_be_a_few_seconds_off() {
        assert!(date(0).check().is_ok());
        assert!(date(3).check().is_ok());
        assert!(date(-3).check().is_ok());
    }

    #[test]
    fn a_clock_that_is_minutes_off_is_refused() {
        for seconds in [-300, 300] {
            let failure = date(seconds).check().unwrap_err().to_string();

            assert!(
                failure.ends_with("s off: set it, then repeat the command"),
                "{failure}"
            );
        }
    }
}
