//! JPEG (ITU-T T.81).
//!
//! libjpeg-turbo decodes it, as browsers do, at the smallest scale that is enough for an avatar.
//! The decoder gets a copy of the file that is reduced to what it needs: no metadata, no second
//! image, no marker of another process, and no more scans than can be decoded in time.

mod decode;
mod frame;
mod segments;

use image::DynamicImage;

use self::{
    frame::{Frame, Scan},
    segments::{Segment, Segments, marker},
};
use crate::{AvatarError, Source, check_size, exif};

/// Minimum length of the longer side after decoding. With more pixels, an avatar would not become
/// visibly sharper.
const SCALED_SIDE: u32 = 768;

/// Maximum number of blocks of 8 × 8 samples in all scans together, because a scan of a few bytes
/// may go through the whole image (a decompression bomb). A progressive image of four components
/// and 50 megapixels has 3.1 million blocks; the ten scans of libjpeg's script go through each
/// about six times.
const MAX_BLOCKS: u64 = 24_000_000;

/// The cost of a scan's tables and buffers, in blocks.
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

/// The parts of an upload that make an avatar.
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
                        colors.push_to(&mut stream, frame.components());
                    }
                    push_scan(&mut stream, &segment, frame);
                    scans += 1;
                    // The decoder stops here, too: the image ends with this scan.
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
        // A file that is cut between two scans looks complete to the decoder.
        if !has_end && frame.is_progressive && !frame.is_complete() {
            return Err(AvatarError::NotAnImage);
        }
        stream.extend([0xff, marker::END_OF_IMAGE]);
        Ok(Self {
            size: frame.size,
            stream,
            // The decoder also warns of bytes between scans, which no scan needs.
            is_strict: scans == 1 || !has_end,
            exif,
            profile,
        })
    }

    /// Decodes the pixels. `None` if they are broken, or some are missing.
    fn decode(&self) -> Option<DynamicImage> {
        decode::decode(&self.stream, scale(self.size), self.is_strict)
    }

    /// Joins the parts of the color profile (ICC.1:2022, section B.4). `None` if one is missing or
    /// superfluous.
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

/// The markers that tell the decoder which colors the components are.
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

    fn push_to(&self, stream: &mut Vec<u8>, components: usize) {
        if self.has_jfif {
            push(stream, marker::APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        }
        if let Some(transform) = self.adobe_transform {
            let mut parameters = *b"Adobe\0\x64\0\0\0\0\0";
            // For an undefined number, the decoder assumes the usual one and warns.
            parameters[11] = match (transform, components) {
                (0, _) => 0,
                (_, 4) => 2,
                _ => 1,
            };
            push(stream, marker::APP14, &parameters);
        }
    }
}

/// Appends a segment.
fn push(stream: &mut Vec<u8>, marker: u8, parameters: &[u8]) {
    // The parameters were read from a segment, so their length fits 16 bits.
    let [.., high, low] = (parameters.len() + 2).to_be_bytes();
    stream.extend([0xff, marker, high, low]);
    stream.extend(parameters);
}

