use std::future::Future;

use tokio::task::JoinSet;

/// Runs `run` `count` times at once, each with its number, and returns the results in any order.
pub async fn at_once<T, F>(count: usize, run: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut runs = JoinSet::new();
    for index in 0..count {
        runs.spawn(run(index));
    }
    runs.join_all().await
}
