//! GIF, version 89a. Of an animation, the first frame.

use ::gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};
use image::{DynamicImage, RgbaImage, imageops, metadata::Orientation};

use crate::{AvatarError, MAX_PIXELS, Source, check_size};

/// Bytes of a pixel.
const CHANNELS: u64 = 4;

/// Reads an upload that begins like a GIF.
pub(crate) fn read(upload: &[u8]) -> Result<Source, AvatarError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    if let Ok(bytes) = (MAX_PIXELS * CHANNELS).try_into() {
        options.set_memory_limit(MemoryLimit::Bytes(bytes));
    }
    let mut decoder = options
        .read_info(upload)
        .map_err(|_| AvatarError::NotAnImage)?;
    let size = (decoder.width().into(), decoder.height().into());
    check_size(size)?;
    let frame = decoder
        .next_frame_info()
        .map_err(|_| AvatarError::NotAnImage)?
        .ok_or(AvatarError::NotAnImage)?;
    let place = (frame.left.into(), frame.top.into());
    let frame_size = (frame.width.into(), frame.height.into());
    check_size(frame_size)?;
    let frame = decode(&mut decoder, frame_size).ok_or(AvatarError::NotAnImage)?;
    Ok(Source {
        image: on_canvas(frame, place, size),
        size,
        orientation: Orientation::NoTransforms,
        profile: decoder.icc_profile().map(Into::into),
    })
}

fn decode(decoder: &mut Decoder<&[u8]>, (width, height): (u32, u32)) -> Option<RgbaImage> {
    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels).ok()?;
    RgbaImage::from_raw(width, height, pixels)
}

/// Returns `frame` at its place on a transparent canvas of that `size`, which cuts off what lies
/// outside.
pub(crate) fn on_canvas(
    frame: RgbaImage,
    (left, top): (u32, u32),
    size: (u32, u32),
) -> DynamicImage {
    if (left, top) == (0, 0) && frame.dimensions() == size {
        return frame.into();
    }
    let mut canvas = RgbaImage::new(size.0, size.1);
    imageops::replace(&mut canvas, &frame, left.into(), top.into());
    canvas.into()
}
