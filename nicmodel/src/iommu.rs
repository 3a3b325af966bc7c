//! The IOMMU domain of a modelled card.
//!
//! An access is all inside mappings or moves no byte and is logged, as VT-d does.
//! A domain either chooses its addresses, as a driver's here does, or is told them,
//! as by the machine that a served card is in. Those it chooses go upwards with a hole
//! behind each mapping and never come twice, so neither an overrun nor a stale
//! address ever hits memory.
//!
//! Not here: whether the card may master the bus at all ([`crate::chip`]).

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use lockgate_drivers::device::Iova;
use lockgate_shm::Memory;

use crate::fault::{DmaFault, Log};

/// The first address handed out: above 4 GiB, so that upper halves count.
const FIRST: u64 = 0x1_0000_0000;

/// Mappings start at multiples of this, and a hole of at least this follows each.
const HOLE: u64 = 0x1_0000;

/// The most mappings that somebody else may choose: each costs this process one.
const MOST: usize = 1 << 14;

/// Memory at an address.
#[derive(Debug)]
struct Mapping {
    memory: Arc<Memory>,
    /// The card may write it.
    writable: bool,
}

/// Which memory the card reaches, and what it tried to reach.
#[derive(Debug)]
pub(crate) struct Domain {
    mappings: BTreeMap<u64, Mapping>,
    next: u64,
    faults: Log<DmaFault>,
}

impl Domain {
    pub(crate) fn new() -> Self {
        Self {
            mappings: BTreeMap::new(),
            next: FIRST,
            faults: Log::default(),
        }
    }

    pub(crate) fn map(&mut self, memory: &Arc<Memory>) -> io::Result<Iova> {
        let start = self.next;
        self.next = (memory.len() as u64)
            .checked_next_multiple_of(HOLE)
            .and_then(|bytes| start.checked_add(bytes)?.checked_add(HOLE))
            .ok_or(io::ErrorKind::OutOfMemory)?;
        self.map_at(Iova::new(start), Arc::clone(memory), true)?;
        Ok(Iova::new(start))
    }

