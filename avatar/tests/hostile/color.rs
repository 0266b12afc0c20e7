use ::png::{ColorType, Encoder, Info};

use crate::{SMALL, assert_converted};

/// A tag: its name, its offset and its length.
type Tag = (&'static [u8; 4], usize, usize);

/// A PNG with a color profile for RGB with these tags, whose data are behind them.
fn png_with_profile(tags: &[Tag], data: &[u8]) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[8] = 4;
    profile[12..24].copy_from_slice(b"mntrRGB XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend((tags.len() as u32).to_be_bytes());
    let start = profile.len() + 12 * tags.len();
    for &(name, offset, length) in tags {
        profile.extend(name);
        profile.extend(((start + offset) as u32).to_be_bytes());
        profile.extend((length as u32).to_be_bytes());
    }
    profile.extend(data);
    let mut info = Info::with_size(8, 8);
    (info.color_type, info.icc_profile) = (ColorType::Rgb, Some(profile.into()));
    let mut png = Vec::new();
    let encoder = Encoder::with_info(&mut png, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[90; 8 * 8 * 3]).unwrap();
    drop(writer);
    png
}

#[test]
fn a_text_in_countless_translations_that_share_a_megabyte_is_not_read() {
    const TRANSLATIONS: u32 = 100_000;
    let mut text = b"mluc\0\0\0\0".to_vec();
    text.extend(TRANSLATIONS.to_be_bytes());
    text.extend([0, 0, 0, 12]);
    for _ in 0..TRANSLATIONS {
        text.extend(b"enUS");
        text.extend(1_000_000_u32.to_be_bytes());
        text.extend(28_u32.to_be_bytes());
    }

    let upload = png_with_profile(&[(b"desc", 0, text.len())], &text);

    assert_converted(&upload, SMALL, Ok(()));
}

#[test]
fn of_countless_tags_that_share_a_table_one_is_read() {
    // A table for 33 levels of each of three channels, between curves of 256 (ICC.1:2022, 10.10).
    let mut table = b"mft2\0\0\0\0\x03\x03\x21\0".to_vec();
    for number in [65_536_u32, 0, 0, 0, 65_536, 0, 0, 0, 65_536] {
        table.extend(number.to_be_bytes());
    }
    table.extend([1, 0, 1, 0]);
    table.extend(vec![90; 2 * 3 * (256 + 33 * 33 * 33 + 256)]);

    let upload = png_with_profile(&vec![(b"A2B0", 0, table.len()); 100_000], &table);

    assert_converted(&upload, SMALL, Ok(()));
}
