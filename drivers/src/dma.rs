//! Memory that one NIC can reach.
//!
//! The rule: memory is unmapped before it is freed, and what cannot be unmapped
//! is never freed. So it is the IOMMU, not the good behaviour of a card, that keeps
//! a late DMA out of memory that belongs to somebody else by then.
//!
//! Not here: what the memory is used for ([`crate::ring`]).

use std::io;
use std::mem;
use std::sync::Arc;

use crate::device::{Iommu, Iova};
use crate::error::Error;
use crate::sys::Pages;

/// Pages that a NIC reaches from creation until drop.
pub(crate) struct DmaRegion {
    iommu: Arc<dyn Iommu>,
    pages: Arc<Pages>,
    iova: Iova,
}

impl DmaRegion {
    /// Lets the NIC reach `pages`.
    ///
    /// # Errors
    /// [`Error::PinMemory`] when the process may not lock that much memory,
    /// [`Error::MapMemory`] when the IOMMU has another reason.
    pub(crate) fn new(iommu: &Arc<dyn Iommu>, pages: &Arc<Pages>) -> Result<Self, Error> {
        let bytes = pages.len();
        let iova = iommu.map(pages).map_err(|source| match source.kind() {
            io::ErrorKind::OutOfMemory => Error::PinMemory { bytes, source },
            _ => Error::MapMemory { bytes, source },
        })?;
        Ok(Self {
            iommu: Arc::clone(iommu),
            pages: Arc::clone(pages),
            iova,
        })
    }

    /// Where the NIC sees the first byte.
    pub(crate) fn iova(&self) -> Iova {
        self.iova
    }
}

impl Drop for DmaRegion {
    fn drop(&mut self) {
        if self.iommu.unmap(self.iova, self.pages.len()).is_err() {
            // The NIC may still reach the pages: an owner that never goes keeps them.
            mem::forget(Arc::clone(&self.pages));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Maps one thing at a time and writes down what happened.
    struct Diary {
        entries: Mutex<Vec<&'static str>>,
        map: Option<io::ErrorKind>,
        unmap_fails: bool,
    }

    impl Iommu for Diary {
        fn map(&self, _: &Arc<Pages>) -> io::Result<Iova> {
            self.entries.lock().unwrap().push("map");
            self.map
                .map_or(Ok(Iova::new(0x1000)), |kind| Err(kind.into()))
        }

        fn unmap(&self, iova: Iova, bytes: usize) -> io::Result<()> {
            assert_eq!((iova, bytes), (Iova::new(0x1000), 4096));
            self.entries.lock().unwrap().push("unmap");
            match self.unmap_fails {
                true => Err(io::ErrorKind::Other.into()),
                false => Ok(()),
            }
        }
    }

    fn diary(map: Option<io::ErrorKind>, unmap_fails: bool) -> (Arc<Diary>, Arc<dyn Iommu>) {
        let diary = Arc::new(Diary {
            entries: Mutex::default(),
            map,
            unmap_fails,
        });
        (Arc::clone(&diary), diary)
    }

    #[test]
    fn a_region_is_unmapped_before_its_pages_are_freed() {
        let (diary, iommu) = diary(None, false);
        let pages = Arc::new(Pages::new(4096).unwrap());
        let region = DmaRegion::new(&iommu, &pages).unwrap();
        assert_eq!(Arc::strong_count(&pages), 2);
        drop(region);
        assert_eq!(*diary.entries.lock().unwrap(), ["map", "unmap"]);
        assert_eq!(Arc::strong_count(&pages), 1);
    }

    #[test]
    fn pages_that_cannot_be_unmapped_are_never_freed() {
        let (_, iommu) = diary(None, true);
        let pages = Arc::new(Pages::new(4096).unwrap());
        drop(DmaRegion::new(&iommu, &pages).unwrap());
        assert_eq!(Arc::strong_count(&pages), 2, "one owner is gone for good");
    }

    #[test]
    fn a_limit_on_locked_memory_is_told_apart_from_other_failures() {
        let pages = Arc::new(Pages::new(4096).unwrap());
        let (_, iommu) = diary(Some(io::ErrorKind::OutOfMemory), false);
        let error = DmaRegion::new(&iommu, &pages).err().unwrap();
        assert!(matches!(error, Error::PinMemory { bytes: 4096, .. }));
        assert!(error.to_string().contains("ulimit -l"));
        let (_, iommu) = diary(Some(io::ErrorKind::Other), false);
        let error = DmaRegion::new(&iommu, &pages).err().unwrap();
        assert!(matches!(error, Error::MapMemory { bytes: 4096, .. }));
    }
}
