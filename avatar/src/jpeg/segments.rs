//! The segments of a JPEG file (ITU-T T.81, annex B).

/// Markers (table B.1).
pub(super) mod marker {
    /// Baseline, extended sequential, and progressive DCT with Huffman codes.
    pub(in crate::jpeg) const SUPPORTED_FRAMES: std::ops::RangeInclusive<u8> = 0xc0..=0xc2;
    pub(in crate::jpeg) const PROGRESSIVE: u8 = 0xc2;
    pub(in crate::jpeg) const HUFFMAN_TABLES: u8 = 0xc4;
    pub(in crate::jpeg) const ARITHMETIC_CONDITIONING: u8 = 0xcc;
    pub(in crate::jpeg) const START_OF_IMAGE: u8 = 0xd8;
    pub(in crate::jpeg) const END_OF_IMAGE: u8 = 0xd9;
    pub(in crate::jpeg) const START_OF_SCAN: u8 = 0xda;
    pub(in crate::jpeg) const QUANTIZATION_TABLES: u8 = 0xdb;
    pub(in crate::jpeg) const RESTART_INTERVAL: u8 = 0xdd;
    pub(in crate::jpeg) const APP0: u8 = 0xe0;
    pub(in crate::jpeg) const APP1: u8 = 0xe1;
    pub(in crate::jpeg) const APP2: u8 = 0xe2;
    pub(in crate::jpeg) const APP14: u8 = 0xee;
    pub(in crate::jpeg) const COMMENT: u8 = 0xfe;
}

/// One segment, and the compressed data behind it if it starts a scan.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    /// The parameters, without their length.
    pub(super) parameters: &'a [u8],
    pub(super) data: &'a [u8],
}

/// Iterates over the segments behind the start of an image, in one pass over its bytes.
///
/// Like libjpeg, it skips bytes between segments. It ends where a segment is cut.
pub(super) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Iterates over `jpeg` from its third byte on.
    pub(super) fn of(jpeg: &'a [u8]) -> Self {
        Self {
            rest: jpeg.get(2..).unwrap_or_default(),
        }
    }

    fn next_marker(&mut self) -> Option<u8> {
        loop {
            let at = self.rest.iter().position(|&byte| byte == 0xff)?;
            let after = &self.rest[at + 1..];
            // Any number of fill bytes may stand before a marker (section B.1.1.2).
            let fill = after.iter().position(|&byte| byte != 0xff)?;
            self.rest = &after[fill + 1..];
            if matches!(after[fill], 0xc0..=0xcf | 0xd9..=0xef | marker::COMMENT) {
                return Some(after[fill]);
            }
        }
    }

    fn parameters(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk()?));
        let (segment, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        segment.get(2..)
    }

    /// Takes compressed data: all up to the next marker that is not a restart.
    fn data(&mut self) -> &'a [u8] {
        let pairs = self.rest.array_windows();
        let end = pairs
            .map(|&[first, second]| first == 0xff && !matches!(second, 0x00 | 0xd0..=0xd7 | 0xff))
            .position(|is_marker| is_marker)
            .unwrap_or(self.rest.len());
        let (data, rest) = self.rest.split_at(end);
        self.rest = rest;
        data
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let marker = self.next_marker()?;
        let (mut parameters, mut data) = Default::default();
        if marker != marker::END_OF_IMAGE {
            parameters = self.parameters()?;
        }
        if marker == marker::START_OF_SCAN {
            data = self.data();
        }
        Some(Segment {
            marker,
            parameters,
            data,
        })
    }
}
