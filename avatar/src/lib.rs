//! From an uploaded file to a small WebP: bytes in, bytes out. Knows neither HTTP nor AWS.

use std::io::Cursor;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage,
    metadata::Orientation,
};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use rusty_jpeg::decode::{CodingProcess, PixelFormat};
use webp::WebPConfig;

/// An avatar as it is stored: WebP, at most 512 × 512 pixels, upright, sRGB, no metadata.
#[derive(Clone)]
pub struct AvatarImage(Vec<u8>);

/// Most bytes of an upload. An event of 6 MiB is all that Lambda takes; as Base64, 4 MiB are 5.6 MB
/// of it.
const MAX_BYTES: usize = 4 << 20;

/// Most pixels along one side of an upload.
const MAX_SIDE: u32 = 8_192;

/// Most pixels of an upload; decoded, they take at most 400 MB (four channels of 16 bits).
const MAX_PIXELS: u64 = 50_000_000;

/// Most bytes that a PNG takes beside its pixels, whose number is limited already: its color profile
/// is compressed, and a thousand times as large as it looks if somebody wants it to be.
const MAX_PNG_EXTRA_BYTES: u64 = 64 << 20;

/// Most scans of a JPEG that is decoded at a smaller scale, because a few bytes make one that takes
/// as long as the whole image. Encoders make one, three if they keep the colors apart, or about ten
/// if it is progressive; a thumbnail has one more.
const MAX_SCANS: usize = 4;

/// The same for a progressive JPEG.
const MAX_PROGRESSIVE_SCANS: usize = 16;

/// Longest side of an avatar.
const SIDE: u32 = 512;

/// Least of the longer side at which a JPEG is decoded, for an avatar to be about as sharp as from
/// all its pixels.
const SCALED_SIDE: u16 = 768;

/// Quality of the lossy compression, 0 to 100: a photograph of 512 × 512 is 20 to 60 KB.
const QUALITY: f32 = 80.0;

/// How long libwebp looks for a smaller file, 0 to 6. It takes half the time of its default, 4, and
/// 3 % more bytes.
const METHOD: i32 = 2;

impl AvatarImage {
    /// Makes an avatar of an uploaded file. The bytes alone decide what it is.
    ///
    /// # Errors
    ///
    /// Any [`AvatarError`].
    pub fn parse(upload: &[u8]) -> Result<Self, AvatarError> {
        if upload.is_empty() {
            return Err(AvatarError::Empty);
        }
        if upload.len() > MAX_BYTES {
            return Err(AvatarError::TooLarge);
        }
        let source = decode(upload)?;
        let mut image = shrink(source.image, source.size)?;
        image.apply_orientation(source.orientation);
        if let Some(profile) = source.profile {
            image = to_srgb(image, &profile);
        }
        encode(&image).map(Self)
    }

    /// The bytes of the WebP file.
    pub fn as_webp(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of the WebP file.
    pub fn into_webp(self) -> Vec<u8> {
        self.0
    }
}

/// What an upload holds.
struct Source {
    /// The first frame, at its own size or at a smaller one that is still larger than an avatar.
    image: DynamicImage,
    /// Its own width and height.
    size: (u32, u32),
    orientation: Orientation,
    profile: Option<Vec<u8>>,
}

/// Decodes an upload. What is too big is refused before any pixel is decoded.
fn decode(upload: &[u8]) -> Result<Source, AvatarError> {
    let format = match image::guess_format(upload) {
        Ok(
            format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif),
        ) => format,
        _ => return Err(AvatarError::NotAnImage),
    };
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    if format == ImageFormat::Png {
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PNG_EXTRA_BYTES);
        reader.limits(limits);
    }
    let mut decoder = reader.into_decoder().map_err(|_| AvatarError::NotAnImage)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(AvatarError::TooManyPixels);
    }
    if format == ImageFormat::Jpeg && !is_whole_jpeg(upload) {
        return Err(AvatarError::NotAnImage);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let scaled = match format {
        ImageFormat::Jpeg => decode_scaled(upload, (width, height)),
        _ => None,
    };
    let image = match scaled {
        Some(image) => image,
        None => DynamicImage::from_decoder(decoder).map_err(|_| AvatarError::NotAnImage)?,
    };
    Ok(Source {
        image,
        size: (width, height),
        orientation,
        profile,
    })
}

