//! Compares a password with the hash that is its argument, as a log-in does: prints the milliseconds
//! that it took and the peak memory of the process in MB. `bench/imported_hashes.py` runs it.

use std::{env, fs, time::Instant};

use anyhow::{Context as _, ensure};
use shared::user::{Hasher, Password, PasswordHash, Verdict};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let hash = env::args().nth(1).context("which hash?")?;
    let hash = PasswordHash::parse(&hash)?;
    // ASCII without a space at either end has one spelling, so the hash is computed once.
    let password = Password::parse("a wrong password")?;
    let slot = Hasher::default().reserve()?;

    let started = Instant::now();
    let verdict = slot.verify(Some(password), Some(hash)).await?;
    let time = started.elapsed();

    ensure!(verdict == Verdict::Wrong, "that is the password");
    let status = fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .context("there is no VmHWM")?;
    let peak = peak.parse::<f64>()? * 1_024.0 / 1e6;
    println!("{} {peak}", time.as_secs_f64() * 1e3);
    Ok(())
}
