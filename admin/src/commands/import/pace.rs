//! How many transactions an import makes at once, and how far it is.

use std::{
    io::{self, IsTerminal as _},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use tokio::time;

/// As many transactions at once as DynamoDB takes: one more for each that many that succeed, half as many
/// when one is throttled (additive increase, multiplicative decrease).
#[derive(Debug)]
pub(super) struct Pace {
    at_once: f64,
    halved: Instant,
}

impl Pace {
    const FIRST: f64 = 16.0;
    const MOST: f64 = 64.0;

    /// The transactions that were under way when one was throttled tell nothing new.
    const REST: Duration = Duration::from_millis(500);

    pub(super) fn new() -> Self {
        Self {
            at_once: Self::FIRST,
            halved: Instant::now(),
        }
    }

    /// How many may be under way.
    pub(super) fn at_once(&self) -> usize {
        self.at_once as usize
    }

    /// Learns from a transaction that is done `now`.
    pub(super) fn learn(&mut self, throttled: bool, now: Instant) {
        if !throttled {
            self.at_once = (self.at_once + 1.0 / self.at_once).min(Self::MOST);
        } else if now.duration_since(self.halved) > Self::REST {
            self.halved = now;
            self.at_once = (self.at_once / 2.0).max(1.0);
        }
    }
}

/// At most so many transactions a second.
#[derive(Debug)]
pub(super) struct Rate {
    period: Duration,
    next: time::Instant,
}

impl Rate {
    /// How far the transactions may fall behind and catch up.
    const LAG: Duration = Duration::from_millis(50);

    pub(super) fn new(a_second: NonZeroU32) -> Self {
        Self {
            period: Duration::from_secs(1) / a_second.get(),
            next: time::Instant::now(),
        }
    }

    /// Waits until the next transaction may begin.
    pub(super) async fn wait(&mut self) {
        let now = time::Instant::now();
        let earliest = now.checked_sub(Self::LAG).unwrap_or(now);
        let next = self.next.max(earliest);
        self.next = next + self.period;
        time::sleep_until(next).await;
    }
}

/// Says how far an import is: a bar with rate and time left on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// Bytes that were read of all files.
    pub(super) read: Arc<AtomicU64>,
    total: u64,
    start: Instant,
    last: Instant,
}

impl Progress {
    /// Between two lines.
    const PAUSE: Duration = Duration::from_secs(10);

    /// `total` is the size of all files in bytes.
    pub(super) fn new(total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            bar.enable_steady_tick(Duration::from_millis(200));
            match ProgressStyle::with_template("{bar:30} {percent}% {msg}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        let now = Instant::now();
        Self {
            bar,
            read: Arc::default(),
            total,
            start: now,
            last: now,
        }
    }

    /// Says that so many `entries` were read.
    pub(super) fn at(&mut self, entries: u64) {
        let is_due = self.last.elapsed() >= Self::PAUSE;
        if self.bar.is_none() && !is_due {
            return;
        }
        let read = self.read.load(Ordering::Relaxed);
        let elapsed = self.start.elapsed().as_secs_f64();
        let left = elapsed * (self.total.saturating_sub(read)) as f64 / read.max(1) as f64;
        let text = format!(
            "{} read, {} a second, {} left",
            HumanCount(entries),
            HumanCount((entries as f64 / elapsed) as u64),
            HumanDuration(Duration::from_secs_f64(left)),
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position(read);
                bar.set_message(text);
            }
            None => {
                self.last = Instant::now();
                eprintln!("{text}");
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_holds_after_a_pause_as_well() {
        let mut rate = Rate::new(NonZeroU32::new(100).unwrap());
        let start = time::Instant::now();
        for _ in 0..=100 {
            rate.wait().await;
        }
        assert_eq!(start.elapsed().as_millis(), 1_000);

        time::advance(Duration::from_secs(60)).await;
        let start = time::Instant::now();
        for _ in 0..=100 {
            rate.wait().await;
        }
        assert_eq!(start.elapsed().as_millis(), 950);
    }

    #[test]
    fn throttling_halves_the_pace_once_and_success_restores_it() {
        let mut pace = Pace::new();
        let now = Instant::now() + 2 * Pace::REST;

        pace.learn(true, now);
        pace.learn(true, now);
        assert_eq!(pace.at_once(), 8);

        for _ in 0..10_000 {
            pace.learn(false, now);
        }
        assert_eq!(pace.at_once(), 64);
    }
}
