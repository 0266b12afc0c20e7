//! Runs [`get_profile::GetProfile`] on AWS Lambda.

use get_profile::GetProfile;
use lambda_http::Error;
use shared::{env::Env, lambda::Lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let endpoint = GetProfile::from_env(&env, lambda.aws()).await?;
    lambda.run(|request| endpoint.respond(request)).await
}
