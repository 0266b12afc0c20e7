//! The least that a function with a client of DynamoDB can be, as the SDK's guide has it. It makes no
//! call.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use lambda_http::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    run(service_fn(async |_| Ok::<_, Error>(format!("{client:?}")))).await
}
