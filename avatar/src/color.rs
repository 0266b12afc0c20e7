//! Color profiles (ICC.1:2022).

use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, ParsingOptions, TransformOptions};

/// Maximum size of a profile, in bytes. Those of monitors and cameras have a few hundred to half a
/// million.
const MAX_BYTES: usize = 4 << 20;

/// Size of the header before the number of tags, in bytes (section 7.2).
const HEADER: usize = 128;

/// Size of an entry in the table of tags, in bytes (section 7.3).
const ENTRY: usize = 12;

/// The tags that convert colors to the connection space (section 9.2): a matrix and three curves,
/// code points, or tables.
const TAGS: [&[u8; 4]; 12] = [
    b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"wtpt", b"chad", b"cicp", b"A2B0",
    b"A2B1", b"A2B2",
];

/// Converts colors from `profile` to sRGB, which browsers assume without a profile. Ignores a
/// profile that cannot be read or is not for RGB, as browsers do.
pub(crate) fn to_srgb(image: DynamicImage, profile: &[u8]) -> DynamicImage {
    let Some(profile) = parse(profile) else {
        return image;
    };
    let (width, height) = (image.width(), image.height());
    let converted: Option<DynamicImage> = match &image {
        DynamicImage::ImageRgb8(pixels) => convert(&profile, pixels, Layout::Rgb)
            .and_then(|pixels| RgbImage::from_raw(width, height, pixels))
            .map(Into::into),
        DynamicImage::ImageRgba8(pixels) => convert(&profile, pixels, Layout::Rgba)
            .and_then(|pixels| RgbaImage::from_raw(width, height, pixels))
            .map(Into::into),
        _ => None,
    };
    converted.unwrap_or(image)
}

fn parse(profile: &[u8]) -> Option<ColorProfile> {
    let options = ParsingOptions {
        max_profile_size: MAX_BYTES + 1,
        ..Default::default()
    };
    let profile = ColorProfile::new_from_slice_with_options(&needed(profile)?, options).ok()?;
    (profile.color_space == DataColorSpace::Rgb).then_some(profile)
}

/// Returns the profile with the tags in its table that a conversion needs, each once.
///
/// Any number of tags, and of translations within one, may share their data, which the parser copies
/// anew for each.
fn needed(profile: &[u8]) -> Option<Vec<u8>> {
    if profile.len() > MAX_BYTES {
        return None;
    }
    let (count, table) = profile.get(HEADER..)?.split_first_chunk()?;
    let count = u32::from_be_bytes(*count) as usize;
    let (entries, _) = table.as_chunks::<ENTRY>();
    let entries = entries.get(..count)?;
    let kept: Vec<[u8; ENTRY]> = TAGS
        .iter()
        .filter_map(|tag| entries.iter().find(|entry| entry.starts_with(*tag)))
        .copied()
        .collect();
    let mut needed = profile.to_vec();
    let table = needed.get_mut(HEADER..)?;
    let (count, entries) = table.split_at_mut(4);
    count.copy_from_slice(&(kept.len() as u32).to_be_bytes());
    entries[..kept.len() * ENTRY].copy_from_slice(kept.as_flattened());
    Some(needed)
}

fn convert(profile: &ColorProfile, pixels: &[u8], layout: Layout) -> Option<Vec<u8>> {
    let transform = profile
        .create_transform_8bit(
            layout,
            &ColorProfile::new_srgb(),
            layout,
            TransformOptions::default(),
        )
        .ok()?;
    let mut converted = vec![0; pixels.len()];
    transform.transform(pixels, &mut converted).ok()?;
    Some(converted)
}
