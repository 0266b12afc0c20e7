//! Runs [`create_user::CreateUser`] on AWS Lambda.

use create_user::CreateUser;
use lambda_http::{Error, run, service_fn, tracing};
use shared::{aws, env::Env};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let endpoint = CreateUser::from_env(&Env::process(), &aws::config().await)?;
    run(service_fn(|request| endpoint.respond(request))).await
}
