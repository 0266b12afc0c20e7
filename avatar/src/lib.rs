//! From an uploaded file to a small WebP: bytes in, bytes out. Knows neither HTTP nor AWS.

mod color;
mod exif;
mod gif;
mod jpeg;
mod png;
mod webp;

use ::webp::WebPConfig;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage, metadata::Orientation};

/// An avatar as it is stored: WebP, at most 512 × 512 pixels, upright, sRGB, no metadata.
#[derive(Clone)]
pub struct AvatarImage(Vec<u8>);

/// Maximum size of an upload, in bytes. Lambda takes events of at most 6 MiB; as Base64, 4 MiB take
/// 5.6 MB of it.
const MAX_BYTES: usize = 4 << 20;

/// Maximum number of pixels along one side of an upload.
const MAX_SIDE: u32 = 8_192;

/// Maximum number of pixels of an upload; decoded, they take at most 200 MB (four channels of 8
/// bits).
///
/// Fuzzing has a lower limit, because its instrumented build takes seconds for so many, and it
/// looks for files that take longer than their pixels account for.
const MAX_PIXELS: u64 = if cfg!(fuzzing) { 500_000 } else { 50_000_000 };

/// Maximum length of the longer side of an avatar.
const SIDE: u32 = 512;

/// Quality of the lossy compression, 0 to 100: a photograph of 512 × 512 is 20 to 60 KB.
const QUALITY: f32 = 80.0;

/// libwebp's effort, 0 to 6. Compared with its default, 4, this takes half the time and 3 % more
/// bytes.
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
        let source = read(upload)?;
        let mut image = shrink(source.image, source.size)?;
        image.apply_orientation(source.orientation);
        if let Some(profile) = source.profile {
            image = color::to_srgb(image, &profile);
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

/// The contents of an upload.
struct Source {
    /// The first frame, at its own size or at a smaller one that is still larger than an avatar.
    image: DynamicImage,
    /// Its own width and height.
    size: (u32, u32),
    orientation: Orientation,
    /// A color profile.
    profile: Option<Vec<u8>>,
}

/// Reads an upload as what its first bytes say it is.
fn read(upload: &[u8]) -> Result<Source, AvatarError> {
    match upload {
        [0xff, 0xd8, ..] => jpeg::read(upload),
        _ if upload.starts_with(png::SIGNATURE) => png::read(upload),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::read(upload),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp::read(upload),
        _ => Err(AvatarError::NotAnImage),
    }
}

/// Refuses the size that a header announces, before anything of that size is allocated.
fn check_size((width, height): (u32, u32)) -> Result<(), AvatarError> {
    if width == 0 || height == 0 {
        Err(AvatarError::NotAnImage)
    } else if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        Err(AvatarError::TooManyPixels)
    } else {
        Ok(())
    }
}

/// Makes an image of pixels of one to four channels. `None` for any other number.
fn image_of((width, height): (u32, u32), channels: usize, pixels: Vec<u8>) -> Option<DynamicImage> {
    match channels {
        1 => GrayImage::from_raw(width, height, pixels).map(Into::into),
        2 => GrayAlphaImage::from_raw(width, height, pixels).map(Into::into),
        3 => RgbImage::from_raw(width, height, pixels).map(Into::into),
        4 => RgbaImage::from_raw(width, height, pixels).map(Into::into),
        _ => None,
    }
}

