//! The headers of a JPEG's frame and scans (ITU-T T.81, sections B.2.2 and B.2.3).

use super::segments::{Segment, marker};

/// The header of a frame: one, three or four components of 8 bits.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) size: (u32, u32),
    pub(super) is_progressive: bool,
    components: Vec<Component>,
}

#[derive(Debug)]
struct Component {
    id: u8,
    /// Sampling factors, horizontal and vertical.
    sampling: (u32, u32),
    /// The coefficients that are complete, one bit for each.
    finished: u64,
}

impl Frame {
    /// Parses the header of a frame. `None` if no browser shows such an image.
    pub(super) fn parse(segment: &Segment) -> Option<Self> {
        let (&[8, high, low, left, right, count], components) =
            segment.parameters.split_first_chunk()?
        else {
            return None;
        };
        let size = (
            u16::from_be_bytes([left, right]).into(),
            u16::from_be_bytes([high, low]).into(),
        );
        let (components, rest) = components.as_chunks();
        let is_supported = size.0 > 0
            && size.1 > 0
            && matches!(count, 1 | 3 | 4)
            && components.len() == usize::from(count)
            && rest.is_empty();
        let components = components.iter().map(|&[id, sampling, _table]| {
            let sampling = (u32::from(sampling >> 4), u32::from(sampling & 15));
            let is_valid = (1..=4).contains(&sampling.0) && (1..=4).contains(&sampling.1);
            is_valid.then_some(Component {
                id,
                sampling,
                finished: 0,
            })
        });
        is_supported.then_some(Self {
            size,
            is_progressive: segment.marker == marker::PROGRESSIVE,
            components: components.collect::<Option<_>>()?,
        })
    }

    /// Returns the number of components.
    pub(super) fn components(&self) -> usize {
        self.components.len()
    }

    /// Returns whether the scans of a progressive image hold all coefficients.
    pub(super) fn is_complete(&self) -> bool {
        let mut components = self.components.iter();
        components.all(|component| component.finished == u64::MAX)
    }

    /// Records the coefficients that `scan` completes, and returns how many blocks of 8 × 8 samples
    /// it goes through. `None` if one of its components is not in this frame.
    pub(super) fn read(&mut self, scan: &Scan) -> Option<u64> {
        let factors = |side: fn(&Component) -> u32| self.components.iter().map(side).max();
        let (widest, highest) = (
            factors(|component| component.sampling.0)?,
            factors(|component| component.sampling.1)?,
        );
        scan.components
            .iter()
            .map(|&id| {
                let mut components = self.components.iter_mut();
                let component = components.find(|component| component.id == id)?;
                component.finished |= scan.finished;
                let (horizontal, vertical) = component.sampling;
                let width = (self.size.0 * horizontal).div_ceil(8 * widest);
                let height = (self.size.1 * vertical).div_ceil(8 * highest);
                Some(u64::from(width) * u64::from(height))
            })
            .sum()
    }
}

/// The header of a scan.
#[derive(Debug)]
pub(super) struct Scan {
    /// The ids of the components in it.
    pub(super) components: Vec<u8>,
    /// The coefficients, one bit for each, whose last bit is in it.
    finished: u64,
}

impl Scan {
    pub(super) fn parse(segment: &Segment) -> Option<Self> {
        let (&count, rest) = segment.parameters.split_first()?;
        let (components, &[first, last, bits]) = rest.split_at_checked(2 * usize::from(count))?
        else {
            return None;
        };
        let (components, _) = components.as_chunks();
        let last_bit = bits & 15;
        let finished = (first..=last.min(63))
            .filter(|_| last_bit == 0)
            .fold(0, |finished, coefficient| finished | 1 << coefficient);
        matches!(count, 1..=4).then(|| Self {
            components: components.iter().map(|&[id, _tables]| id).collect(),
            finished,
        })
    }
}
