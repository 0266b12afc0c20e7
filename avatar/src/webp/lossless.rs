//! The headers of lossless WebP (RFC 9649, section 3), which may demand far more memory than the
//! pixels need.
//!
//! An image may be divided into blocks, each of which names one of up to 65,536 groups of five
//! Huffman codes. The decoder builds every group up to the largest that is named, so that a small
//! file takes gigabytes (a decompression bomb). This module finds that largest number first.

/// Maximum number of groups of Huffman codes. libwebp's encoder divides no image into more blocks
/// (`MAX_HUFF_IMAGE_SIZE`). The decoder takes at most 120 KB for a group.
const MAX_GROUPS: u32 = 2_600;

/// Size of a header, in bytes; a compressed alpha channel has none.
pub(super) const HEADER: usize = 5;

/// Returns the width and the height.
pub(super) fn size(vp8l: &[u8]) -> Option<(u32, u32)> {
    let &[0x2f, a, b, c, d] = vp8l.first_chunk()? else {
        return None;
    };
    let bits = u32::from_le_bytes([a, b, c, d]);
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

/// Returns the compressed pixels of an alpha channel, which may be uncompressed as well.
pub(super) fn compressed_alpha(alpha: &[u8]) -> Option<&[u8]> {
    let (flags, pixels) = alpha.split_first()?;
    (flags & 3 == 1).then_some(pixels)
}

/// Returns whether there are few enough groups of codes. `None` if the headers are broken.
pub(super) fn has_few_groups(compressed: &[u8], size: (u32, u32)) -> Option<bool> {
    let groups = groups(&mut Bits::of(compressed), size)?;
    Some(groups <= MAX_GROUPS)
}

fn groups(bits: &mut Bits, (mut width, height): (u32, u32)) -> Option<u32> {
    // Each kind of transform occurs at most once (section 4).
    let mut transforms = [false; 4];
    while bits.read(1)? == 1 {
        let transform = bits.read(2)?;
        if std::mem::replace(&mut transforms[transform as usize], true) {
            return None;
        }
        match transform {
            0 | 1 => {
                let blocks = blocks(bits, (width, height))?;
                largest_group(bits, blocks)?;
            }
            2 => {}
            _ => {
                let colors = bits.read(8)? + 1;
                largest_group(bits, colors)?;
                let pixels_in_one = match colors {
                    1 | 2 => 8,
                    3 | 4 => 4,
                    5..=16 => 2,
                    _ => 1,
                };
                width = width.div_ceil(pixels_in_one);
            }
        }
    }
    color_cache(bits)?;
    if bits.read(1)? == 0 {
        return Some(1);
    }
    let blocks = blocks(bits, (width, height))?;
    Some(largest_group(bits, blocks)? + 1)
}

/// Reads the size of a block and returns how many there are.
fn blocks(bits: &mut Bits, (width, height): (u32, u32)) -> Option<u32> {
    let side = 1 << (bits.read(3)? + 2);
    Some(width.div_ceil(side) * height.div_ceil(side))
}

/// Reads the size of the color cache.
fn color_cache(bits: &mut Bits) -> Option<usize> {
    if bits.read(1)? == 0 {
        return Some(0);
    }
    let size = bits.read(4)?;
    (1..=11).contains(&size).then_some(1 << size)
}

/// Reads an image of so many pixels, and returns the largest number in red and green, which is the
/// number of a block's group.
///
/// Keeps no pixels: a copy of an earlier one is not larger.
fn largest_group(bits: &mut Bits, pixels: u32) -> Option<u32> {
    const LITERALS: usize = 256;
    const LENGTHS: usize = 24;
    const DISTANCES: usize = 40;
    let cache = color_cache(bits)?;
    let green = Code::read(bits, LITERALS + LENGTHS + cache)?;
    let [red, blue, alpha] = [(); 3].map(|()| Code::read(bits, LITERALS));
    let (red, blue, alpha) = (red?, blue?, alpha?);
    let distance = Code::read(bits, DISTANCES)?;
    let (mut largest, mut left) = (0, pixels);
    while left > 0 {
        let symbol = green.symbol(bits)?;
        let count = match u32::from(symbol) {
            symbol @ ..256 => {
                let red = u32::from(red.symbol(bits)?);
                blue.symbol(bits)?;
                alpha.symbol(bits)?;
                largest = largest.max(red << 8 | symbol);
                1
            }
            symbol @ ..280 => {
                let count = prefixed(bits, symbol - 256)?;
                let symbol = distance.symbol(bits)?;
                prefixed(bits, symbol.into())?;
                count
            }
            // A symbol of the color cache.
            _ => 1,
        };
        left = left.saturating_sub(count);
    }
    Some(largest)
}

/// Reads the extra bits of a length's or a distance's prefix, and returns their number (section
/// 5.2.2).
fn prefixed(bits: &mut Bits, prefix: u32) -> Option<u32> {
    if prefix < 4 {
        return Some(prefix + 1);
    }
    let extra = (prefix - 2) >> 1;
    Some(((2 + (prefix & 1)) << extra) + bits.read(extra)? + 1)
}

/// A canonical Huffman code.
struct Code {
    /// The number of symbols by the length of their code, in bits.
    lengths: [u16; 16],
    /// The symbols, ordered by their codes. A single one has a code of no bits.
    symbols: Vec<u16>,
}

impl Code {
    /// Reads a code (section 6.2.1).
    fn read(bits: &mut Bits, alphabet: usize) -> Option<Self> {
        let mut lengths = vec![0; alphabet];
        if bits.read(1)? == 1 {
            let has_two = bits.read(1)? == 1;
            let first = if bits.read(1)? == 1 { 8 } else { 1 };
            *lengths.get_mut(bits.read(first)? as usize)? = 1;
            if has_two {
                // Decoders disagree on a symbol that is named twice: a code of one bit, or of none.
                let second = lengths.get_mut(bits.read(8)? as usize)?;
                if std::mem::replace(second, 1) == 1 {
                    return None;
                }
            }
            return Self::of(&lengths);
        }
        const ORDER: [usize; 19] = [
            17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ];
        let mut lengths_of_lengths = [0; ORDER.len()];
        for &place in ORDER.iter().take(4 + bits.read(4)? as usize) {
            lengths_of_lengths[place] = bits.read(3)? as u8;
        }
        let code = Self::of(&lengths_of_lengths)?;
        let mut tokens = u32::MAX;
        if bits.read(1)? == 1 {
            let size = 2 + 2 * bits.read(3)?;
            tokens = 2 + bits.read(size)?;
        }
        let (mut at, mut previous) = (0, 8);
        while at < alphabet && tokens > 0 {
            tokens -= 1;
            let (length, count) = match code.symbol(bits)? {
                length @ ..16 => (length as u8, 1),
                16 => (previous, 3 + bits.read(2)? as usize),
                17 => (0, 3 + bits.read(3)? as usize),
                _ => (0, 11 + bits.read(7)? as usize),
            };
            if length > 0 {
                previous = length;
            }
            lengths.get_mut(at..at + count)?.fill(length);
            at += count;
        }
        Self::of(&lengths)
    }

    /// Makes the canonical code of symbols whose codes have these lengths. `None` if there is none,
    /// or one that leaves codes unused.
    fn of(lengths: &[u8]) -> Option<Self> {
        let mut symbols: Vec<u16> = (0..)
            .zip(lengths)
            .filter_map(|(symbol, &length)| (length > 0).then_some(symbol))
            .collect();
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        let mut counts = [0; 16];
        for &symbol in &symbols {
            counts[usize::from(lengths[usize::from(symbol)])] += 1;
        }
        let used: u32 = (1..=15)
            .map(|length| u32::from(counts[length]) << (15 - length))
            .sum();
        (used == 1 << 15 || symbols.len() == 1).then_some(Self {
            lengths: counts,
            symbols,
        })
    }

    /// Reads the next symbol.
    fn symbol(&self, bits: &mut Bits) -> Option<u16> {
        if let &[symbol] = &self.symbols[..] {
            return Some(symbol);
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.lengths[1..] {
            code = code << 1 | bits.read(1)?;
            let count = u32::from(count);
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
        }
        None
    }
}

/// Reads bits, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits that have been read.
    at: usize,
}

impl<'a> Bits<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads a number of at most 24 bits. `None` at the end.
    fn read(&mut self, count: u32) -> Option<u32> {
        let end = self.at + count as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let rest = &self.bytes[self.at / 8..];
        let mut word = [0; 4];
        let length = rest.len().min(4);
        word[..length].copy_from_slice(&rest[..length]);
        let value = u32::from_le_bytes(word) >> (self.at % 8);
        self.at = end;
        Some(value & ((1 << count) - 1))
    }
}
