//! The IOMMU domain of a modelled card.
//!
//! An access is all inside one mapping or moves no byte and is logged, as VT-d
//! does. Addresses are handed out upwards with a hole behind each mapping and
//! never twice, so neither an overrun nor a stale address ever hits memory.
//!
//! Not here: whether the card may master the bus at all ([`crate::chip`]).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use lockgate_drivers::device::Iova;
use lockgate_drivers::sys::Pages;

use crate::fault::{DmaFault, Log};

/// The first address handed out: above 4 GiB, so that upper halves count.
const FIRST: u64 = 0x1_0000_0000;

/// Mappings start at multiples of this, and a hole of at least this follows each.
const HOLE: u64 = 0x1_0000;

/// Which memory the card reaches, and what it tried to reach.
#[derive(Debug)]
pub(crate) struct Domain {
    mappings: BTreeMap<u64, Arc<Pages>>,
    next: u64,
    faults: Log<DmaFault>,
}

impl Domain {
    pub(crate) fn new() -> Self {
        Self { mappings: BTreeMap::new(), next: FIRST, faults: Log::default() }
    }

    pub(crate) fn map(&mut self, pages: &Arc<Pages>) -> io::Result<Iova> {
        let start = self.next;
        self.next = (pages.len() as u64)
            .checked_next_multiple_of(HOLE)
            .and_then(|bytes| start.checked_add(bytes)?.checked_add(HOLE))
            .ok_or(io::ErrorKind::OutOfMemory)?;
        self.mappings.insert(start, Arc::clone(pages));
        Ok(Iova::new(start))
    }

    pub(crate) fn unmap(&mut self, iova: Iova, bytes: usize) -> io::Result<()> {
        match self.mappings.get(&iova.get()) {
            Some(pages) if pages.len() == bytes => {
                self.mappings.remove(&iova.get());
                Ok(())
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(crate) fn faults(&self) -> &Log<DmaFault> {
        &self.faults
    }

    /// Reads `into.len()` bytes at `iova`.
    pub(crate) fn read(&mut self, iova: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        let bytes = into.len();
        let done = self.find(iova).is_some_and(|(pages, offset)| pages.read(offset, into));
        self.outcome(done, iova, bytes, false)
    }

    /// Writes `from` at `iova`.
    pub(crate) fn write(&mut self, iova: u64, from: &[u8]) -> Result<(), DmaFault> {
        let done = self.find(iova).is_some_and(|(pages, offset)| pages.write(offset, from));
        self.outcome(done, iova, from.len(), true)
    }

    /// Reads the little-endian quadword at `iova`, and sees whatever software
    /// stored before it.
    pub(crate) fn load_u64(&mut self, iova: u64) -> Result<u64, DmaFault> {
        let value = self.find(iova).and_then(|(pages, offset)| pages.load_u64(offset));
        self.outcome(value.is_some(), iova, 8, false)?;
        Ok(u64::from_le(value.unwrap_or(0)))
    }

    /// Writes the little-endian quadword at `iova` after everything written before.
    pub(crate) fn store_u64(&mut self, iova: u64, value: u64) -> Result<(), DmaFault> {
        let done =
            self.find(iova).is_some_and(|(pages, offset)| pages.store_u64(offset, value.to_le()));
        self.outcome(done, iova, 8, true)
    }

    /// As [`Domain::store_u64`], for four bytes.
    pub(crate) fn store_u32(&mut self, iova: u64, value: u32) -> Result<(), DmaFault> {
        let done =
            self.find(iova).is_some_and(|(pages, offset)| pages.store_u32(offset, value.to_le()));
        self.outcome(done, iova, 4, true)
    }

    /// The mapping that starts at or below `iova`, and the offset in it, which
    /// may be beyond its end.
    fn find(&self, iova: u64) -> Option<(&Pages, usize)> {
        let (start, pages) = self.mappings.range(..=iova).next_back()?;
        Some((pages, usize::try_from(iova - start).ok()?))
    }

    fn outcome(&mut self, ok: bool, iova: u64, bytes: usize, write: bool) -> Result<(), DmaFault> {
        if ok {
            return Ok(());
        }
        let fault = DmaFault { iova: Iova::new(iova), bytes, write };
        self.faults.push(fault);
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_that_leaves_its_mapping_moves_no_byte_and_is_logged() {
        let mut domain = Domain::new();
        let pages = Arc::new(Pages::new(4096).unwrap());
        let start = domain.map(&pages).unwrap().get();
        assert_eq!(domain.write(start + 4090, &[1; 6]), Ok(()));

        let mut into = [7; 7];
        assert!(domain.read(start + 4090, &mut into).is_err());
        assert_eq!(into, [7; 7]);
        assert!(domain.write(start + 4091, &[2; 6]).is_err());
        assert!(domain.store_u64(start + 4096, 0).is_err());
        assert!(domain.load_u64(start - 8).is_err());

        assert!(pages.read(4090, &mut into[..6]));
        assert_eq!(into[..6], [1; 6]);
        let writes: Vec<bool> = domain.faults().first().iter().map(|f| f.write).collect();
        assert_eq!(writes, [false, true, true, false]);
    }

    #[test]
    fn a_stale_address_never_hits_a_later_mapping() {
        let mut domain = Domain::new();
        let pages = Arc::new(Pages::new(4096).unwrap());
        let stale = domain.map(&pages).unwrap();
        domain.unmap(stale, pages.len()).unwrap();
        domain.map(&pages).unwrap();

        let fault = domain.write(stale.get(), &[1]).unwrap_err();
        assert_eq!((fault.iova, fault.write), (stale, true));
    }

    #[test]
    fn only_a_whole_mapping_can_be_unmapped() {
        let mut domain = Domain::new();
        let pages = Arc::new(Pages::new(8192).unwrap());
        let start = domain.map(&pages).unwrap();
        assert!(domain.unmap(start, 4096).is_err());
        assert!(domain.unmap(Iova::new(start.get() + 4096), 4096).is_err());
        assert!(domain.unmap(start, 8192).is_ok());
        assert!(domain.unmap(start, 8192).is_err());
    }
}
