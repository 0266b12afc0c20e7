//! libjpeg-turbo.

use std::{ffi::c_int, panic, ptr};

use image::DynamicImage;
use mozjpeg::{Decompress, Format};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

use crate::image_of;

/// Decodes a JPEG at a scale in eighths. `None` if it is broken, or if it `is_strict` and the
/// decoder warns.
pub(super) fn decode(jpeg: &[u8], eighths: u8, is_strict: bool) -> Option<DynamicImage> {
    // libjpeg's error handler must not return, so it unwinds.
    panic::catch_unwind(|| unwinding(jpeg, eighths, is_strict)).ok()?
}

fn unwinding(jpeg: &[u8], eighths: u8, is_strict: bool) -> Option<DynamicImage> {
    let mut decoder = Decompress::builder()
        .with_err(messages(is_strict))
        .from_mem(jpeg)
        .ok()?;
    decoder.scale(eighths);
    let (mut started, channels) = match decoder.image().ok()? {
        Format::Gray(started) => (started, 1),
        Format::RGB(started) => (started, 3),
        Format::CMYK(started) => (started, 4),
    };
    let (width, height) = (
        started.width().try_into().ok()?,
        started.height().try_into().ok()?,
    );
    let pixels: Vec<u8> = started.read_scanlines().ok()?;
    match channels {
        4 => image_of((width, height), 3, without_inks(&pixels)),
        _ => image_of((width, height), channels, pixels),
    }
}

/// Converts pixels of cyan, magenta, yellow and black to red, green and blue. As in all programs, 0
/// means all of an ink, and 255 none.
fn without_inks(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks();
    pixels
        .iter()
        .flat_map(|&[cyan, magenta, yellow, black]| {
            [cyan, magenta, yellow].map(|ink| (u16::from(ink) * u16::from(black) / 255) as u8)
        })
        .collect()
}

/// Returns the handlers of libjpeg's errors and warnings.
fn messages(is_strict: bool) -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(give_up),
        emit_message: Some(if is_strict {
            give_up_at_a_warning
        } else {
            ignore_message
        }),
        output_message: Some(ignore),
        format_message: Some(format_nothing),
        reset_error_mgr: Some(ignore),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

/// Unwinds without a message: a broken upload is not an event for the log.
extern "C-unwind" fn give_up(_: &mut jpeg_common_struct) {
    panic::resume_unwind(Box::new(()));
}

extern "C-unwind" fn give_up_at_a_warning(decoder: &mut jpeg_common_struct, level: c_int) {
    if level < 0 {
        give_up(decoder);
    }
}

extern "C-unwind" fn ignore_message(_: &mut jpeg_common_struct, _level: c_int) {}

extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}

extern "C-unwind" fn format_nothing(_: &mut jpeg_common_struct, _buffer: &[u8; 80]) {}
