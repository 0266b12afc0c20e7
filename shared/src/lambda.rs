//! Binds an endpoint to AWS Lambda: its events, its log and its metrics.

use std::{convert::Infallible, future, io, pin::Pin};

use lambda_http::{
    Body, Error, IntoResponse, Request, Response, service_fn,
    tracing::{
        self,
        subscriber::{filter::LevelFilter, fmt},
    },
};
use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::env::Env;

/// The namespace of all metrics in CloudWatch. Their one dimension is the function's name, which
/// has the stack's name in it.
const NAMESPACE: &str = "Accounts";

/// What a function on Lambda has for as long as its sandbox lives.
#[derive(Clone, Copy)]
pub struct Lambda {
    metrics: &'static Collector,
}

impl Lambda {
    /// Starts log and metrics, and counts a cold start. Reads `AWS_LAMBDA_FUNCTION_NAME` and, for
    /// the log, `AWS_LAMBDA_LOG_FORMAT` and `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets.
    ///
    /// # Errors
    ///
    /// - [`EnvError::Missing`](crate::env::EnvError::Missing): this is not Lambda.
    /// - Any other error: metrics have been started before.
    pub fn start(env: &Env) -> Result<Self, Error> {
        start_log(env);
        let function = env.required("AWS_LAMBDA_FUNCTION_NAME")?.to_owned();
        let metrics = Builder::new()
            .cloudwatch_namespace(NAMESPACE)
            .with_dimension("Function", function)
            .init()?;
        metrics::counter!("ColdStarts").increment(1);
        Ok(Self { metrics })
    }

    /// Answers events by `respond` until the sandbox ends. What was counted for an event is
    /// written before its answer is sent, because the sandbox may be frozen after that.
    ///
    /// # Errors
    ///
    /// Fails if Lambda's runtime API does.
    pub async fn run<F>(self, respond: impl Fn(Request) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<Response<Body>, Infallible>> + Send,
    {
        let answer = service_fn(|request| {
            let answer = respond(request);
            async move {
                let answer = answer.await;
                if let Err(error) = self.metrics.flush(io::stdout()) {
                    tracing::warn!(%error, "the metrics were not written");
                }
                answer.map(Prepared)
            }
        });
        lambda_http::run(answer).await
    }
}

/// A response whose body is as it is sent. The runtime would look at that of any other for text in
/// another encoding, and the tables of all encodings are a twentieth of a package.
struct Prepared(Response<Body>);

impl IntoResponse for Prepared {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(future::ready(self.0))
    }
}

/// Writes the log to the standard output, as the runtime's own subscriber does, but without the
/// filters of `RUST_LOG`: the regular expressions in them are a fifteenth of a package.
fn start_log(env: &Env) {
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
