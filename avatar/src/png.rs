//! PNG (ISO/IEC 15948). Of an animation, the image for programs that know no animations.
//!
//! The decoder is given the chunks of the image alone.

use std::io::Cursor;

use ::png::{Decoder, Limits, Reader, Transformations};
use image::DynamicImage;

use crate::{AvatarError, Source, check_size, exif, image_of};

/// The first bytes of a file.
pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Maximum memory that the decoder takes beside the pixels, in bytes: a chunk, a row, and the color
/// profile, which is compressed and may expand a thousandfold (a decompression bomb).
const MAX_EXTRA_BYTES: usize = 12 << 20;

/// Reads an upload that begins like a PNG.
pub(crate) fn read(upload: &[u8]) -> Result<Source, AvatarError> {
    let (file, exif) = needed(upload);
    let limits = Limits {
        bytes: MAX_EXTRA_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    // An avatar has eight bits a channel; sixteen would take twice the memory.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let size = decoder
        .read_header_info()
        .map_err(|_| AvatarError::NotAnImage)?
        .size();
    check_size(size)?;
    let mut reader = decoder.read_info().map_err(|_| AvatarError::NotAnImage)?;
    Ok(Source {
        image: decode(&mut reader, size).ok_or(AvatarError::NotAnImage)?,
        size,
        orientation: exif::orientation(exif.unwrap_or_default()),
        profile: reader.info().icc_profile.as_deref().map(Into::into),
    })
}

fn decode(reader: &mut Reader<Cursor<Vec<u8>>>, size: (u32, u32)) -> Option<DynamicImage> {
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let (color, _) = reader.output_color_type();
    reader.next_frame(&mut pixels).ok()?;
    image_of(size, color.samples(), pixels)
}

/// Returns a PNG that is reduced to what the pixels need, and the first Exif metadata.
fn needed(upload: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let mut file = SIGNATURE.to_vec();
    let mut exif = None;
    let mut rest = &upload[SIGNATURE.len()..];
    // A chunk is a length, a name, the data and their checksum (section 5.3).
    while let Some((&[a, b, c, d, name @ ..], after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        // A chunk that is cut may still hold all pixels.
        let (data, _) = after.split_at(length.min(after.len()));
        let (chunk, next) = rest.split_at((length + 12).min(rest.len()));
        match &name {
            b"IHDR" | b"PLTE" | b"tRNS" | b"iCCP" | b"IDAT" => file.extend(chunk),
            b"eXIf" if exif.is_none() => exif = Some(data),
            b"IEND" => {
                file.extend(chunk);
                break;
            }
            _ => {}
        }
        rest = next;
    }
    (file, exif)
}