/// Decodes a JPEG at an eighth, a quarter or half of its size, which takes a fraction of the time
/// and the memory. `None` if it is too small for that, or else has to be decoded in full: what is
/// refused is for the other decoder to say.
fn decode_scaled(jpeg: &[u8], (width, height): (u32, u32)) -> Option<DynamicImage> {
    if width.max(height) < 2 * u32::from(SCALED_SIDE) {
        return None;
    }
    let mut decoder = rusty_jpeg::Decoder::new(jpeg);
    decoder.read_info().ok()?;
    let coarser;
    // At a quarter or an eighth: at half of its size, it would lose too much.
    if decoder.info()?.coding_process == CodingProcess::DctProgressive
        && width.max(height) >= 4 * u32::from(SCALED_SIDE)
    {
        coarser = without_last_bits(jpeg);
        decoder = rusty_jpeg::Decoder::new(&coarser);
        decoder.read_info().ok()?;
    }
    let info = decoder.info()?;
    // Two decoders that read different sizes would let one of them off the limits.
    if (u32::from(info.width), u32::from(info.height)) != (width, height) {
        return None;
    }
    let max_scans = match info.coding_process {
        CodingProcess::DctProgressive => MAX_PROGRESSIVE_SCANS,
        _ => MAX_SCANS,
    };
    if scans(jpeg) > max_scans || info.pixel_format == PixelFormat::CMYK32 {
        return None;
    }
    // Threads of its own only cost where there is one processor.
    decoder.set_single_threaded(true);
    let (width, height) = decoder.scale(SCALED_SIDE, SCALED_SIDE).ok()?;
    let pixels = decoder.decode().ok()?;
    let (width, height) = (width.into(), height.into());
    match info.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(Into::into),
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(Into::into),
        _ => None,
    }
}

/// How many scans a JPEG can have at most. Among compressed data, no two bytes are like their marker
/// (ITU-T T.81, section B.1.1.5); in metadata they may be.
fn scans(jpeg: &[u8]) -> usize {
    let pairs = jpeg.array_windows();
    pairs.filter(|pair| **pair == [0xff, START_OF_SCAN]).count()
}

/// A progressive JPEG without the scans that refine AC coefficients by their last bit (ITU-T T.81,
/// section G.1.1.1.2). They are about half of its bytes and of the time, no other scan builds on them,
/// and at a quarter of its size hardly anything of them is left. What is broken in them is not
/// noticed.
fn without_last_bits(jpeg: &[u8]) -> Vec<u8> {
    let (start, mut rest) = jpeg.split_at(2);
    let mut kept = start.to_vec();
    while let Some((marker, segment, after)) = split_segment(rest) {
        let data = match marker {
            START_OF_SCAN => after
                .array_windows()
                .position(|&[first, second]| {
                    first == 0xff && !matches!(second, 0x00 | 0xd0..=0xd7 | 0xff)
                })
                .unwrap_or(after.len()),
            _ => 0,
        };
        // The first coefficient, of which 0 is DC; the last one; the bits (section B.2.3).
        let refines_last_bit =
            marker == START_OF_SCAN && matches!(segment, [.., first, _, 0x10] if *first > 0);
        if !refines_last_bit {
            kept.extend(&rest[..segment.len() + data]);
        }
        rest = &after[data..];
    }
    kept.extend(rest);
    kept
}

/// Whether the main image of a JPEG ends where it says so (ITU-T T.81, section B.1.1.3). The
/// decoder would paint what is missing gray.
fn is_whole_jpeg(jpeg: &[u8]) -> bool {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    // Segment by segment, because a thumbnail in the metadata has an end of its own.
    while let Some((marker, _, after)) = split_segment(rest) {
        if marker == START_OF_SCAN {
            let mut pairs = after.array_windows().rev();
            return pairs.any(|pair| *pair == [0xff, END_OF_IMAGE]);
        }
        rest = after;
    }
    false
}

/// Markers of a JPEG (ITU-T T.81, table B.1).
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The marker of the segment of a JPEG that comes next, the segment, and what comes after it.
/// Compressed data is part of no segment. `None` at the end, and where there is no segment.
fn split_segment(jpeg: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [0xff, marker, high, low, ..] = *jpeg else {
        return None;
    };
    let length = match marker {
        END_OF_IMAGE => return None,
        // A byte of padding before the marker.
        0xff => 1,
        // Markers without a segment.
        0x01 | 0xd0..=0xd7 => 2,
        _ => 2 + usize::from(u16::from_be_bytes([high, low])),
    };
    let (segment, after) = jpeg.split_at_checked(length)?;
    Some((marker, segment, after))
}

