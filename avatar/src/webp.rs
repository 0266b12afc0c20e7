//! WebP (RFC 9649). Of an animation, the first frame.
//!
//! The decoder is given a file of that frame alone.

mod lossless;

use std::io::Cursor;

use image::DynamicImage;
use image_webp::WebPDecoder;

use crate::{AvatarError, Source, check_size, exif, gif::on_canvas, image_of};

/// Reads an upload that begins like a WebP.
pub(crate) fn read(upload: &[u8]) -> Result<Source, AvatarError> {
    let file = File::parse(upload).ok_or(AvatarError::NotAnImage)?;
    let size = file.canvas.unwrap_or(file.frame.size);
    // The frame's own header counts, whatever its container says.
    check_size(size)?;
    check_size(file.frame.size)?;
    Ok(Source {
        image: file.decode(size).ok_or(AvatarError::NotAnImage)?,
        size,
        orientation: exif::orientation(file.exif.unwrap_or_default()),
        profile: file.profile.map(Into::into),
    })
}

/// What of a file is needed.
struct File<'a> {
    canvas: Option<(u32, u32)>,
    /// Where on the canvas the frame is.
    place: (u32, u32),
    frame: Frame<'a>,
    exif: Option<&'a [u8]>,
    profile: Option<&'a [u8]>,
}

struct Frame<'a> {
    size: (u32, u32),
    pixels: Pixels<'a>,
}

/// The compressed pixels of a frame.
enum Pixels<'a> {
    Lossy {
        vp8: &'a [u8],
        alpha: Option<&'a [u8]>,
    },
    Lossless(&'a [u8]),
}

impl<'a> File<'a> {
    fn parse(upload: &'a [u8]) -> Option<Self> {
        let (head, chunks) = upload.split_first_chunk::<12>()?;
        let length = u32::from_le_bytes(*head[4..].first_chunk()?) as usize;
        // The length counts from the format's name on, which is 4 bytes of the head.
        let chunks = &chunks[..length.saturating_sub(4).min(chunks.len())];
        let find = |name| Chunks(chunks).find(|chunk| chunk.name == name);
        let data = |name| find(name).map(|chunk| chunk.data);
        let (mut canvas, mut place, mut frame) = (None, (0, 0), chunks);
        if let Some(header) = data(b"VP8X") {
            let &[_, _, _, _, width @ .., a, b, c] = header.first_chunk::<10>()?;
            canvas = Some((number(width) + 1, number([a, b, c]) + 1));
        }
        // Chunk by chunk, as in a file of its own, behind a header (section 2.7.1.1).
        if let Some((&[a, b, c, d, e, f], rest)) =
            data(b"ANMF").and_then(|frame| frame.split_first_chunk())
        {
            place = (2 * number([a, b, c]), 2 * number([d, e, f]));
            frame = rest.get(10..)?;
        }
        let frame = Frame::parse(frame)?;
        let is_inside = canvas.is_none_or(|(width, height)| {
            place.0 + frame.size.0 <= width && place.1 + frame.size.1 <= height
        });
        is_inside.then_some(Self {
            canvas,
            place,
            frame,
            exif: data(b"EXIF"),
            profile: data(b"ICCP"),
        })
    }

    fn decode(&self, size: (u32, u32)) -> Option<DynamicImage> {
        let frame = self.frame.decode()?;
        if size == self.frame.size {
            return Some(frame);
        }
        Some(on_canvas(frame.into_rgba8(), self.place, size))
    }
}

impl<'a> Frame<'a> {
    /// Finds the pixels among `chunks`.
    fn parse(chunks: &'a [u8]) -> Option<Self> {
        let mut alpha = None;
        for Chunk { name, data } in Chunks(chunks) {
            match name {
                b"ALPH" => alpha = alpha.or(Some(data)),
                b"VP8 " => {
                    // The header of a key frame (RFC 6386, section 9.1).
                    let &[_, _, _, 0x9d, 0x01, 0x2a, width, w, height, h] = data.first_chunk()?
                    else {
                        return None;
                    };
                    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
                    return Some(Self {
                        size: (side([width, w]), side([height, h])),
                        pixels: Pixels::Lossy { vp8: data, alpha },
                    });
                }
                b"VP8L" => {
                    return Some(Self {
                        size: lossless::size(data)?,
                        pixels: Pixels::Lossless(data),
                    });
                }
                _ => {}
            }
        }
        None
    }

    fn decode(&self) -> Option<DynamicImage> {
        let compressed = match self.pixels {
            Pixels::Lossless(vp8l) => vp8l.get(lossless::HEADER..),
            Pixels::Lossy { alpha, .. } => alpha.and_then(lossless::compressed_alpha),
        };
        if let Some(compressed) = compressed
            && !lossless::has_few_groups(compressed, self.size)?
        {
            return None;
        }
        let mut decoder = WebPDecoder::new(Cursor::new(self.to_file())).ok()?;
        let mut pixels = vec![0; decoder.output_buffer_size()?];
        decoder.read_image(&mut pixels).ok()?;
        let channels = if decoder.has_alpha() { 4 } else { 3 };
        image_of(self.size, channels, pixels)
    }

    /// Returns a WebP file of this frame.
    fn to_file(&self) -> Vec<u8> {
        let mut chunks = b"WEBP".to_vec();
        match self.pixels {
            Pixels::Lossless(vp8l) => push(&mut chunks, b"VP8L", vp8l),
            Pixels::Lossy { vp8, alpha: None } => push(&mut chunks, b"VP8 ", vp8),
            Pixels::Lossy {
                vp8,
                alpha: Some(alpha),
            } => {
                const HAS_ALPHA: u8 = 0x10;
                let [width, w, ww, _] = (self.size.0 - 1).to_le_bytes();
                let [height, h, hh, _] = (self.size.1 - 1).to_le_bytes();
                push(
                    &mut chunks,
                    b"VP8X",
                    &[HAS_ALPHA, 0, 0, 0, width, w, ww, height, h, hh],
                );
                push(&mut chunks, b"ALPH", alpha);
                push(&mut chunks, b"VP8 ", vp8);
            }
        }
        let mut file = Vec::new();
        push(&mut file, b"RIFF", &chunks);
        file
    }
}

/// A chunk of a RIFF file (section 2.3).
struct Chunk<'a> {
    name: &'a [u8; 4],
    data: &'a [u8],
}

/// Iterates over chunks, up to one that is cut.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let (name, rest) = self.0.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (data, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        // Padded to an even length.
        self.0 = rest.get(data.len() % 2..).unwrap_or_default();
        Some(Chunk { name, data })
    }
}

/// Appends a chunk.
fn push(chunks: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    // It came out of an upload, which has far fewer bytes than this number can count.
    let length = data.len() as u32;
    chunks.extend(name);
    chunks.extend(length.to_le_bytes());
    chunks.extend(data);
    chunks.extend(&[0][..data.len() % 2]);
}

/// Returns a number of 24 bits.
fn number([low, middle, high]: [u8; 3]) -> u32 {
    u32::from_le_bytes([low, middle, high, 0])
}
