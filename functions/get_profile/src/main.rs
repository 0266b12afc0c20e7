//! Runs [`get_profile::GetProfile`] on AWS Lambda.

use get_profile::GetProfile;
use lambda_http::{Error, run, service_fn, tracing};
use shared::{aws, env::Env};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let endpoint = GetProfile::from_env(&Env::process(), &aws::config().await).await?;
    run(service_fn(|request| endpoint.respond(request))).await
}
