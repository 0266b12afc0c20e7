//! Files as cameras, phones and programs write them, and what libjpeg-turbo and browsers show of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use avatar::{AvatarError, AvatarImage};
use image::{ImageFormat, Rgb, RgbImage};

/// The colors of the top left, top right, bottom left and bottom right.
type Quadrants = [[u8; 3]; 4];

const UPRIGHT: Quadrants = [[254, 0, 0], [0, 255, 1], [0, 0, 254], [255, 255, 255]];

/// A picture that was stored on its side.
const TURNED: Quadrants = [[0, 0, 254], [254, 0, 0], [255, 255, 255], [0, 255, 1]];

fn avatar(name: &str) -> Result<RgbImage, AvatarError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let avatar = AvatarImage::parse(&fs::read(folder.join(name)).unwrap())?;
    let image = image::load_from_memory_with_format(avatar.as_webp(), ImageFormat::WebP).unwrap();
    Ok(image.into_rgb8())
}

#[track_caller]
fn assert_shows(name: &str, size: (u32, u32), quadrants: Quadrants) {
    let avatar = avatar(name).unwrap();

    let (width, height) = avatar.dimensions();
    assert_eq!((width, height), size, "{name}");
    let (left, right, top, bottom) = (width / 4, width * 3 / 4, height / 4, height * 3 / 4);
    for ((x, y), expected) in [(left, top), (right, top), (left, bottom), (right, bottom)]
        .into_iter()
        .zip(quadrants)
    {
        let Rgb(actual) = *avatar.get_pixel(x, y);
        // Lossy compression adds a little.
        let is_close = actual.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4);
        assert!(
            is_close,
            "{name}: ({x}, {y}) is {actual:?} and not {expected:?}"
        );
    }
}

#[test]
fn colors_that_come_one_after_the_other_are_put_together() {
    assert_shows("jpeg-non-interleaved-420.jpg", (512, 512), UPRIGHT);
}

#[test]
fn jfif_says_more_about_colors_than_adobe() {
    assert_shows("jpeg-jfif-adobe-transform-0.jpg", (300, 300), UPRIGHT);
}

#[test]
fn adobe_says_that_colors_are_not_transformed() {
    let untransformed = [
        [76, 85, 255],
        [150, 44, 21],
        [29, 255, 107],
        [255, 128, 128],
    ];

    assert_shows("jpeg-adobe-transform-0-1600.jpg", (512, 512), untransformed);
}

#[test]
fn bytes_between_segments_are_skipped() {
    assert_shows("jpeg-zeros-between-segments.jpg", (300, 300), UPRIGHT);
    assert_shows("jpeg-junk-between-segments.jpg", (300, 300), UPRIGHT);
}

#[test]
fn a_missing_end_is_no_fault_while_every_pixel_is_there() {
    assert_shows("jpeg-without-eoi.jpg", (300, 300), UPRIGHT);
    assert_shows("jpeg-without-eoi-1600.jpg", (512, 512), UPRIGHT);
    assert_eq!(avatar("jpeg-cut-in-half.jpg"), Err(AvatarError::NotAnImage));
}

#[test]
fn the_orientation_is_found_with_a_prefix_and_as_a_long() {
    assert_shows("webp-exif-with-prefix.webp", (200, 300), TURNED);
    assert_shows("jpeg-orientation-as-long.jpg", (200, 300), TURNED);
}
