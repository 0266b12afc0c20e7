//! Runs [`obtain_token::ObtainToken`] on AWS Lambda.

use lambda_http::Error;
use obtain_token::ObtainToken;
use shared::{env::Env, lambda::Lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let endpoint = ObtainToken::from_env(&env, lambda.aws()).await?;
    lambda.run(|request| endpoint.respond(request)).await
}
