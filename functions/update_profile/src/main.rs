//! Runs [`update_profile::UpdateProfile`] on AWS Lambda.

use lambda_http::{Error, run, service_fn, tracing};
use shared::{aws, env::Env};
use update_profile::UpdateProfile;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let endpoint = UpdateProfile::from_env(&Env::process(), &aws::config().await).await?;
    run(service_fn(|request| endpoint.respond(request))).await
}