    /// Maps `memory` at an address that somebody else chose.
    ///
    /// # Errors
    /// `AlreadyExists`, when something is mapped there; `InvalidInput`, when the address
    /// space ends before the pages do; `QuotaExceeded` for too many mappings.
    pub(crate) fn map_at(
        &mut self,
        iova: Iova,
        memory: Arc<Memory>,
        writable: bool,
    ) -> io::Result<()> {
        let start = iova.get();
        let end = start
            .checked_add(memory.len() as u64)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let below = self.mappings.range(..end).next_back();
        if below.is_some_and(|(&at, mapping)| mapping.end(at) > start) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.mappings.len() >= MOST {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.mappings.insert(start, Mapping { memory, writable });
        Ok(())
    }

    pub(crate) fn unmap(&mut self, iova: Iova, bytes: usize) -> io::Result<()> {
        match self.mappings.get(&iova.get()) {
            Some(mapping) if mapping.memory.len() == bytes => {
                self.mappings.remove(&iova.get());
                Ok(())
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Unmaps every mapping in a range of addresses, of which there may be none.
    ///
    /// # Errors
    /// `InvalidInput`, when the range cuts a mapping; none was unmapped.
    pub(crate) fn unmap_all(&mut self, range: RangeInclusive<u64>) -> io::Result<()> {
        let inside = |(&at, mapping): (&u64, &Mapping)| {
            let last = mapping.end(at).saturating_sub(1);
            let whole = range.contains(&at) && range.contains(&last);
            let apart = last < *range.start() || *range.end() < at;
            (whole, whole || apart)
        };
        if !self.mappings.iter().all(|entry| inside(entry).1) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.mappings.retain(|at, mapping| !inside((at, mapping)).0);
        Ok(())
    }

    pub(crate) fn faults(&self) -> &Log<DmaFault> {
        &self.faults
    }

    /// Reads `into.len()` bytes at `iova`.
    pub(crate) fn read(&mut self, iova: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        let bytes = into.len();
        let done = self.is_mapped(iova, bytes, false) && {
            let (mut at, mut left) = (iova, into);
            while let Some((memory, offset, count)) = self.piece(at, left.len()) {
                let (piece, rest) = left.split_at_mut(count);
                memory.read(offset, piece);
                (at, left) = (at.wrapping_add(count as u64), rest);
            }
            left.is_empty()
        };
        self.outcome(done, iova, bytes, false)
    }

    /// Writes `from` at `iova`.
    pub(crate) fn write(&mut self, iova: u64, from: &[u8]) -> Result<(), DmaFault> {
        let done = self.is_mapped(iova, from.len(), true) && {
            let (mut at, mut left) = (iova, from);
            while let Some((memory, offset, count)) = self.piece(at, left.len()) {
                let (piece, rest) = left.split_at(count);
                memory.write(offset, piece);
                (at, left) = (at.wrapping_add(count as u64), rest);
            }
            left.is_empty()
        };
        self.outcome(done, iova, from.len(), true)
    }

    /// Reads the little-endian quadword at `iova`, and sees whatever software
    /// stored before it.
    pub(crate) fn load_u64(&mut self, iova: u64) -> Result<u64, DmaFault> {
        let value = self
            .find(iova)
            .and_then(|(mapping, at)| mapping.memory.load_u64(at));
        self.outcome(value.is_some(), iova, 8, false)?;
        Ok(u64::from_le(value.unwrap_or(0)))
    }

    /// Writes the little-endian quadword at `iova` after everything written before.
    pub(crate) fn store_u64(&mut self, iova: u64, value: u64) -> Result<(), DmaFault> {
        let done = self.find(iova).is_some_and(|(mapping, at)| {
            mapping.writable && mapping.memory.store_u64(at, value.to_le())
        });
        self.outcome(done, iova, 8, true)
    }

    /// As [`Domain::store_u64`], for four bytes.
    pub(crate) fn store_u32(&mut self, iova: u64, value: u32) -> Result<(), DmaFault> {
        let done = self.find(iova).is_some_and(|(mapping, at)| {
            mapping.writable && mapping.memory.store_u32(at, value.to_le())
        });
        self.outcome(done, iova, 4, true)
    }

    /// The mapping that starts at or below `iova`, and the offset in it, which
    /// may be beyond its end.
    fn find(&self, iova: u64) -> Option<(&Mapping, usize)> {
        let (start, mapping) = self.mappings.range(..=iova).next_back()?;
        Some((mapping, usize::try_from(iova - start).ok()?))
    }

    /// As many of `bytes` bytes at `iova` as one mapping has, at least one, by where
    /// they are in its memory.
    fn piece(&self, iova: u64, bytes: usize) -> Option<(&Memory, usize, usize)> {
        let (mapping, offset) = self.find(iova)?;
        let count = bytes.min(mapping.memory.len().checked_sub(offset)?);
        (count > 0).then_some((&mapping.memory, offset, count))
    }

    /// Whether all of `bytes` bytes at `iova` are mapped, to be written or read.
    fn is_mapped(&self, iova: u64, bytes: usize, write: bool) -> bool {
        let (mut at, mut left) = (iova, bytes);
        while left > 0 {
            let writable = self.find(at).is_some_and(|(mapping, _)| mapping.writable);
            match self.piece(at, left) {
                Some((_, _, count)) if writable || !write => {
                    (at, left) = (at.wrapping_add(count as u64), left - count);
                }
                _ => return false,
            }
        }
        true
    }

    fn outcome(&mut self, ok: bool, iova: u64, bytes: usize, write: bool) -> Result<(), DmaFault> {
        if ok {
            return Ok(());
        }
        let fault = DmaFault {
            iova: Iova::new(iova),
            bytes,
            write,
        };
        self.faults.push(fault);
        Err(fault)
    }
}

impl Mapping {
    /// The first address behind it, when it is at `at`. It fits, or was not mapped.
    fn end(&self, at: u64) -> u64 {
        at.saturating_add(self.memory.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_that_leaves_its_mapping_moves_no_byte_and_is_logged() {
        let mut domain = Domain::new();
        let memory = Arc::new(Memory::zeroed(4096));
        let start = domain.map(&memory).unwrap().get();
        assert_eq!(domain.write(start + 4090, &[1; 6]), Ok(()));

        let mut into = [7; 7];
        assert!(domain.read(start + 4090, &mut into).is_err());
        assert_eq!(into, [7; 7]);
        assert!(domain.write(start + 4091, &[2; 6]).is_err());
        assert!(domain.store_u64(start + 4096, 0).is_err());
        assert!(domain.load_u64(start - 8).is_err());

        assert!(memory.read(4090, &mut into[..6]));
        assert_eq!(into[..6], [1; 6]);
        let writes: Vec<bool> = domain.faults().first().iter().map(|f| f.write).collect();
        assert_eq!(writes, [false, true, true, false]);
    }

    #[test]
    fn a_stale_address_never_hits_a_later_mapping() {
        let mut domain = Domain::new();
        let memory = Arc::new(Memory::zeroed(4096));
        let stale = domain.map(&memory).unwrap();
        domain.unmap(stale, memory.len()).unwrap();
        domain.map(&memory).unwrap();

        let fault = domain.write(stale.get(), &[1]).unwrap_err();
        assert_eq!((fault.iova, fault.write), (stale, true));
    }

    #[test]
    fn only_a_whole_mapping_can_be_unmapped() {
        let mut domain = Domain::new();
        let memory = Arc::new(Memory::zeroed(8192));
        let start = domain.map(&memory).unwrap();
        assert!(domain.unmap(start, 4096).is_err());
        assert!(domain.unmap(Iova::new(start.get() + 4096), 4096).is_err());
        assert!(domain.unmap(start, 8192).is_ok());
        assert!(domain.unmap(start, 8192).is_err());
    }

    #[test]
    fn an_access_may_span_mappings_that_adjoin_and_no_hole() {
        let mut domain = Domain::new();
        let memory: Vec<_> = (0..3).map(|_| Arc::new(Memory::zeroed(4096))).collect();
        for (memory, at) in memory.iter().zip([0, 0x1000, 0x3000]) {
            domain
                .map_at(Iova::new(at), Arc::clone(memory), true)
                .unwrap();
        }
        assert_eq!(domain.write(0xFFE, &[1, 2, 3, 4]), Ok(()));
        let mut into = [0; 4];
        assert_eq!(domain.read(0xFFE, &mut into), Ok(()));
        assert_eq!(into, [1, 2, 3, 4]);
        assert!(memory[1].read(0, &mut into[..2]));
        assert_eq!(into[..2], [3, 4]);
        assert!(domain.write(0x1FFE, &[5; 4]).is_err());
        assert!(domain.read(0x1FFE, &mut [0; 0x2000]).is_err());
        assert_eq!(domain.read(0x1FFE, &mut into[..2]), Ok(()));
        assert_eq!(into[..2], [0, 0]);
    }

    #[test]
    fn what_is_mapped_is_mapped_once_and_unmapped_whole() {
        let mut domain = Domain::new();
        let memory = Arc::new(Memory::zeroed(8192));
        let mut map = |at| domain.map_at(Iova::new(at), Arc::clone(&memory), true);
        assert!(map(0x2000).is_ok() && map(0x4000).is_ok());
        for at in [0x1000, 0x2000, 0x3000, 0x5000] {
            assert_eq!(map(at).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert!(map(u64::MAX - 4095).is_err());
        assert!(domain.unmap_all(0x2000..=0x4FFF).is_err());
        assert!(domain.unmap_all(0x3000..=0x3FFF).is_err());
        assert!(domain.write(0x2000, &[1]).is_ok());
        assert!(domain.unmap_all(0x1000..=0x3FFF).is_ok());
        assert!(domain.write(0x2000, &[1]).is_err());
        assert!(domain.unmap_all(0..=u64::MAX).is_ok());
        assert!(domain.write(0x4000, &[1]).is_err());
    }

    #[test]
    fn what_may_only_be_read_cannot_be_written() {
        let mut domain = Domain::new();
        let memory = Arc::new(Memory::zeroed(4096));
        domain.map_at(Iova::new(0), memory, false).unwrap();
        assert_eq!(domain.load_u64(8), Ok(0));
        assert!(domain.write(0, &[1]).is_err());
        assert!(domain.store_u64(8, 1).is_err() && domain.store_u32(8, 1).is_err());
    }
}
