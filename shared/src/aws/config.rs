use std::{path::Path, time::Duration};

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
    endpoint::{DefaultResolver, Params, ResolveEndpoint as _},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_types::{
    SdkConfig,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};
use tokio::time;

use super::https::Https;
use crate::env::{Env, EnvError};

const REGION: &str = "AWS_REGION";
const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// Maximum time for one attempt at a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum time for a call with its retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Maximum time for [`connect`] to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads the variables that Lambda sets for a function: `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. Reads also, if they are set,
/// `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL`, and `AWS_CA_BUNDLE`, a PEM file of the root
/// certificates to trust instead of the built-in ones.
///
/// The SDK's own loader also searches files and the network: code that no function needs, and that
/// every cold start would load and run.
///
/// # Errors
///
/// - [`EnvError::Missing`]: one of the first three is not set.
/// - [`EnvError::Invalid`]: the file of root certificates cannot be read.
pub fn config(env: &Env) -> Result<SdkConfig, EnvError> {
    sdk_config(&https(env)?, env)
}

/// Reads [`config`], and returns it with a future that opens a connection to DynamoDB, so that the
/// first call of a cold start finds one.
///
/// The future requests DynamoDB's health check, which needs no permission and costs nothing. It gives
/// up after a second; errors are ignored, because the first real call reports them.
///
/// # Errors
///
/// Those of [`config`], and [`EnvError::Invalid`]: `AWS_REGION` cannot be part of a host name.
pub fn connect(
    env: &Env,
) -> Result<(SdkConfig, impl Future<Output = ()> + Send + 'static), EnvError> {
    let https = https(env)?;
    let config = sdk_config(&https, env)?;
    let params = Params::builder()
        .region(env.required(REGION)?)
        .set_endpoint(service_variable(env, ENDPOINT_URL, "DynamoDB").map(str::to_owned))
        .build()
        .map_err(|_| EnvError::Invalid {
            name: REGION,
            rule: "the name of a region",
        })?;
    let connected = async move {
        let Ok(endpoint) = DefaultResolver::new().resolve_endpoint(&params).await else {
            return;
        };
        if let Ok(url) = endpoint.url().parse() {
            let _ = time::timeout(CONNECT_TIMEOUT, https.get(url)).await;
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

fn sdk_config(https: &Https, env: &Env) -> Result<SdkConfig, EnvError> {
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
        .service_config(ServiceVariables(env.clone()))
        .http_client(https.sdk_client())
        .timeout_config(timeouts())
        // Every call has a timeout, so stalled-stream protection is redundant.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries())
        .build())
}

/// Gives the SDK the endpoint overrides from the environment.
#[derive(Debug)]
struct ServiceVariables(Env);

impl LoadServiceConfig for ServiceVariables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        service_variable(&self.0, key.env(), key.service_id()).map(str::to_owned)
    }
}

/// Returns the variable `name` for the service `id`, or else for all services.
fn service_variable<'a>(env: &'a Env, name: &str, id: &str) -> Option<&'a str> {
    let service = id.to_uppercase().replace(' ', "_");
    env.optional(&format!("{name}_{service}"))
        .or_else(|| env.optional(name))
}

/// Returns the timeouts of a call.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// Returns how a failed call is retried: twice, after a first pause of up to a tenth of a second
/// instead of the SDK's whole one, because a person is waiting.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(100))
}

#[cfg(test)]
pub(super) mod tests {
    use std::{io::BufReader, net::TcpListener, thread};

    use super::*;
    use crate::aws::https::tests::respond;

    /// The variables that are required.
    const REQUIRED: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", REGION];

    /// Returns the required variables and `variables`.
    pub(in crate::aws) fn env(variables: &[(&str, &str)]) -> Env {
        let required = REQUIRED.map(|name| (name, "value"));
        required.iter().chain(variables).copied().collect()
    }

    #[test]
    fn the_endpoint_of_a_service_comes_before_that_of_all() {
        let endpoint = |variables: &[(&str, &str)]| {
            let env = variables.iter().copied().collect();
            service_variable(&env, ENDPOINT_URL, "Secrets Manager").map(str::to_owned)
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
        // Accepts one connection and responds to two requests over it.
        let server = thread::spawn(move || {
            let (connection, _) = listener.accept().unwrap();
            drop(listener);
            let mut connection = BufReader::new(connection);
            let requests = [(); 2].map(|()| respond(&mut connection, 200));
            (requests, connection)
        });
        let env = env(&[(ENDPOINT_URL, &url)]);

        let (config, connected) = connect(&env).unwrap();
        connected.await;
        let call = aws_sdk_dynamodb::Client::new(&config).list_tables().send();
        let outcome = call.await;

        outcome.unwrap();
        let (requests, _connection) = server.join().unwrap();
        let expected = ["GET / HTTP/1.1", "POST / HTTP/1.1"];
        assert_eq!(requests, expected.map(|line| Some(line.to_owned())));
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
