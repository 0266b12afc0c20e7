//! The least that a function that checks a password can be: one run of Argon2.

use lambda_http::{Error, run, service_fn};
use shared::user::{Hasher, Password, Verdict};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let hasher = Hasher::default();
    let hash = hasher.reserve()?.hash(Password::parse("12345")?).await?;
    let verify = async |_| {
        let password = Password::parse("12345")?;
        let verdict = hasher.reserve()?.verify(Some(password), Some(hash.clone()));
        match verdict.await? {
            Verdict::Right => Ok("right"),
            verdict => Err(Error::from(format!("{verdict:?}"))),
        }
    };
    run(service_fn(verify)).await
}
