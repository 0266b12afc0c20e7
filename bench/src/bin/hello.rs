//! The least that a function in Rust can be.

use lambda_http::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_| Ok::<_, Error>("hello"))).await
}
