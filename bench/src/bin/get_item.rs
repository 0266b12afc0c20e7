//! The least that a function that reads an item can be: `GetItem` by the SDK, configured as in the
//! functions.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Error, run, service_fn};
use shared::{aws, env::Env};

/// The account of the sample events.
const UUID: &str = "f0d4568f-c938-480a-8564-d95e95b5af4a";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    let client = Client::new(&aws::config(&env)?);
    let table = env.required("USERS_TABLE")?;
    let get_item = async |_| {
        let output = client
            .get_item()
            .table_name(table)
            .key("uuid", AttributeValue::S(UUID.to_owned()))
            .consistent_read(true)
            .send()
            .await?;
        output.item.map(|_| "found").ok_or(Error::from("missing"))
    };
    run(service_fn(get_item)).await
}
