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

/// The parts of a file that make an avatar.
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
        // The length counts from the format's name on, which is the last 4 bytes of the head.
        let chunks = &chunks[..length.saturating_sub(4).min(chunks.len())];
        let find = |name| Chunks(chunks).find(|chunk| chunk.name == name);
        let data = |name| find(name).map(|chunk| chunk.data);
        let (mut canvas, mut place, mut frame) = (None, (0, 0), chunks);
        if let Some(header) = data(b"VP8X") {
            let &[_, _, _, _, width @ .., a, b, c] = header.first_chunk::<10>()?;
            canvas = Some((number(width) + 1, number([a, b, c]) + 1));
        }
        // The frame holds chunks like those of a still image, behind a header (section 2.7.1.1).
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
    // The chunk was read from an upload, so its length fits 32 bits.
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

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut chunk = Vec::new();
        push(&mut chunk, name, data);
        chunk
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"RIFF", &[&b"WEBP"[..], &chunks.concat()].concat())
    }

    /// The chunk of a lossless image of one color.
    fn lossless(width: u32, height: u32, color: [u8; 4]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(width, height, Rgba(color))
            .write_to(&mut bytes, ImageFormat::WebP)
            .unwrap();
        bytes.into_inner()[12..].to_vec()
    }

    /// The header of a file of several chunks, for so many pixels.
    fn canvas(flags: u8, width: u8, height: u8) -> Vec<u8> {
        chunk(
            b"VP8X",
            &[flags, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0],
        )
    }

    /// A frame at (2, 4).
    fn animation(width: u8, height: u8) -> Vec<u8> {
        let place = [
            1,
            0,
            0,
            2,
            0,
            0,
            width - 1,
            0,
            0,
            height - 1,
            0,
            0,
            100,
            0,
            0,
            0,
        ];
        let image = lossless(width.into(), height.into(), [10, 20, 30, 255]);
        file(&[
            canvas(0x02, 20, 10),
            chunk(b"ANIM", &[0; 6]),
            chunk(b"ANMF", &[&place[..], &image].concat()),
            chunk(b"ANMF", &[0; 16]),
        ])
    }

    #[test]
    fn a_frame_is_at_its_place_on_the_canvas() {
        let source = read(&animation(18, 6)).unwrap();

        let expected = RgbaImage::from_fn(20, 10, |x, y| {
            if x >= 2 && y >= 4 {
                Rgba([10, 20, 30, 255])
            } else {
                Rgba([0; 4])
            }
        });
        assert_eq!((source.size, source.image), ((20, 10), expected.into()));
    }

    #[test]
    fn a_frame_beyond_the_canvas_is_refused() {
        for (width, height) in [(19, 6), (18, 7)] {
            let refused = read(&animation(width, height)).err();

            assert_eq!(refused, Some(AvatarError::NotAnImage), "{width}x{height}");
        }
    }

    #[test]
    fn an_alpha_channel_counts_whatever_the_flags_say() {
        let opaque = ::webp::Encoder::from_rgb(&[90; 4 * 3], 2, 2).encode(80.0);
        let alpha = chunk(b"ALPH", &[0, 0, 50, 100, 255]);

        for flags in [0, 0x10] {
            let upload = file(&[canvas(flags, 2, 2), alpha.clone(), opaque[12..].to_vec()]);

            let image = read(&upload).unwrap().image.into_rgba8();

            let alpha: Vec<u8> = image.pixels().map(|pixel| pixel.0[3]).collect();
            assert_eq!(alpha, [0, 50, 100, 255]);
        }
        let without_alpha = file(&[canvas(0x10, 2, 2), opaque[12..].to_vec()]);
        assert!(!read(&without_alpha).unwrap().image.color().has_alpha());
    }

    #[test]
    fn what_is_behind_the_length_of_a_file_is_not_looked_at() {
        let image = lossless(2, 2, [10, 20, 30, 255]);
        let upload = [file(&[canvas(0, 2, 2), image]), chunk(b"ICCP", b"profile")].concat();

        assert_eq!(read(&upload).unwrap().profile, None);
    }
}