/// Appends a scan.
fn push_scan(stream: &mut Vec<u8>, segment: &Segment, frame: &Frame) {
    push(stream, segment.marker, segment.parameters);
    if !frame.is_progressive {
        // The only valid selection of coefficients. Some files lack it, and the decoder would warn.
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::ImageFormat;

    use super::*;

    fn plain() -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let image = DynamicImage::new_rgb8(24, 17);
        image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    fn segment(marker: u8, parameters: &[u8]) -> Vec<u8> {
        let mut segment = Vec::new();
        push(&mut segment, marker, parameters);
        segment
    }

    /// `jpeg` with `bytes` behind its first two.
    fn with(jpeg: &[u8], bytes: &[u8]) -> Vec<u8> {
        [&jpeg[..2], bytes, &jpeg[2..]].concat()
    }

    #[test]
    fn the_decoder_sees_no_metadata() {
        let plain = plain();
        let expected = Jpeg::parse(&plain).unwrap().stream;
        for bytes in [
            segment(marker::APP1, b"Exif\0\0II*\0").repeat(1_000),
            segment(marker::APP1, b"http://ns.adobe.com/xmp/extension/\0").repeat(1_000),
            segment(marker::APP2, b"ICC_PROFILE\0\x01\x01profile").repeat(1_000),
            segment(marker::COMMENT, b"").repeat(1_000),
            vec![0xff; 1_000],
            vec![0; 1_000],
            b"\xff\x00\xff\x02\xff\xd0\xff\xd8".repeat(1_000),
        ] {
            let upload = with(&plain, &bytes);

            let jpeg = Jpeg::parse(&upload).unwrap();

            assert_eq!(jpeg.stream, expected, "{:?}", &bytes[..4]);
        }
    }

    #[test]
    fn what_follows_the_image_is_not_looked_at() {
        let plain = plain();
        let expected = Jpeg::parse(&plain).unwrap().stream;

        let upload = [&plain, &plain[2..], b"\xff\xda<script>"].concat();

        assert_eq!(Jpeg::parse(&upload).unwrap().stream, expected);
    }

    #[test]
    fn what_no_browser_shows_is_refused() {
        let plain = plain();
        let frame = plain.windows(2).position(|pair| pair == [0xff, 0xc0]);
        let frame = frame.unwrap();
        let changed = |at: usize, byte: u8| {
            let mut jpeg = plain.clone();
            jpeg[frame + at] = byte;
            jpeg
        };
        for (case, upload) in [
            ("lossless", changed(1, 0xc3)),
            ("arithmetic coding", changed(1, 0xc9)),
            ("12 bits", changed(4, 12)),
            ("no width", changed(8, 0)),
            ("two components", changed(9, 2)),
            ("components that are missing", changed(9, 4)),
            ("no sampling", changed(11, 0x10)),
            ("sampling by five", changed(11, 0x51)),
            ("no table", changed(12, 3)),
            ("two frames", with(&plain, &plain[frame..frame + 19])),
            ("no frame", [&plain[..frame], &plain[frame + 19..]].concat()),
            ("no scan", plain[..frame + 19].to_vec()),
        ] {
            assert_eq!(read(&upload).err(), Some(AvatarError::NotAnImage), "{case}");
        }
    }

    #[test]
    fn pixels_that_are_missing_or_broken_in_a_whole_file_are_refused() {
        let plain = plain();
        let scan = plain.windows(2).position(|pair| pair == [0xff, 0xda]);
        let data = scan.unwrap() + 14;
        let short = [&plain[..data + 4], b"\xff\xd9"].concat();
        let mut broken = plain.clone();
        // No code consists of ones alone (section C.2).
        broken.splice(data..data, [0xff, 0, 0xff, 0, 0xff, 0]);

        for upload in [short, broken] {
            assert_eq!(read(&upload).err(), Some(AvatarError::NotAnImage));
        }
    }

    #[test]
    fn parts_of_a_profile_are_joined_by_their_numbers() {
        let plain = plain();
        let profile = |parts: &[&[u8]]| {
            let segments: Vec<_> = parts
                .iter()
                .map(|part| segment(marker::APP2, &[b"ICC_PROFILE\0", *part].concat()))
                .collect();
            read(&with(&plain, &segments.concat())).unwrap().profile
        };

        assert_eq!(
            profile(&[b"\x02\x02file", b"\x01\x02pro"]),
            Some(b"profile".to_vec())
        );
        for parts in [
            vec![],
            vec![&b"\x01"[..]],
            vec![b"\x01\x02pro"],
            vec![b"\x01\x02pro", b"\x01\x02pro"],
            vec![b"\x01\x03pro", b"\x02\x03file"],
            vec![b"\x00\x02pro", b"\x01\x02file"],
        ] {
            assert_eq!(profile(&parts), None, "{parts:?}");
        }
    }

    #[test]
    fn the_first_exif_segment_counts() {
        let exif = |orientation| {
            let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
            exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
            segment(marker::APP1, &exif)
        };
        let xmp = segment(marker::APP1, b"http://ns.adobe.com/xap/1.0/\0");

        let upload = with(&plain(), &[xmp, exif(6), exif(3)].concat());

        assert_eq!(
            read(&upload).unwrap().orientation,
            image::metadata::Orientation::Rotate90
        );
    }
}
