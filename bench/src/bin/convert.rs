//! Converts the picture in the file that is its argument, once for every line that it reads.
//!
//! The line is where the avatar is written; the answer is a line with the milliseconds that the
//! conversion took. `local/bench/avatar.py` compares them with those of others.

// The file itself, because nobody but its endpoint may use it.
#[path = "../src/avatar_image.rs"]
#[expect(dead_code, reason = "the endpoint uses more of it")]
mod avatar_image;

use std::{
    env, fs,
    io::{self, BufRead as _},
    time::Instant,
};

use lambda_http::Error;
use shared::http::Bytes;

use crate::avatar_image::AvatarImage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let file = env::args_os().nth(1).ok_or("which file?")?;
    let upload = Bytes::from(fs::read(file)?);
    println!("ready");
    for line in io::stdin().lock().lines() {
        let started = Instant::now();
        let avatar = AvatarImage::parse(upload.clone()).await?;
        let time = started.elapsed();
        fs::write(line?, avatar.into_webp())?;
        println!("{}", time.as_secs_f64() * 1e3);
    }
    Ok(())
}
