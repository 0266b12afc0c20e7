//! Runs [`obtain_token::ObtainToken`] on AWS Lambda.

use lambda_http::Error;
use obtain_token::ObtainToken;
use shared::{aws, env::Env, lambda::Lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let (aws, connected) = aws::connect(&env)?;
    let ((), endpoint) = tokio::join!(connected, ObtainToken::from_env(&env, &aws));
    let endpoint = endpoint?;
    lambda.run(|request| endpoint.respond(request)).await
}
