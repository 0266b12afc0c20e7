//! An upload: it becomes a small WebP file without metadata, or is refused.

#![no_main]

use avatar::AvatarImage;
use image::{GenericImageView as _, ImageFormat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|upload: &[u8]| {
    let Ok(avatar) = AvatarImage::parse(upload) else {
        return;
    };
    let webp = avatar.into_webp();
    let avatar = image::load_from_memory_with_format(&webp, ImageFormat::WebP).expect("it is WebP");
    let (width, height) = avatar.dimensions();
    assert!((1..=512).contains(&width) && (1..=512).contains(&height));
    for metadata in [b"EXIF", b"ICCP", b"XMP ", b"ANIM"] {
        assert!(!chunks(&webp).any(|name| name == metadata));
    }
});

/// The names of a WebP file's chunks: a RIFF header of 12 bytes, then name, length and data, which is
/// padded to an even length.
fn chunks(webp: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &webp[12..];
    std::iter::from_fn(move || {
        let (head, data) = rest.split_at_checked(8)?;
        let length = u32::from_le_bytes(head[4..].try_into().ok()?) as usize;
        rest = data.get(length + length % 2..).unwrap_or_default();
        Some(&head[..4])
    })
}
