//! Which I/O virtual addresses of a domain are free.
//!
//! First fit from below, so that a card or IOMMU with few address bits is served
//! too. The page at 0 is never given out, nor the window of message interrupts,
//! where a DMA write would be an interrupt.
//!
//! Not here: mapping them ([`crate::sys`]).

use crate::device::Iova;

/// Where addresses begin: away from 0, which a lost pointer may be.
const FIRST: u64 = 1 << 20;

/// Address bits of the narrowest IOMMU in use (Intel VT-d, 3-level tables).
const BITS: u32 = 39;

/// Message interrupts of x86 (Intel SDM, vol. 3, 11.11).
const MESSAGES: Range = Range {
    first: 0xFEE0_0000,
    last: 0xFEEF_FFFF,
};

/// Addresses from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The free addresses of one domain.
#[derive(Debug)]
pub(crate) struct Space {
    free: Vec<Range>,
}

impl Space {
    /// Everything in `valid`, or what every IOMMU has if the kernel does not say.
    pub(crate) fn new(valid: Option<Vec<Range>>) -> Self {
        let all = Range {
            first: 0,
            last: (1 << BITS) - 1,
        };
        let mut space = Self {
            free: valid.unwrap_or(vec![all]),
        };
        space.free.sort_by_key(|range| range.first);
        space.exclude(Range {
            first: 0,
            last: FIRST - 1,
        });
        space.exclude(MESSAGES);
        space
    }

    /// Takes `bytes` bytes at a multiple of `align`, a power of two.
    pub(crate) fn take(&mut self, bytes: u64, align: u64) -> Option<Iova> {
        let more = bytes.checked_sub(1)?;
        let fits = |range: &Range| {
            let first = range.first.checked_next_multiple_of(align)?;
            let last = first.checked_add(more)?;
            (last <= range.last).then_some(Range { first, last })
        };
        let taken = self.free.iter().find_map(fits)?;
        self.exclude(taken);
        Some(Iova::new(taken.first))
    }

    /// Gives back what [`Space::take`] gave.
    pub(crate) fn give(&mut self, iova: Iova, bytes: u64) {
        let first = iova.get();
        let last = bytes
            .checked_sub(1)
            .and_then(|more| first.checked_add(more));
        let Some(last) = last else {
            return;
        };
        let mut given = Range { first, last };
        // Neighbours become one again, or the space would crumble.
        self.free.retain(|range| {
            let before = range.last.checked_add(1) == Some(given.first);
            let after = given.last.checked_add(1) == Some(range.first);
            if before {
                given.first = range.first;
            }
            if after {
                given.last = range.last;
            }
            !(before || after)
        });
        let at = self.free.partition_point(|range| range.first < given.first);
        self.free.insert(at, given);
    }

    /// Cuts `hole` out.
    fn exclude(&mut self, hole: Range) {
        let cut = |range: &Range| {
            let below = hole.first.checked_sub(1).map(|last| Range {
                first: range.first,
                last: range.last.min(last),
            });
            let above = hole.last.checked_add(1).map(|first| Range {
                first: range.first.max(first),
                last: range.last,
            });
            [below, above]
        };
        let parts = self.free.iter().flat_map(cut).flatten();
        self.free = parts.filter(|range| range.first <= range.last).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    #[test]
    fn what_is_taken_is_aligned_and_nobody_elses() {
        let mut space = Space::new(None);
        let mut taken: Vec<(u64, u64)> = Vec::new();
        for pages in (1..=600).cycle().take(1500) {
            let bytes = pages * PAGE;
            let align = if pages % 3 == 0 { 2 << 20 } else { PAGE };
            let first = space.take(bytes, align).unwrap().get();
            assert!(first.is_multiple_of(align) && first >= FIRST);
            let apart =
                |&(other, size): &(u64, u64)| first + bytes <= other || other + size <= first;
            assert!(taken.iter().all(apart));
            taken.push((first, bytes));
        }
        for &(first, bytes) in taken.iter().rev().step_by(2) {
            space.give(Iova::new(first), bytes);
        }
        for &(first, bytes) in taken.iter().rev().skip(1).step_by(2) {
            space.give(Iova::new(first), bytes);
        }
        assert_eq!(space.free, Space::new(None).free, "all is whole again");
    }

    #[test]
    fn interrupts_are_never_given_out() {
        let around = Range {
            first: 0xFEDF_F000,
            last: 0xFEF0_0FFF,
        };
        let mut space = Space::new(Some(vec![around]));
        let mut given = || Some(space.take(PAGE, PAGE)?.get());
        assert_eq!(given(), Some(0xFEDF_F000));
        assert_eq!(given(), Some(0xFEF0_0000));
        assert_eq!(given(), None);
    }

    #[test]
    fn the_ranges_of_the_kernel_are_kept_to_their_last_byte() {
        let top = Range {
            first: u64::MAX - (2 * PAGE - 1),
            last: u64::MAX,
        };
        let mut space = Space::new(Some(vec![top]));
        assert!(space.take(3 * PAGE, PAGE).is_none());
        let first = space.take(2 * PAGE, PAGE).unwrap();
        assert_eq!(first.get(), top.first);
        assert!(space.take(PAGE, PAGE).is_none());
        space.give(first, 2 * PAGE);
        assert!(space.take(2 * PAGE, PAGE).is_some());
        assert!(space.take(0, PAGE).is_none());
    }
}
