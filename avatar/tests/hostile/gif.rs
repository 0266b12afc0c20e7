use std::borrow::Cow;

use ::gif::{Encoder, Frame};
use avatar::AvatarError;

use crate::{LARGE, MAX_BYTES, SIDES, SMALL, assert_converted};

const PALETTE: &[u8] = &[0, 0, 0, 255, 255, 255];

/// A GIF of one black frame of that size and place.
fn gif(screen: (u16, u16), left: u16, size: (u16, u16)) -> Vec<u8> {
    let mut gif = Vec::new();
    let mut encoder = Encoder::new(&mut gif, screen.0, screen.1, PALETTE).unwrap();
    let frame = Frame {
        left,
        width: size.0,
        height: size.1,
        buffer: Cow::Owned(vec![0; usize::from(size.0) * usize::from(size.1)]),
        ..Default::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    gif
}

#[test]
fn a_frame_that_is_larger_than_its_screen_is_held_against_the_limits() {
    let mut upload = gif((1, 1), 0, (1, 1));
    assert_converted(&upload, SMALL, Ok(()));
    // Its width and height, behind a byte and a place (section 20); before it are the header, the
    // colors, and an extension of 8 bytes.
    let frame = 13 + PALETTE.len() + 8;
    assert_eq!(upload[frame], b',');

    upload[frame + 5..frame + 9].fill(0xff);

    assert_converted(&upload, SMALL, Err(AvatarError::TooManyPixels));
}

#[test]
fn a_frame_beside_its_screen_takes_twice_the_memory() {
    let sides = (SIDES.0 as u16, SIDES.1 as u16);

    assert_converted(&gif(sides, 1, sides), LARGE, Ok(()));
}

#[test]
fn extensions_are_passed_over() {
    let gif = gif((8, 8), 0, (8, 8));
    let (head, frame) = gif.split_at(13 + PALETTE.len());
    let room = MAX_BYTES - gif.len() - 20;
    for extension in [
        b"\x21\xfe\x01a\0".repeat(room / 5),
        [
            b"\x21\xff\x0bXMP DataXMP",
            &b"\x01a".repeat(room / 2)[..],
            &[0],
        ]
        .concat(),
        [
            b"\x21\xff\x0bICCRGBG1012",
            &b"\x01a".repeat(room / 2)[..],
            &[0],
        ]
        .concat(),
    ] {
        assert_converted(&[head, &extension, frame].concat(), SMALL, Ok(()));
    }
}
