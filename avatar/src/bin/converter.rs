//! Converts uploads to avatars, for tests that look at the whole process.
//!
//! Each line of input is an upload's path, a tab, and the path for its avatar. Each line of output
//! is empty, or tells why there is no avatar.

use std::{
    error::Error,
    fs,
    io::{self, BufRead as _},
};

use avatar::AvatarImage;

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (picture, avatar) = line.split_once('\t').ok_or("a line has no tab")?;
        match AvatarImage::parse(&fs::read(picture)?) {
            Ok(image) => {
                fs::write(avatar, image.into_webp())?;
                println!();
            }
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
