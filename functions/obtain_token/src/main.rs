//! Runs [`obtain_token::ObtainToken`] on AWS Lambda.

use lambda_http::{Error, run, service_fn, tracing};
use obtain_token::ObtainToken;
use shared::{aws, env::Env};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let endpoint = ObtainToken::from_env(&Env::process(), &aws::config().await).await?;
    run(service_fn(|request| endpoint.respond(request))).await
}
