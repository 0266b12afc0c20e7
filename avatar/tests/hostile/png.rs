use std::io::Write as _;

use ::png::{BitDepth, ColorType, Encoder, Info, chunk::ChunkType};
use flate2::{Compression, write::ZlibEncoder};

use crate::{LARGE, MAX_BYTES, SIDES, SMALL, assert_converted};

/// A PNG of a black image with these chunks before its pixels.
fn png<'a>(info: Info, chunks: impl IntoIterator<Item = (&'a [u8; 4], &'a [u8])>) -> Vec<u8> {
    let row = vec![0; info.raw_row_length() - 1];
    let height = info.height;
    let mut png = Vec::new();
    let encoder = Encoder::with_info(&mut png, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for (name, data) in chunks {
        writer.write_chunk(ChunkType(*name), data).unwrap();
    }
    let mut pixels = writer.stream_writer().unwrap();
    for _ in 0..height {
        pixels.write_all(&row).unwrap();
    }
    pixels.finish().unwrap();
    drop(writer);
    png
}

/// Zeros, a thousandth as long.
fn compressed_zeros(mebibytes: usize) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..mebibytes {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn pixels_of_16_bits_are_decoded_to_8() {
    let mut info = Info::with_size(SIDES.0, SIDES.1);
    (info.color_type, info.bit_depth) = (ColorType::Rgba, BitDepth::Sixteen);

    assert_converted(&png(info, []), LARGE, Ok(()));
}

#[test]
fn chunks_that_no_pixel_needs_are_passed_over() {
    let bomb = [b"a\0\0", &compressed_zeros(500)[..]].concat();
    let controls: Vec<[u8; 26]> = (0..100_000_u32)
        .map(|number| {
            let mut control = [0; 26];
            control[..4].copy_from_slice(&number.to_be_bytes());
            (control[7], control[11]) = (8, 8);
            control
        })
        .collect();
    let controls: Vec<(&[u8; 4], &[u8])> = controls
        .iter()
        .map(|control| (b"fcTL", &control[..]))
        .collect();
    for chunks in [
        vec![(b"iCCP", &bomb[..]); MAX_BYTES / bomb.len() - 1],
        vec![(b"zTXt", &bomb[..]); MAX_BYTES / bomb.len() - 1],
        controls,
        vec![(b"tEXt", b"a\0b"); 250_000],
    ] {
        let upload = png(Info::with_size(8, 8), chunks);

        assert_converted(&upload, SMALL, Ok(()));
    }
}

#[test]
fn pixels_in_chunks_without_bytes_are_decoded() {
    let chunks = vec![(b"IDAT", &[][..]); 300_000];

    assert_converted(&png(Info::with_size(8, 8), chunks), SMALL, Ok(()));
}
