use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use shared::http::ApiError;
use tokio::{sync::Semaphore, task};

/// Converts uploads on blocking threads, one at a time, because the largest takes most of the
/// function's memory. A function on Lambda has one request at a time anyway; this protects
/// `cargo dev`.
///
/// A conversion cannot be canceled. It outlives a request that is canceled at its deadline, and
/// until it ends, later uploads get a 503 at once.
#[derive(Debug)]
pub(crate) struct Converter {
    turn: Arc<Semaphore>,
    running: Arc<Running>,
}

/// The request whose upload is being converted.
#[derive(Debug, Default)]
struct Running(Mutex<Option<Weak<()>>>);

impl Converter {
    pub(crate) fn new() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            running: Arc::default(),
        }
    }

    /// Runs `conversion` after those that were started earlier. Returns `None` if it panics.
    ///
    /// # Errors
    ///
    /// [`ApiError::Unavailable`]: the conversion of a canceled request is still running.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        conversion: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        if self.running.is_abandoned() {
            return Err(ApiError::Unavailable(
                "a conversion is still running whose request was canceled".into(),
            ));
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let request = Arc::new(());
        *self.running.lock() = Some(Arc::downgrade(&request));
        let running = Arc::clone(&self.running);
        let converted = task::spawn_blocking(move || {
            // Both are dropped at the end, also by a panic; `_turn` last.
            let _turn = turn;
            let _end = End(running);
            conversion()
        });
        let converted = converted.await.ok();
        drop(request);
        Ok(converted)
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, Option<Weak<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_abandoned(&self) -> bool {
        let request = self.lock();
        request
            .as_ref()
            .is_some_and(|request| request.strong_count() == 0)
    }
}

/// Clears [`Running`] when it is dropped.
struct End(Arc<Running>);

impl Drop for End {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        sync::mpsc,
        task::{Context, Waker},
    };

    use super::*;

    #[tokio::test]
    async fn a_conversion_that_outlives_its_request_makes_the_next_ones_unavailable_until_it_ends()
    {
        let converter = Converter::new();
        let (end, ended) = mpsc::channel::<()>();
        {
            let mut request = pin!(converter.run(move || ended.recv()));
            let is_pending = request
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending();
            assert!(is_pending);
            // While the first request waits for its conversion, the second one waits for its turn.
            let mut next = pin!(converter.run(|| ()));
            let is_pending = next
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending();
            assert!(is_pending);
        }

        let next = converter.run(|| ()).await;

        assert!(matches!(next, Err(ApiError::Unavailable(_))), "{next:?}");
        end.send(()).unwrap();
        // A conversion returns its permit last.
        drop(converter.turn.acquire().await.unwrap());
        assert!(matches!(converter.run(|| 1).await, Ok(Some(1))));
    }

    #[tokio::test]
    async fn a_panic_gives_the_turn_to_the_next_one() {
        let converter = Converter::new();

        let panicked = converter.run(|| panic!("a decoder has a bug")).await;

        assert!(matches!(panicked, Ok(None::<()>)));
        assert!(matches!(converter.run(|| 1).await, Ok(Some(1))));
    }
}