/// Scales down an image of that `size` to fit [`SIDE`], never up. The result has eight bits a
/// channel, and an alpha channel if `image` has one.
fn shrink(
    mut image: DynamicImage,
    (width, height): (u32, u32),
) -> Result<DynamicImage, AvatarError> {
    let has_alpha = image.color().has_alpha();
    let longest = width.max(height);
    if longest > SIDE {
        // Round, but never to 0.
        let scaled = |side: u32| ((side * SIDE + longest / 2) / longest).max(1);
        // Resize one pixel type alone: the code for all of them would be a fourth of the package.
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
    Ok(if has_alpha {
        image.into_rgba8().into()
    } else {
        image.into_rgb8().into()
    })
}

fn encode(image: &DynamicImage) -> Result<Vec<u8>, AvatarError> {
    let (width, height) = (image.width(), image.height());
    let encoder = match image {
        DynamicImage::ImageRgba8(pixels) => ::webp::Encoder::from_rgba(pixels, width, height),
        _ => ::webp::Encoder::from_rgb(image.as_bytes(), width, height),
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
    /// The file has more than 4 MiB.
    #[error("Ensure this file is no larger than 4 MiB.")]
    TooLarge,
    /// The image has a side of more than 8,192 pixels, or more than 50 megapixels in all.
    #[error("Ensure this image is no larger than 8192x8192 pixels and 50 megapixels.")]
    TooManyPixels,
    /// The bytes are not a JPEG, PNG, WebP or GIF, or they are broken.
    #[error(
        "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
    )]
    NotAnImage,
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageEncoder as _, ImageFormat, Rgb, codecs::png::PngEncoder};
    use moxcms::ColorProfile;
    use proptest::prelude::*;

    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn decoded(upload: &[u8]) -> DynamicImage {
        let avatar = AvatarImage::parse(upload).unwrap();
        image::load_from_memory_with_format(avatar.as_webp(), ImageFormat::WebP).unwrap()
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

    /// Every channel changes slowly from one side to another.
    fn gradient(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (x * 255 / width, y * 255 / height);
            Rgb([x as u8, y as u8, 255 - x as u8])
        })
        .into()
    }

    #[test]
    fn every_cut_of_every_format_is_refused_or_whole() {
        let mut uploads = FORMATS
            .map(|format| encoded(&gradient(40, 30), format))
            .to_vec();
        uploads.push(PROGRESSIVE.to_vec());
        for whole in uploads {
            let expected = decoded(&whole);
            // Every byte of a small file, and of the end of a large one.
            let start = whole.len().saturating_sub(2_000);
            for length in start..whole.len() {
                if let Ok(avatar) = AvatarImage::parse(&whole[..length]) {
                    // Nothing but what follows the last pixel is missing.
                    let avatar = image::load_from_memory(avatar.as_webp()).unwrap();
                    assert!(avatar == expected, "{:?} of {length} bytes", &whole[..4]);
                }
            }
        }
    }

    /// Asserts that `jpeg` becomes about the same avatar as the image that it was made of.
    fn assert_looks_like(jpeg: &[u8], image: &DynamicImage) {
        let avatar = decoded(jpeg).into_rgb8();

        let expected = decoded(&encoded(image, ImageFormat::Png)).into_rgb8();
        assert_eq!(avatar.dimensions(), expected.dimensions());
        let differences = avatar.iter().zip(expected.iter());
        let most = differences.map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most < Some(16), "{most:?} at {:?}", avatar.dimensions());
    }

    #[test]
    fn a_jpeg_that_is_decoded_at_a_smaller_scale_looks_like_itself() {
        for (width, height) in [
            (1535, 1100),
            (1536, 1100),
            (3073, 1030),
            (300, 6150),
            (4000, 50),
        ] {
            let image = gradient(width, height);
            for image in [image.grayscale(), image] {
                assert_looks_like(&encoded(&image, ImageFormat::Jpeg), &image);
            }
        }
        assert_looks_like(PROGRESSIVE, &gradient(3072, 128));
    }

    /// `gradient(3072, 128)` by libjpeg at quality 75.
    const PROGRESSIVE: &[u8] = include_bytes!("../tests/pictures/jpeg-progressive-3072.jpg");

    const FORMATS: [ImageFormat; 4] = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ];

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
        let mut uploads = FORMATS.map(|format| encoded(&small, format)).to_vec();
        uploads.push(PROGRESSIVE.to_vec());
        uploads
    }
}
