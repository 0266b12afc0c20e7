//! How the functions reach AWS: one SDK configuration, and what its failures mean.

mod https;

use std::{error::Error, fmt::Write as _, path::Path, time::Duration};

use aws_sdk_dynamodb::{
    config::{
        BehaviorVersion, Credentials, IdentityCache, Region, SharedCredentialsProvider,
        StalledStreamProtectionConfig,
        endpoint::{DefaultResolver, Params, ResolveEndpoint as _},
        http::HttpResponse,
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
};
use aws_types::{
    SdkConfig,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};
use tokio::time;

use self::https::Https;
use crate::env::{Env, EnvError};

const REGION: &str = "AWS_REGION";
const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

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

/// Reads what Lambda gives to a function: `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; and, where they are set,
/// `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL`, and `AWS_CA_BUNDLE`, a PEM file of the root
/// certificates to trust instead of those that are built in.
///
/// The SDK's own loader would look for all of it in files and on the network, too: code that no
/// function needs, and that a cold start has to read and to run.
///
/// # Errors
///
/// - [`EnvError::Missing`]: one of the first three is not set.
/// - [`EnvError::Invalid`]: the file of root certificates cannot be read.
pub fn config(env: &Env) -> Result<SdkConfig, EnvError> {
    config_over(&https(env)?, env)
}

/// Reads [`config`], and returns it with what opens a connection to DynamoDB, to be awaited with
/// whatever else a cold start waits for, so that the first call finds one.
///
/// It asks for DynamoDB's health, which needs no permission and costs nothing, for a second at
/// most: a failure is the first call's to meet.
///
/// # Errors
///
/// Those of [`config`], and [`EnvError::Invalid`]: `AWS_REGION` cannot be part of a host's name.
pub fn connect(env: &Env) -> Result<(SdkConfig, impl Future<Output = ()>), EnvError> {
    let https = https(env)?;
    let config = config_over(&https, env)?;
    let params = Params::builder()
        .region(env.required(REGION)?)
        .set_endpoint(of_service(env, ENDPOINT_URL, "DynamoDB").map(str::to_owned))
        .build()
        .map_err(|_| EnvError::Invalid {
            name: REGION,
            rule: "the name of a region",
        })?;
    let connected = async move {
        let resolver = DefaultResolver::new();
        let Ok(endpoint) = resolver.resolve_endpoint(&params).await else {
            return;
        };
        if let Ok(url) = endpoint.url().parse() {
            let _ = time::timeout(Duration::from_secs(1), https.get(url)).await;
        }
    };
    Ok((config, connected))
}

fn https(env: &Env) -> Result<Https, EnvError> {
    let name = "AWS_CA_BUNDLE";
    Https::new(env.optional(name).map(Path::new)).map_err(|_| EnvError::Invalid {
        name,
        rule: "a PEM file of certificates",
    })
}

fn config_over(https: &Https, env: &Env) -> Result<SdkConfig, EnvError> {
    let credentials = Credentials::new(
        env.required("AWS_ACCESS_KEY_ID")?,
        env.required("AWS_SECRET_ACCESS_KEY")?,
        env.optional("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    );
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(env.required(REGION)?.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .service_config(Services(env.clone()))
        .http_client(https.sdk_client())
        .timeout_config(timeouts())
        // Credentials that never change need no cache, and what has a limit of time no watch over
        // its speed.
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries())
        .build())
}

/// Tells the SDK where a service is, if that is not where it always is.
#[derive(Debug)]
struct Services(Env);

impl LoadServiceConfig for Services {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        of_service(&self.0, key.env(), key.service_id()).map(str::to_owned)
    }
}

/// The variable `name` for the service `id`, or else for all.
fn of_service<'a>(env: &'a Env, name: &str, id: &str) -> Option<&'a str> {
    let service = id.to_uppercase().replace(' ', "_");
    env.optional(&format!("{name}_{service}"))
        .or_else(|| env.optional(name))
}

/// The time that a call may take.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// How a call that failed is tried again: twice, after a first pause of up to a tenth of a second
/// instead of the SDK's whole one, because a person is waiting.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(100))
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

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::*;

    /// The variables that have to be set.
    const REQUIRED: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", REGION];

    /// These variables, and what has to be set besides.
    pub(super) fn env(variables: &[(&str, &str)]) -> Env {
        let required = REQUIRED.map(|name| (name, "value"));
        required.iter().chain(variables).copied().collect()
    }

    #[test]
    fn the_endpoint_of_a_service_comes_before_that_of_all() {
        let endpoint = |variables: &[(&str, &str)]| {
            let env = variables.iter().copied().collect();
            of_service(&env, ENDPOINT_URL, "Secrets Manager").map(str::to_owned)
        };
        let all = (ENDPOINT_URL, "http://127.0.0.1:1");
        let own = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:2");

        assert_eq!(endpoint(&[]), None);
        assert_eq!(endpoint(&[all]).as_deref(), Some(all.1));
        assert_eq!(endpoint(&[all, own]).as_deref(), Some(own.1));
    }

    #[tokio::test]
    async fn the_first_call_goes_over_the_connection_that_was_opened() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // Takes one connection and answers two requests over it.
        let server = thread::spawn(move || {
            let (connection, _) = listener.accept().unwrap();
            drop(listener);
            let mut connection = BufReader::new(connection);
            let asked = [(); 2].map(|()| {
                let head = connection.by_ref().lines().map_while(Result::ok);
                let head: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                connection.get_mut().write_all(answer).unwrap();
                head[0].clone()
            });
            (asked, connection)
        });
        let env = env(&[(ENDPOINT_URL, &url)]);

        let (config, connected) = connect(&env).unwrap();
        connected.await;
        let call = aws_sdk_dynamodb::Client::new(&config).list_tables().send();
        let answer = call.await;

        answer.unwrap();
        let (asked, _connection) = server.join().unwrap();
        assert_eq!(asked, ["GET / HTTP/1.1", "POST / HTTP/1.1"]);
    }

    #[test]
    fn a_region_is_part_of_a_hosts_name() {
        let error = connect(&env(&[(REGION, "not a region")])).err();

        let rule = "the name of a region";
        assert_eq!(error, Some(EnvError::Invalid { name: REGION, rule }));
    }

    #[test]
    fn a_region_and_credentials_have_to_be_set() {
        for missing in REQUIRED {
            let set = REQUIRED.into_iter().filter(|&name| name != missing);
            let env: Env = set.map(|name| (name, "value")).collect();

            let error = config(&env).unwrap_err();

            assert_eq!(error, EnvError::Missing { name: missing });
        }
    }
}
