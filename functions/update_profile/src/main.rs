//! Runs [`update_profile::UpdateProfile`] on AWS Lambda.

use lambda_http::Error;
use shared::{env::Env, lambda::Lambda};
use update_profile::UpdateProfile;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let endpoint = UpdateProfile::from_env(&env, lambda.aws()).await?;
    lambda.run(|request| endpoint.respond(request)).await
}
