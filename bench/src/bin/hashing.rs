//! Hashes passwords, as a log-in does, and nothing else: `hashing <threads> <seconds>` prints how many,
//! and how many seconds that took.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use shared::user::{Hasher, Password};
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || {
        arguments
            .next()
            .context("usage: hashing <threads> <seconds>")
    };
    let threads: usize = number()?.parse()?;
    let time = Duration::from_secs_f64(number()?.parse()?);

    let started = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..threads {
        workers.spawn(async move {
            let hasher = Hasher::default();
            while started.elapsed() < time {
                let password = Password::parse("a password of the benchmark")?;
                hasher.reserve()?.hash(password).await?;
            }
            anyhow::Ok(hasher.runs())
        });
    }
    let mut runs = 0;
    while let Some(worker) = workers.join_next().await {
        runs += worker??;
    }
    println!("{runs} {:.6}", started.elapsed().as_secs_f64());
    Ok(())
}
