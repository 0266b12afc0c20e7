//! JPEG (ITU-T T.81).
//!
//! libjpeg-turbo decodes it, as browsers do, at the smallest scale that is enough for an avatar. It is
//! given a file that holds nothing but what it needs: no metadata, no second image, no marker of
//! another process, and no more scans than can be decoded in time.

mod frame;
mod segments;

use std::{
    ffi::c_int,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use image::DynamicImage;
use mozjpeg::{Decompress, Format};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

use self::{
    frame::{Frame, Scan},
    segments::{Segment, Segments, marker},
};
use crate::{AvatarError, Source, check_size, exif, image_of};

/// Least of the longer side at which an image is decoded, for an avatar to be about as sharp as from
/// all its pixels.
const SCALED_SIDE: u32 = 768;

/// Most blocks of 8 × 8 samples that all scans go through, because a few bytes make a scan that goes
/// through the whole image. A progressive image of four components and 50 megapixels has 3.1 million
/// blocks; the ten scans of libjpeg's script go through each about six times.
const MAX_BLOCKS: u64 = 24_000_000;

/// What the tables and buffers of a scan cost, in blocks.
const BLOCKS_OF_A_SCAN: u64 = 1_000;

/// Reads an upload that begins like a JPEG.
pub(crate) fn read(upload: &[u8]) -> Result<Source, AvatarError> {
    let jpeg = Jpeg::parse(upload)?;
    Ok(Source {
        image: jpeg.decode().ok_or(AvatarError::NotAnImage)?,
        size: jpeg.size,
        orientation: exif::orientation(jpeg.exif.unwrap_or_default()),
        profile: jpeg.profile(),
    })
}

/// What of an upload is needed.
struct Jpeg<'a> {
    size: (u32, u32),
    /// A JPEG of the same pixels, for the decoder.
    stream: Vec<u8>,
    /// Whether a warning of the decoder means that pixels are missing or wrong.
    is_strict: bool,
    exif: Option<&'a [u8]>,
    /// The parts of the color profile, each with its number and their count before it.
    profile: Vec<&'a [u8]>,
}

impl<'a> Jpeg<'a> {
    fn parse(upload: &'a [u8]) -> Result<Self, AvatarError> {
        let mut stream = vec![0xff, marker::START_OF_IMAGE];
        let (mut exif, mut profile) = (None, Vec::new());
        let mut colors = Colors::default();
        let mut frame: Option<Frame> = None;
        let (mut scans, mut blocks) = (0, 0);
        let mut has_end = false;
        for segment in Segments::of(upload) {
            match segment.marker {
                marker::END_OF_IMAGE => {
                    has_end = true;
                    break;
                }
                marker::START_OF_SCAN => {
                    let frame = frame.as_mut().ok_or(AvatarError::NotAnImage)?;
                    let scan = Scan::parse(&segment).ok_or(AvatarError::NotAnImage)?;
                    blocks += frame.read(&scan).ok_or(AvatarError::NotAnImage)? + BLOCKS_OF_A_SCAN;
                    if blocks > MAX_BLOCKS {
                        return Err(AvatarError::NotAnImage);
                    }
                    if scans == 0 {
                        colors.push_to(&mut stream);
                    }
                    push_scan(&mut stream, &segment, frame);
                    scans += 1;
                    // The decoder stops here, too: what follows is no part of the image.
                    if !frame.is_progressive
                        && scans == 1
                        && scan.components.len() == frame.components()
                    {
                        break;
                    }
                }
                marker::HUFFMAN_TABLES | marker::QUANTIZATION_TABLES | marker::RESTART_INTERVAL => {
                    push(&mut stream, segment.marker, segment.parameters);
                }
                marker::ARITHMETIC_CONDITIONING => {}
                0xc0..=0xcf => {
                    let new = Frame::parse(&segment)
                        .filter(|_| marker::SUPPORTED_FRAMES.contains(&segment.marker))
                        .filter(|_| frame.is_none())
                        .ok_or(AvatarError::NotAnImage)?;
                    check_size(new.size)?;
                    push(&mut stream, segment.marker, segment.parameters);
                    frame = Some(new);
                }
                marker::APP1 if exif.is_none() && exif::is_exif(segment.parameters) => {
                    exif = Some(segment.parameters);
                }
                marker::APP2 => profile.extend(segment.parameters.strip_prefix(b"ICC_PROFILE\0")),
                _ => colors.read(&segment),
            }
        }
        let frame = frame.filter(|_| scans > 0).ok_or(AvatarError::NotAnImage)?;
        // A file that is cut between two scans is whole to the decoder.
        if !has_end && frame.is_progressive && !frame.is_complete() {
            return Err(AvatarError::NotAnImage);
        }
        stream.extend([0xff, marker::END_OF_IMAGE]);
        Ok(Self {
            size: frame.size,
            stream,
            // Between several scans there may be bytes that no scan needs, of which the decoder
            // warns, too.
            is_strict: scans == 1 || !has_end,
            exif,
            profile,
        })
    }

