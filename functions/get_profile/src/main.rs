//! Runs [`get_profile::GetProfile`] on AWS Lambda.

use get_profile::GetProfile;
use lambda_http::Error;
use shared::{aws, env::Env, lambda::Lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let (aws, connected) = aws::connect(&env)?;
    let ((), endpoint) = tokio::join!(connected, GetProfile::from_env(&env, &aws));
    let endpoint = endpoint?;
    lambda.run(|request| endpoint.respond(request)).await
}
