//! Binds an endpoint to AWS Lambda: its events, its log and its metrics.

use std::{convert::Infallible, future, io, pin::Pin};

use aws_types::SdkConfig;
use lambda_http::{
    Body, Error, IntoResponse, Request, Response, service_fn,
    tracing::{
        self,
        subscriber::{filter::LevelFilter, fmt},
    },
};
use metrics_cloudwatch_embedded::{Builder, Collector};
use tokio::task::JoinHandle;

use crate::{aws, env::Env};

/// The namespace of all metrics in CloudWatch. Their one dimension is the function's name, which
/// contains the stack's name.
const NAMESPACE: &str = "Accounts";

/// The log, the metrics and the AWS configuration of a function, for as long as its sandbox lives.
pub struct Lambda {
    metrics: &'static Collector,
    aws: SdkConfig,
    connected: JoinHandle<()>,
}

impl Lambda {
    /// Starts the log and the metrics, counts a cold start, and opens the first connection to
    /// DynamoDB in the background. Reads `AWS_LAMBDA_FUNCTION_NAME`, the variables of [`start_log`]
    /// and those of [`aws::config`].
    ///
    /// # Errors
    ///
    /// - [`EnvError`](crate::env::EnvError): this is not Lambda, or a variable has a bad value.
    /// - Any other error: the metrics were started before.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(env: &Env) -> Result<Self, Error> {
        start_log(env);
        let function = env.required("AWS_LAMBDA_FUNCTION_NAME")?.to_owned();
        let metrics = Builder::new()
            .cloudwatch_namespace(NAMESPACE)
            .with_dimension("Function", function)
            .init()?;
        metrics::counter!("ColdStarts").increment(1);
        let (aws, connect) = aws::connect(env)?;
        Ok(Self {
            metrics,
            aws,
            connected: tokio::spawn(connect),
        })
    }

    /// Returns the SDK's configuration.
    pub fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// Responds to events with `respond` until the sandbox ends. Writes the metrics of an event before
    /// its response is sent, because the sandbox may be frozen after that.
    ///
    /// # Errors
    ///
    /// Fails if Lambda's runtime API fails.
    pub async fn run<F>(self, respond: impl Fn(Request) -> F) -> Result<(), Error>
    where
        F: Future<Output = Response<Body>> + Send,
    {
        let Self {
            metrics, connected, ..
        } = self;
        // Lambda freezes the sandbox when it asks for its first event. An error is the first call's
        // to report.
        let _ = connected.await;
        let service = service_fn(|request| {
            // Box it once: otherwise each wrapping future embeds and copies the endpoint's 17 KB state.
            let response = Box::pin(respond(request));
            async move {
                let response = response.await;
                if let Err(error) = metrics.flush(io::stdout()) {
                    tracing::warn!(%error, "the metrics were not written");
                }
                Ok::<_, Infallible>(Verbatim(response))
            }
        });
        lambda_http::run(service).await
    }
}

/// A response whose body is sent as it is. `IntoResponse for Response<Body>` looks at the content type
/// for other text encodings, and links `encoding_rs`, whose tables are a twentieth of a package.
struct Verbatim(Response<Body>);

impl IntoResponse for Verbatim {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(future::ready(self.0))
    }
}

/// Writes the log to the standard output, like the runtime's own subscriber, but without the filters
/// of `RUST_LOG`: the regular expressions in them are a fifteenth of a package.
///
/// Reads `AWS_LAMBDA_LOG_FORMAT` (`JSON` or text) and `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets.
pub fn start_log(env: &Env) {
    let level = env
        .optional("AWS_LAMBDA_LOG_LEVEL")
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let log = fmt()
        .with_max_level(level)
        .with_target(false)
        .without_time();
    match env.optional("AWS_LAMBDA_LOG_FORMAT") {
        Some("JSON") => log.json().init(),
        _ => log.init(),
    }
}