    /// Decodes the pixels. `None` if they are broken, or some are missing.
    fn decode(&self) -> Option<DynamicImage> {
        let decode = || decode(&self.stream, scale(self.size), self.is_strict);
        // libjpeg has no other way than to unwind when it gives up.
        panic::catch_unwind(AssertUnwindSafe(decode)).ok()?
    }

    /// Joins the parts of the color profile (ICC.1:2022, section B.4). `None` if one is missing or too
    /// many.
    fn profile(&self) -> Option<Vec<u8>> {
        let mut parts = self
            .profile
            .iter()
            .map(|part| part.split_first_chunk())
            .collect::<Option<Vec<(&[u8; 2], &[u8])>>>()?;
        parts.sort_unstable_by_key(|&(&[number, _], _)| number);
        let count = u8::try_from(parts.len()).ok().filter(|&count| count > 0)?;
        let is_whole = (1..=count)
            .zip(&parts)
            .all(|(number, &(part, _))| *part == [number, count]);
        is_whole.then(|| parts.iter().flat_map(|(_, data)| *data).copied().collect())
    }
}

/// What tells the decoder which colors the components are.
#[derive(Default)]
struct Colors {
    has_jfif: bool,
    adobe_transform: Option<u8>,
}

impl Colors {
    fn read(&mut self, segment: &Segment) {
        match (segment.marker, segment.parameters) {
            (marker::APP0, [b'J', b'F', b'I', b'F', 0, rest @ ..]) if rest.len() >= 9 => {
                self.has_jfif = true;
            }
            (
                marker::APP14,
                [
                    b'A',
                    b'd',
                    b'o',
                    b'b',
                    b'e',
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    transform,
                    ..,
                ],
            ) => {
                self.adobe_transform = Some(*transform);
            }
            _ => {}
        }
    }

    fn push_to(&self, stream: &mut Vec<u8>) {
        if self.has_jfif {
            push(stream, marker::APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        }
        if let Some(transform) = self.adobe_transform {
            let mut parameters = *b"Adobe\0\x64\0\0\0\0\0";
            parameters[11] = transform;
            push(stream, marker::APP14, &parameters);
        }
    }
}

/// Appends a segment.
fn push(stream: &mut Vec<u8>, marker: u8, parameters: &[u8]) {
    // It came out of a segment, whose length is a number of 16 bits as well.
    let [.., high, low] = (parameters.len() + 2).to_be_bytes();
    stream.extend([0xff, marker, high, low]);
    stream.extend(parameters);
}

/// Appends a scan.
fn push_scan(stream: &mut Vec<u8>, segment: &Segment, frame: &Frame) {
    push(stream, segment.marker, segment.parameters);
    if !frame.is_progressive {
        // The one possible selection of coefficients, of whose absence in a file the decoder warns.
        let length = stream.len();
        stream[length - 3..].copy_from_slice(&[0, 63, 0]);
    }
    stream.extend(segment.data);
}

/// Returns the smallest scale, in eighths, that leaves [`SCALED_SIDE`].
fn scale((width, height): (u32, u32)) -> u8 {
    [1, 2, 4]
        .into_iter()
        .find(|&eighths| width.max(height) * u32::from(eighths) >= 8 * SCALED_SIDE)
        .unwrap_or(8)
}

/// Decodes a JPEG.
///
/// # Panics
///
/// If it is broken.
fn decode(jpeg: &[u8], eighths: u8, is_strict: bool) -> Option<DynamicImage> {
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

/// Converts pixels of cyan, magenta, yellow and black to red, green and blue. As in all programs, 255
/// is no ink, and 0 is all.
fn without_inks(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks();
    pixels
        .iter()
        .flat_map(|&[cyan, magenta, yellow, black]| {
            [cyan, magenta, yellow].map(|ink| (u16::from(ink) * u16::from(black) / 255) as u8)
        })
        .collect()
}

/// Returns what libjpeg calls when something is wrong.
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
