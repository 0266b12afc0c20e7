use std::io::Cursor;

use avatar::AvatarError;
use image::{ColorType, DynamicImage, ImageFormat};

use crate::{LARGE, SIDES, SMALL, assert_converted};

/// Bytes of a file before its first chunk.
const HEAD: usize = 12;

/// Writes bits, the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, width: usize) {
        for index in 0..width {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if value >> index & 1 == 1 {
                self.bytes[self.count / 8] |= 1 << (self.count % 8);
            }
            self.count += 1;
        }
    }

    /// A code for one symbol, which has no bits.
    fn put_one_symbol(&mut self, symbol: u32) {
        self.put(0b101, 3);
        self.put(symbol, 8);
    }

    /// A code for the smallest symbol of all, in four bits.
    fn put_no_symbol(&mut self) {
        self.put(0b0001, 4);
    }

    /// 2,048 codes of 11 bits, in 66 bits.
    fn put_all_symbols(&mut self) {
        self.put(0, 1);
        self.put(11, 4);
        for length in 0..15 {
            self.put(u32::from(length == 14), 3);
        }
        self.put(1, 1);
        self.put(5, 3);
        self.put(2_046, 12);
    }
}

/// The compressed pixel of an image of one, whose header asks for so many groups of codes.
fn groups(count: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    // No transform; a color cache of 11 bits; blocks of 4 × 4; no cache for these.
    for (value, width) in [(0, 1), (1, 1), (11, 4), (1, 1), (0, 3), (0, 1)] {
        bits.put(value, width);
    }
    for symbol in [(count - 1) & 255, (count - 1) >> 8, 0, 0, 0] {
        bits.put_one_symbol(symbol);
    }
    for _ in 1..count {
        bits.put_all_symbols();
        for _ in 0..4 {
            bits.put_no_symbol();
        }
    }
    bits.put_one_symbol(7);
    for _ in 0..4 {
        bits.put_no_symbol();
    }
    bits.bytes.extend([0; 64]);
    bits.bytes
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    [name, &length, data, &[0][..data.len() % 2]].concat()
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[&b"WEBP"[..], &chunks.concat()].concat())
}

/// The header of a lossless image.
fn header(width: u32, height: u32) -> Vec<u8> {
    let size = (width - 1) | (height - 1) << 14;
    [&[0x2f], &size.to_le_bytes()[..]].concat()
}

/// The header of a file with more than one chunk, for an image of one pixel.
fn one_pixel(flags: u8) -> Vec<u8> {
    chunk(b"VP8X", &[flags, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn lossless(count: u32) -> Vec<u8> {
    file(&[chunk(b"VP8L", &[header(1, 1), groups(count)].concat())])
}

/// A lossy image of one pixel, with an alpha channel that asks for so many groups.
fn lossy(count: u32) -> Vec<u8> {
    let encoder = ::webp::Encoder::from_rgb(&[90; 3], 1, 1);
    let file_of_pixels = encoder.encode(80.0);
    let alpha = [&[1], &groups(count)[..]].concat();
    file(&[
        one_pixel(0x10),
        chunk(b"ALPH", &alpha),
        file_of_pixels[HEAD..].to_vec(),
    ])
}

#[test]
fn groups_of_codes_are_counted_before_they_are_built() {
    for (most, more) in [
        (lossless(2_600), lossless(2_601)),
        (lossy(2_600), lossy(2_601)),
    ] {
        assert_converted(&most, 2 * SMALL, Ok(()));
        assert_converted(&more, SMALL, Err(AvatarError::NotAnImage));
    }
    assert_converted(&lossless(65_536), SMALL, Err(AvatarError::NotAnImage));
}

#[test]
fn a_transform_comes_once() {
    let mut bits = Bits::default();
    for _ in 0..100_000 {
        // Of blocks of 4 × 4, without a color cache, each of the same color.
        for (value, width) in [(1, 1), (0, 2), (0, 3), (0, 1)] {
            bits.put(value, width);
        }
        for _ in 0..5 {
            bits.put_no_symbol();
        }
    }

    let image = [header(SIDES.0, SIDES.1), bits.bytes].concat();

    assert_converted(
        &file(&[chunk(b"VP8L", &image)]),
        SMALL,
        Err(AvatarError::NotAnImage),
    );
}

#[test]
fn a_frame_that_is_larger_than_its_canvas_is_held_against_the_limits() {
    let large = [header(16_384, 14_000), vec![0; 64]].concat();
    let place = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0];
    let animated = [&place, &chunk(b"VP8L", &large)[..]].concat();
    for upload in [
        file(&[one_pixel(0), chunk(b"VP8L", &large)]),
        file(&[
            one_pixel(0x02),
            chunk(b"ANIM", &[0; 6]),
            chunk(b"ANMF", &animated),
        ]),
    ] {
        assert_converted(&upload, SMALL, Err(AvatarError::NotAnImage));
    }
    assert_converted(
        &file(&[chunk(b"VP8L", &large)]),
        SMALL,
        Err(AvatarError::TooManyPixels),
    );
}

#[test]
fn pixels_of_50_megapixels_are_converted() {
    for color in [ColorType::Rgb8, ColorType::Rgba8] {
        let mut upload = Cursor::new(Vec::new());
        DynamicImage::new(SIDES.0, SIDES.1, color)
            .write_to(&mut upload, ImageFormat::WebP)
            .unwrap();

        assert_converted(upload.get_ref(), LARGE, Ok(()));
    }
}

#[test]
fn lossy_pixels_of_50_megapixels_are_converted() {
    // A frame that is shown, and the size of its first part (RFC 6386, section 9.1). Zeros are a
    // header without any option, and blocks without coefficients.
    const FIRST_PART: u32 = 500_000;
    let tag = (1 << 4 | FIRST_PART << 5).to_le_bytes();
    let size = SIDES.0 | SIDES.1 << 16;
    let frame = [
        &tag[..3],
        &[0x9d, 0x01, 0x2a],
        &size.to_le_bytes(),
        &vec![0; 2 * FIRST_PART as usize],
    ]
    .concat();

    assert_converted(&file(&[chunk(b"VP8 ", &frame)]), LARGE, Ok(()));
}
