//! Uploads: pictures of every format, and files that are almost pictures.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage, codecs::jpeg::JpegEncoder};

/// Draws something like a photograph: soft shapes, an edge, and the grain of a sensor.
pub fn photograph(width: u32, height: u32) -> RgbImage {
    let mut grain = 1_u32;
    RgbImage::from_fn(width, height, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (grain >> 28) as f32 - 8.0;
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let disc = if (u - 0.5).hypot(v - 0.4) < 0.25 {
            60.0
        } else {
            0.0
        };
        let channel = |phase: f32| {
            let soft = 110.0 + 50.0 * (7.0 * u + phase).sin() * (5.0 * v - phase).cos();
            (soft + disc + noise).clamp(0.0, 255.0) as u8
        };
        Rgb([channel(0.0), channel(1.0), channel(2.0)])
    })
}

/// Encodes `image` as a JPEG of quality 92.
pub fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 92)
        .encode_image(image)
        .unwrap();
    bytes
}

/// Encodes `image` in `format`.
pub fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Inserts EXIF into `jpeg`: its orientation (EXIF 2.32, tag 0x0112) and the coordinates of a place.
pub fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS: 55.7558 N 37.6173 E");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

/// Returns a PNG that announces a size and has hardly any pixels.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        png_chunk(b"IHDR", &header),
        png_chunk(
            b"IDAT",
            &[0x78, 0x9c, 0x63, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01],
        ),
        png_chunk(b"IEND", b""),
    ]
    .concat()
}

/// Returns a chunk of a PNG, with its CRC (ISO/IEC 15948, section 5.3).
pub fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind, data].concat();
    let crc = !named.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], &named, &crc.to_be_bytes()].concat()
}

/// Splits `png` into the chunks before the pixels, the data of the pixels, and the chunks after them.
pub fn png_parts(png: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let start = png.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    let length = u32::from_be_bytes(png[start..start + 4].try_into().unwrap());
    let pixels = start + 8..start + 8 + length as usize;
    (&png[..start], &png[pixels.clone()], &png[pixels.end + 4..])
}

/// Returns an animated PNG of two frames of 32 x 32 pixels (PNG, third edition, section 11.3.6).
pub fn animated_png(frames: [RgbaImage; 2]) -> Vec<u8> {
    let [first, second] = frames.map(|frame| encoded(frame, ImageFormat::Png));
    let (before, first, after) = png_parts(&first);
    let (_, second, _) = png_parts(&second);
    let control = |sequence: u32| {
        let mut data: Vec<u8> = [sequence, 32, 32, 0, 0]
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        data.extend([0, 1, 0, 10, 0, 0]);
        png_chunk(b"fcTL", &data)
    };
    [
        before,
        &png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        &control(0),
        &png_chunk(b"IDAT", first),
        &control(1),
        &png_chunk(b"fdAT", &[&[0, 0, 0, 2], second].concat()),
        after,
    ]
    .concat()
}

/// Returns an animated WebP of two frames of 32 x 32 pixels (RFC 9649, section 2.7.1).
pub fn animated_webp(frames: [RgbaImage; 2]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap();
        [name, &length.to_le_bytes()[..], data].concat()
    };
    let frames = frames.map(|frame| {
        let webp = encoded(frame, ImageFormat::WebP);
        let place = [0, 0, 0, 0, 0, 0, 31, 0, 0, 31, 0, 0, 100, 0, 0, 0];
        // A file has a header of 12 bytes and one chunk, the frame.
        chunk(b"ANMF", &[&place, &webp[12..]].concat())
    });
    let body = [
        b"WEBP".to_vec(),
        chunk(b"VP8X", &[0x12, 0, 0, 0, 31, 0, 0, 31, 0, 0]),
        chunk(b"ANIM", &[0; 6]),
        frames.concat(),
    ]
    .concat();
    chunk(b"RIFF", &body)
}

/// Returns a JPEG of 8 x 8 pixels in CMYK, as Adobe's programs write it: (204, 25, 25) in RGB.
pub fn cmyk_jpeg() -> Vec<u8> {
    // Each Huffman table has one code of one bit: a difference of seven bits, or the end of a block.
    let codes = |table: u8, symbol: u8| {
        let mut segment = vec![0xff, 0xc4, 0, 20, table, 1];
        segment.extend([0; 15]);
        segment.push(symbol);
        segment
    };
    [
        &b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"[..],
        &[&b"\xff\xdb\0\x43\0"[..], &[8; 64]].concat(),
        b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0",
        &codes(0x00, 7),
        &codes(0x10, 0),
        b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0",
        // 128 + 100, 128 - 100, 128 - 100 and 128 + 100; Adobe stores 255 where there is no ink.
        b"\x64\x0d\x86\xcc\x8f\xff\xd9",
    ]
    .concat()
}
