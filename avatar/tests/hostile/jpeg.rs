use std::io::Cursor;

use avatar::AvatarError;
use image::{DynamicImage, ImageFormat};

use crate::{LARGE, MAX_BYTES, SIDES, SMALL, assert_converted};

/// A code of one bit for one symbol.
const ONE_CODE: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The length of a run of blocks without coefficients that is coded in 15 bits.
const RUN: u32 = (2 << 14) - 1;

fn plain() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(64, 64)
        .write_to(&mut bytes, ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner()
}

fn segment(marker: u8, parameters: &[u8]) -> Vec<u8> {
    let length = u16::try_from(parameters.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &length, parameters].concat()
}

/// A scan of the coefficients from 1 on, or of the first one of all components, and its last bits.
fn scan(components: &[u8], coefficients: [u8; 2], bits: u8, data: &[u8]) -> Vec<u8> {
    let selected = components.iter().flat_map(|&id| [id, 0]);
    let header: Vec<u8> = [components.len() as u8]
        .into_iter()
        .chain(selected)
        .chain(coefficients)
        .chain([bits])
        .collect();
    [&segment(0xda, &header), data].concat()
}

/// A gray progressive JPEG of nothing but zeros, with so many scans of a few bytes.
fn progressive(sides: (u32, u32), components: u8, scans: usize, bits: u8) -> Vec<u8> {
    let ids: Vec<u8> = (1..=components).collect();
    let size = [sides.1, sides.0].map(|side| u16::try_from(side).unwrap().to_be_bytes());
    let frame: Vec<u8> = [8]
        .into_iter()
        .chain(size.concat())
        .chain([components])
        .chain(ids.iter().flat_map(|&id| [id, 0x11, 0]))
        .collect();
    let codes = |table: u8, symbol: u8| [&[table], &ONE_CODE[..], &[symbol]].concat();
    let blocks = sides.0.div_ceil(8) * sides.1.div_ceil(8);
    let first = vec![0; (blocks as usize * ids.len()).div_ceil(8)];
    // Each run is a bit for its symbol, and 14 bits of one.
    let runs = blocks.div_ceil(RUN) as usize;
    let bit = |index: usize| index >= runs * 15 || !index.is_multiple_of(15);
    let data: Vec<u8> = (0..(runs * 15).div_ceil(8))
        .map(|byte| {
            (0..8).fold(0, |value, index| {
                value << 1 | u8::from(bit(byte * 8 + index))
            })
        })
        .flat_map(|byte| [byte, 0].into_iter().take(if byte == 0xff { 2 } else { 1 }))
        .collect();
    let scans = ids.iter().cycle().take(scans);
    [
        vec![0xff, 0xd8],
        segment(0xdb, &[&[0], &[1; 64][..]].concat()),
        segment(0xc2, &frame),
        segment(0xc4, &codes(0x00, 0)),
        segment(0xc4, &codes(0x10, 0xe0)),
        scan(&ids, [0, 0], 0, &first),
        scans
            .flat_map(|&id| scan(&[id], [1, 63], bits, &data))
            .collect(),
        vec![0xff, 0xd9],
    ]
    .concat()
}

#[test]
fn half_a_million_segments_are_passed_over() {
    let plain = plain();
    let mut xmp = b"http://ns.adobe.com/xmp/extension/\0".to_vec();
    xmp.extend([b'A'; 32]);
    xmp.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let segments = [
        segment(0xe1, &xmp).repeat(14_000),
        segment(0xfe, &[]).repeat(450_000),
    ];

    let upload = [&plain[..2], &segments.concat(), &plain[2..]].concat();

    assert_converted(&upload, SMALL, Ok(()));
}

#[test]
fn tables_that_replace_each_other_are_read() {
    let plain = plain();
    let huffman = [&[0], &ONE_CODE[..], &[0]].concat().repeat(3_000);
    let quantization = [&[0], &[1; 64][..]].concat().repeat(1_000);
    for (marker, tables) in [(0xc4, huffman), (0xdb, quantization)] {
        let tables = segment(marker, &tables);
        let count = (MAX_BYTES - plain.len()) / tables.len();

        let upload = [&plain[..2], &tables.repeat(count), &plain[2..]].concat();

        assert_converted(&upload, SMALL, Ok(()));
    }
}

#[test]
fn scans_go_through_24_million_blocks_and_no_more() {
    // 781,312 blocks in each, and what a scan costs besides.
    assert_converted(&progressive(SIDES, 1, 29, 0x00), LARGE, Ok(()));
    assert_converted(
        &progressive(SIDES, 1, 30, 0x00),
        SMALL,
        Err(AvatarError::NotAnImage),
    );
    assert_converted(&progressive((8, 8), 1, 23_975, 0x00), SMALL, Ok(()));
    assert_converted(
        &progressive((8, 8), 1, 23_976, 0x00),
        SMALL,
        Err(AvatarError::NotAnImage),
    );
}

#[test]
fn four_colors_of_50_megapixels_in_many_scans_are_converted() {
    // Scans that refine take longer than the others, and what they refine does not matter.
    assert_converted(&progressive(SIDES, 4, 26, 0x10), LARGE, Ok(()));
}
