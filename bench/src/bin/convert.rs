//! Converts the picture in the file that is its argument, once for every line that it reads.
//!
//! The line is where the avatar is written; the response is a line with the milliseconds that the
//! conversion took. `bench/avatar.py` compares them with those of others.

use std::{
    env, fs,
    io::{self, BufRead as _},
    time::Instant,
};

use anyhow::Context as _;
use avatar::AvatarImage;

fn main() -> anyhow::Result<()> {
    let file = env::args_os().nth(1).context("which file?")?;
    let upload = fs::read(file)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let started = Instant::now();
        let avatar = AvatarImage::parse(&upload)?;
        let time = started.elapsed();
        fs::write(line?, avatar.into_webp())?;
        println!("{}", time.as_secs_f64() * 1e3);
    }
    Ok(())
}
