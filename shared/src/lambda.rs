//! Binds an endpoint to AWS Lambda: its events and its log.

use std::{convert::Infallible, future, pin::Pin, time::Instant};

use aws_types::SdkConfig;
use lambda_http::{
    Body, Error, IntoResponse, Request, RequestExt, Response, service_fn,
    tracing::{
        self, Instrument,
        subscriber::{filter::LevelFilter, fmt},
    },
};
use tokio::task::JoinHandle;

use crate::{aws, env::Env};

/// Holds the state of a function for as long as its sandbox lives.
pub struct Lambda {
    started: Instant,
    version: String,
    aws: SdkConfig,
    connected: JoinHandle<()>,
}

impl Lambda {
    /// Starts the log, and opens the first connection to DynamoDB in the background. Reads
    /// `AWS_LAMBDA_FUNCTION_VERSION`, the variables of [`start_log`] and those of [`aws::config`].
    ///
    /// # Errors
    ///
    /// - [`EnvError`](crate::env::EnvError): this is not Lambda, or a variable has a bad value.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(env: &Env) -> Result<Self, Error> {
        let started = Instant::now();
        start_log(env);
        let version = env.required("AWS_LAMBDA_FUNCTION_VERSION")?.to_owned();
        let (aws, connect) = aws::connect(env)?;
        Ok(Self {
            started,
            version,
            aws,
            connected: tokio::spawn(connect),
        })
    }

    /// Returns the SDK's configuration.
    pub fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// Responds to events with `respond` until the sandbox ends.
    ///
    /// # Errors
    ///
    /// Fails if Lambda's runtime API fails.
    pub async fn run<F>(self, respond: impl Fn(Request) -> F) -> Result<(), Error>
    where
        F: Future<Output = Response<Body>> + Send,
    {
        let Self {
            started,
            version,
            connected,
            ..
        } = self;
        // Wait before the first event is requested, because Lambda then freezes the sandbox. Ignore
        // an error: the first call reports it.
        let _ = connected.await;
        // The template counts cold starts by this line.
        let start_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(start_ms, "started");
        let service = service_fn(|request: Request| {
            // The log shows this span in place of the runtime's own, whose trace id a client can set.
            let span = tracing::info_span!(
                "request",
                requestId = request.lambda_context().request_id,
                version
            );
            // Box it once: otherwise each wrapping future embeds and copies the endpoint's 17 KB state.
            let response = Box::pin(respond(request));
            async move { Ok::<_, Infallible>(Verbatim(response.await)) }.instrument(span)
        });
        lambda_http::run(service).await
    }
}

/// A response whose body is sent unchanged. `IntoResponse for Response<Body>` looks at the content
/// type for other text encodings, and links `encoding_rs`, whose tables are a twentieth of a
/// package.
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
        // Flat, and with the innermost span alone: a longer line costs more than the function's work.
        Some("JSON") => log.json().flatten_event(true).with_span_list(false).init(),
        _ => log.init(),
    }
}
