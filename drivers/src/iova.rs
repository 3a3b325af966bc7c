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

/// Addresses from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// What is never given out: the bottom, and the message interrupts of x86 (Intel
/// SDM, vol. 3, 11.11).
const RESERVED: [Range; 2] =
    [Range { first: 0, last: FIRST - 1 }, Range { first: 0xFEE0_0000, last: 0xFEEF_FFFF }];

/// The addresses of one domain.
#[derive(Debug)]
pub(crate) struct Space {
    valid: Vec<Range>,
    taken: Vec<Range>,
}

impl Space {
    /// Everything in `valid`, or what every IOMMU has if the kernel does not say.
    pub(crate) fn new(valid: Option<Vec<Range>>) -> Self {
        let last = (1 << BITS) - 1;
        let mut valid = valid.unwrap_or(vec![Range { first: 0, last }]);
        valid.sort_by_key(|range| range.first);
        let taken = RESERVED.to_vec();
        Self { valid, taken }
    }

    /// Takes `bytes` bytes at a multiple of `align`, a power of two.
    pub(crate) fn take(&mut self, bytes: u64, align: u64) -> Option<Iova> {
        let more = bytes.checked_sub(1)?;
        let range = self.valid.iter().find_map(|valid| self.fit(valid, more, align))?;
        self.taken.push(range);
        Some(Iova::new(range.first))
    }

    /// Gives back what [`Space::take`] gave.
    pub(crate) fn give(&mut self, iova: Iova) {
        self.taken.retain(|range| range.first != iova.get());
    }

    /// The first `more + 1` free bytes within `valid`.
    fn fit(&self, valid: &Range, more: u64, align: u64) -> Option<Range> {
        let mut first = valid.first.checked_next_multiple_of(align)?;
        loop {
            let last = first.checked_add(more).filter(|&last| last <= valid.last)?;
            let overlaps = |taken: &&Range| taken.first <= last && first <= taken.last;
            match self.taken.iter().find(overlaps) {
                None => return Some(Range { first, last }),
                Some(taken) => {
                    first = taken.last.checked_add(1)?.checked_next_multiple_of(align)?
                }
            }
        }
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
        for &(first, _) in taken.iter().rev().step_by(2) {
            space.give(Iova::new(first));
        }
        let first = taken.last().map(|&(first, bytes)| (first, bytes));
        let (first, bytes) = first.unwrap();
        assert!(space.take(bytes, PAGE).unwrap().get() <= first, "used again");
    }

    #[test]
    fn interrupts_are_never_given_out() {
        let around = Range { first: 0xFEDF_F000, last: 0xFEF0_0FFF };
        let mut space = Space::new(Some(vec![around]));
        let mut given = || Some(space.take(PAGE, PAGE)?.get());
        assert_eq!(given(), Some(0xFEDF_F000));
        assert_eq!(given(), Some(0xFEF0_0000));
        assert_eq!(given(), None);
    }

    #[test]
    fn the_ranges_of_the_kernel_are_kept_to_their_last_byte() {
        let top = Range { first: u64::MAX - (2 * PAGE - 1), last: u64::MAX };
        let mut space = Space::new(Some(vec![top]));
        assert!(space.take(3 * PAGE, PAGE).is_none());
        let first = space.take(2 * PAGE, PAGE).unwrap();
        assert_eq!(first.get(), top.first);
        assert!(space.take(PAGE, PAGE).is_none());
        space.give(first);
        assert!(space.take(2 * PAGE, PAGE).is_some());
        assert!(space.take(0, PAGE).is_none());
    }
}
