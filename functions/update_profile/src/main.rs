//! Runs [`update_profile::UpdateProfile`] on AWS Lambda.

use lambda_http::Error;
use shared::{aws, env::Env, lambda::Lambda};
use update_profile::UpdateProfile;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let (aws, connected) = aws::connect(&env)?;
    let ((), endpoint) = tokio::join!(connected, UpdateProfile::from_env(&env, &aws));
    let endpoint = endpoint?;
    lambda.run(|request| endpoint.respond(request)).await
}
