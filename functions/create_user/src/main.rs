//! Runs [`create_user::CreateUser`] on AWS Lambda.

use create_user::CreateUser;
use lambda_http::Error;
use shared::{env::Env, lambda::Lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let lambda = Lambda::start(&env)?;
    let endpoint = CreateUser::from_env(&env, lambda.aws())?;
    lambda.run(|request| endpoint.respond(request)).await
}