/// Scales down such that an image of that `size` fits [`SIDE`], never up. Eight bits a channel, with
/// an alpha channel where there was one.
fn shrink(
    mut image: DynamicImage,
    (width, height): (u32, u32),
) -> Result<DynamicImage, AvatarError> {
    let has_alpha = image.color().has_alpha();
    let longest = width.max(height);
    if longest > SIDE {
        // Rounded, and never to nothing.
        let scaled = |side: u32| ((side * SIDE + longest / 2) / longest).max(1);
        // The one kind of pixel whose code is in the package: that of all would be a fourth of it.
        let large = DynamicImage::from(image.into_rgba8());
        image = DynamicImage::new_rgba8(scaled(width), scaled(height));
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .use_alpha(has_alpha);
        Resizer::new()
            .resize(&large, &mut image, &options)
            .map_err(|error| {
                tracing::error!(%error, "an image was not resized");
                AvatarError::NotAnImage
            })?;
    }
    Ok(match has_alpha {
        true => image.into_rgba8().into(),
        false => image.into_rgb8().into(),
    })
}

/// Converts colors from `profile` to sRGB, which is what browsers take a picture without a profile
/// for. One that cannot be read, or is not for RGB, is ignored, as by browsers.
fn to_srgb(image: DynamicImage, profile: &[u8]) -> DynamicImage {
    let converted = |source: &[u8], layout| {
        let profile = ColorProfile::new_from_slice(profile).ok()?;
        if profile.color_space != DataColorSpace::Rgb {
            return None;
        }
        let transform = profile
            .create_transform_8bit(
                layout,
                &ColorProfile::new_srgb(),
                layout,
                TransformOptions::default(),
            )
            .ok()?;
        let mut target = vec![0; source.len()];
        transform.transform(source, &mut target).ok()?;
        Some(target)
    };
    let (width, height) = (image.width(), image.height());
    let target: Option<DynamicImage> = match &image {
        DynamicImage::ImageRgb8(pixels) => converted(pixels, Layout::Rgb)
            .and_then(|bytes| image::RgbImage::from_raw(width, height, bytes))
            .map(Into::into),
        DynamicImage::ImageRgba8(pixels) => converted(pixels, Layout::Rgba)
            .and_then(|bytes| image::RgbaImage::from_raw(width, height, bytes))
            .map(Into::into),
        _ => None,
    };
    target.unwrap_or(image)
}

fn encode(image: &DynamicImage) -> Result<Vec<u8>, AvatarError> {
    let (width, height) = (image.width(), image.height());
    let encoder = match image {
        DynamicImage::ImageRgba8(pixels) => webp::Encoder::from_rgba(pixels, width, height),
        _ => webp::Encoder::from_rgb(image.as_bytes(), width, height),
    };
    let mut config = WebPConfig::new().map_err(|()| AvatarError::NotAnImage)?;
    (config.quality, config.method) = (QUALITY, METHOD);
    match encoder.encode_advanced(&config) {
        Ok(webp) => Ok(webp.to_vec()),
        Err(error) => {
            tracing::error!(?error, "an image was not encoded");
            Err(AvatarError::NotAnImage)
        }
    }
}

/// Why there is no avatar. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvatarError {
    /// The file has no bytes.
    #[error("The submitted file is empty.")]
    Empty,
    /// The file has more than [`MAX_BYTES`].
    #[error("Ensure this file is no larger than 4 MiB.")]
    TooLarge,
    /// The image has a side of more than [`MAX_SIDE`], or more than [`MAX_PIXELS`] in all.
    #[error("Ensure this image is no larger than 8192x8192 pixels and 50 megapixels.")]
    TooManyPixels,
    /// The bytes are none of JPEG, PNG, WebP and GIF, or are broken.
    #[error(
        "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
    )]
    NotAnImage,
}

#[cfg(test)]
mod tests {
    use image::{ImageEncoder, Rgb, RgbImage, codecs::png::PngEncoder};
    use proptest::prelude::*;

    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn decoded(upload: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(
            &AvatarImage::parse(upload).unwrap().0,
            ImageFormat::WebP,
        )
        .unwrap()
    }

