//! Exif metadata (CIPA DC-008): the orientation of an image, and nothing else.

use image::metadata::Orientation;

/// The bytes before the metadata in a JPEG. Some encoders write them in other files, too, by
/// mistake.
const PREFIX: &[u8] = b"Exif\0\0";

/// The tag of the orientation (section 4.6.4).
const ORIENTATION: u16 = 0x0112;

/// Returns whether `segment` holds Exif metadata, with or without the prefix.
pub(crate) fn is_exif(segment: &[u8]) -> bool {
    segment.starts_with(PREFIX) || segment.starts_with(b"II*\0") || segment.starts_with(b"MM\0*")
}

/// Returns the transformation that turns an image with these metadata upright, or none if they
/// cannot be read.
pub(crate) fn orientation(exif: &[u8]) -> Orientation {
    value(exif.strip_prefix(PREFIX).unwrap_or(exif))
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// Returns the value of the first field for the orientation (TIFF 6.0, section 2).
fn value(exif: &[u8]) -> Option<u8> {
    let little_endian = match exif.first_chunk()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let tiff = Tiff {
        bytes: exif,
        little_endian,
    };
    let directory = usize::try_from(tiff.u32(4)?).ok()?;
    let fields = directory.checked_add(2)?;
    let field = (0..usize::from(tiff.u16(directory)?))
        .map(|index| fields.saturating_add(index * 12))
        .find(|&field| tiff.u16(field) == Some(ORIENTATION))?;
    let value = field.checked_add(8)?;
    // The standard says SHORT; cameras and programs have written every integer type.
    match tiff.u16(field.checked_add(2)?)? {
        1 | 6 => exif.get(value).copied(),
        3 | 8 => tiff.u16(value)?.try_into().ok(),
        4 | 9 => tiff.u32(value)?.try_into().ok(),
        _ => None,
    }
}

/// The numbers in a TIFF structure.
struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl Tiff<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little_endian {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little_endian {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata with a field of another kind before the orientation.
    fn exif(kind: u16, value: [u8; 4]) -> Vec<u8> {
        let kind = kind.to_be_bytes();
        [
            &b"MM\0\x2a\0\0\0\x08\0\x02\x01\x00\0\x04\0\0\0\x01\0\0\x10\0\x01\x12"[..],
            &kind,
            &[0, 0, 0, 1],
            &value,
            &[0; 4],
        ]
        .concat()
    }

    #[test]
    fn the_orientation_may_be_of_any_integer_type() {
        for (kind, value) in [
            (1, [6, 0, 0, 0]),
            (3, [0, 6, 0, 0]),
            (4, [0, 0, 0, 6]),
            (6, [6, 0, 0, 0]),
            (8, [0, 6, 0, 0]),
            (9, [0, 0, 0, 6]),
        ] {
            let exif = exif(kind, value);

            assert_eq!(orientation(&exif), Orientation::Rotate90, "{kind}");
            assert_eq!(
                orientation(&[PREFIX, &exif].concat()),
                Orientation::Rotate90
            );
        }
    }

    #[test]
    fn what_cannot_be_read_turns_nothing() {
        let whole = exif(3, [0, 6, 0, 0]);
        let end = whole.len() - 6;
        for length in 0..end {
            assert_eq!(orientation(&whole[..length]), Orientation::NoTransforms);
        }
        for exif in [
            exif(3, [0, 0, 0, 0]),
            exif(3, [0, 9, 0, 0]),
            exif(4, [1, 0, 0, 6]),
            exif(5, [0, 6, 0, 0]),
            b"MM\0\x2a\xff\xff\xff\xff".to_vec(),
            [b"Exif\0\0Exif\0\0", &whole[..]].concat(),
        ] {
            assert_eq!(orientation(&exif), Orientation::NoTransforms, "{exif:?}");
        }
    }
}