    #[test]
    fn fits_the_square_and_is_never_scaled_up() {
        for ((width, height), expected) in [
            ((512, 512), (512, 512)),
            ((513, 512), (512, 511)),
            ((1024, 300), (512, 150)),
            ((8192, 1), (512, 1)),
            ((3, 2), (3, 2)),
        ] {
            let avatar = decoded(&encoded(
                &DynamicImage::new_rgb8(width, height),
                ImageFormat::Png,
            ));

            assert_eq!(
                (avatar.width(), avatar.height()),
                expected,
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn sizes_are_refused_at_the_first_pixel_too_many() {
        for ((width, height), expected) in [
            ((8192, 6103), None),
            ((8192, 6104), Some(AvatarError::TooManyPixels)),
            ((8193, 1), Some(AvatarError::TooManyPixels)),
            ((1, 8193), Some(AvatarError::TooManyPixels)),
        ] {
            let image = DynamicImage::new_luma8(width, height);

            assert_eq!(
                AvatarImage::parse(&encoded(&image, ImageFormat::Png)).err(),
                expected,
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn every_cut_of_every_format_is_refused_or_whole() {
        let image = DynamicImage::from(RgbImage::from_fn(40, 30, |x, y| {
            Rgb([x as u8 * 6, y as u8 * 8, 99])
        }));
        for format in [
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::WebP,
            ImageFormat::Gif,
        ] {
            let whole = encoded(&image, format);
            let expected = decoded(&whole);
            for length in 0..whole.len() {
                if let Ok(avatar) = AvatarImage::parse(&whole[..length]) {
                    // Nothing but what follows the last pixel is missing.
                    let avatar = image::load_from_memory(&avatar.0).unwrap();
                    assert_eq!(avatar, expected, "{format:?} of {length} bytes");
                }
            }
        }
    }

    /// Every channel changes slowly from one side to another.
    fn gradient(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (x * 255 / width, y * 255 / height);
            Rgb([x as u8, y as u8, 255 - x as u8])
        })
        .into()
    }

    /// Asserts that a JPEG, which is decoded at a smaller scale, becomes about the same avatar as
    /// the image that it was made of.
    fn assert_looks_like(jpeg: &[u8], image: &DynamicImage) {
        let (width, height) = (image.width(), image.height());
        assert!(decode_scaled(jpeg, (width, height)).is_some());

        let avatar = decoded(jpeg);

        let expected = decoded(&encoded(image, ImageFormat::Png));
        assert_eq!(
            (avatar.width(), avatar.height()),
            (expected.width(), expected.height())
        );
        let (avatar, expected) = (avatar.into_rgb8(), expected.into_rgb8());
        let differences = avatar.iter().zip(expected.iter());
        let most = differences.map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most < Some(16), "{most:?} at {width}x{height}");
    }

    #[test]
    fn a_jpeg_that_is_decoded_at_a_smaller_scale_looks_like_itself() {
        for (width, height) in [(1536, 1100), (3073, 1030), (300, 6150), (4000, 50)] {
            let image = gradient(width, height);
            for image in [image.grayscale(), image] {
                assert_looks_like(&encoded(&image, ImageFormat::Jpeg), &image);
            }
        }
    }

    /// `gradient(3072, 128)` by libjpeg at quality 75. Of ten scans, the last three refine the last bit
    /// of AC coefficients, one for each component.
    const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");

    /// Where the segments of a JPEG with this marker begin.
    fn segments(jpeg: &[u8], marker: u8) -> Vec<usize> {
        let pairs = jpeg.array_windows().enumerate();
        pairs
            .filter(|(_, pair)| **pair == [0xff, marker])
            .map(|(at, _)| at)
            .collect()
    }

    #[test]
    fn a_progressive_jpeg_looks_like_itself_without_its_last_bits() {
        let scans = segments(PROGRESSIVE, START_OF_SCAN);

        let coarser = without_last_bits(PROGRESSIVE);

        assert_eq!(segments(&coarser, START_OF_SCAN), scans[..7]);
        assert!(coarser.ends_with(&[0xff, END_OF_IMAGE]));
        assert_looks_like(PROGRESSIVE, &gradient(3072, 128));
    }

    #[test]
    fn what_is_broken_in_the_last_bits_of_a_progressive_jpeg_is_not_noticed() {
        let scans = segments(PROGRESSIVE, START_OF_SCAN);
        let with_broken_scan = |number: usize| {
            let mut jpeg = PROGRESSIVE.to_vec();
            // A Huffman table that there is not.
            jpeg[scans[number] + 6] = 3;
            decode_scaled(&jpeg, (3072, 128))
        };

        let whole = decode_scaled(PROGRESSIVE, (3072, 128));
        assert!(whole.is_some());
        assert_eq!(with_broken_scan(5), None);
        for last in 7..10 {
            assert_eq!(with_broken_scan(last), whole);
        }
        // Whether it is complete is looked at.
        let end = PROGRESSIVE.len() - 2;
        assert_eq!(
            AvatarImage::parse(&PROGRESSIVE[..end]).err(),
            Some(AvatarError::NotAnImage)
        );
    }

    #[test]
    fn a_jpeg_that_changes_its_size_when_scans_are_left_out_is_not_decoded_at_that_size() {
        let (start, rest) = PROGRESSIVE.split_at(2);
        let [frame] = *segments(rest, 0xc2) else {
            panic!("it has one frame");
        };
        let (head, scans) = rest.split_at(segments(rest, START_OF_SCAN)[0]);
        let mut lower = head.to_vec();
        lower[frame + 5..frame + 7].copy_from_slice(&64_u16.to_be_bytes());
        let application = |marker, payload: &[u8]| {
            let length = (2 + payload.len() as u16).to_be_bytes();
            [&[0xff, marker], &length[..], payload].concat()
        };
        // For a decoder, it begins with bytes that mean nothing and metadata. Who takes the former for
        // a segment of 18 bytes finds a scan in the latter, and with that left out, the metadata ends
        // where other metadata begins, which is the head of a lower image.
        let scan = [
            &[0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0x10][..],
            &vec![0; head.len() - 6],
        ]
        .concat();
        let jpeg = [
            start,
            &[0xff, 0x00, 0x00, 0x10],
            &application(0xe5, &[&[0; 10], &scan[..], &[0xff, END_OF_IMAGE]].concat()),
            head,
            &application(0xe6, &lower),
            scans,
        ]
        .concat();
        let height = |jpeg: &[u8]| {
            let mut decoder = rusty_jpeg::Decoder::new(jpeg);
            decoder.read_info().unwrap();
            decoder.info().unwrap().height
        };
        assert_eq!(height(&jpeg), 128);
        assert_eq!(height(&without_last_bits(&jpeg)), 64);

        assert!(decode_scaled(&jpeg, (3072, 128)).is_none());
        assert_eq!(decoded(&jpeg).width(), 512);
    }

    #[test]
    fn a_jpeg_of_countless_scans_is_not_decoded_scan_by_scan() {
        let jpeg = encoded(&DynamicImage::new_rgb8(1536, 16), ImageFormat::Jpeg);
        let (start, end) = (segments(&jpeg, START_OF_SCAN)[0], jpeg.len() - 2);
        // A scan of three components without any data.
        let scan = &jpeg[start..start + 14];
        let with_scans = |count| [&jpeg[..end], &scan.repeat(count - 1), &jpeg[end..]].concat();
        let [most, more] = [MAX_SCANS, MAX_SCANS + 1].map(with_scans);

        assert!(decode_scaled(&most, (1536, 16)).is_some());
        assert!(decode_scaled(&more, (1536, 16)).is_none());
        assert_eq!(decoded(&more), decoded(&jpeg));
    }

    #[test]
    fn colors_survive_the_loss_of_their_profile() {
        let profile = ColorProfile::new_display_p3().encode().unwrap();
        let pixels = RgbImage::from_pixel(16, 16, Rgb([200, 100, 50]));
        let mut png = Vec::new();
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_icc_profile(profile).unwrap();
        encoder
            .write_image(&pixels, 16, 16, image::ExtendedColorType::Rgb8)
            .unwrap();

        let Rgb([red, green, blue]) = *decoded(&png).to_rgb8().get_pixel(8, 8);

        // (200, 100, 50) in Display P3 is (215, 93, 31) in sRGB, by the matrices of CSS Color 4;
        // lossy compression adds a little.
        for (actual, expected) in [(red, 215), (green, 93), (blue, 31)] {
            assert!(actual.abs_diff(expected) <= 4, "({red}, {green}, {blue})");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_mutation_makes_it_panic(
            mut upload in prop::sample::select(uploads()),
            mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            for (index, byte) in mutations {
                let index = index.index(upload.len());
                upload[index] = byte;
            }
            let _ = AvatarImage::parse(&upload);
        }
    }

    /// One of each format, and one that is decoded at a smaller scale.
    fn uploads() -> Vec<Vec<u8>> {
        let small = DynamicImage::new_rgb8(24, 24);
        let formats = [
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::WebP,
            ImageFormat::Gif,
        ];
        let mut uploads = formats.map(|format| encoded(&small, format)).to_vec();
        uploads.push(PROGRESSIVE.to_vec());
        uploads
    }
}
