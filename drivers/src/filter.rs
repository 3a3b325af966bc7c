//! Filter tables that all families share: multicast, VLANs, addresses.
//!
//! Each function that sets a table has its inverse beside it, for `read_back`.
//!
//! Source: datasheets of 82574, 82576 and 82599, chapters on receive filters and registers. Not
//! here: to whom a frame that passes goes (the families).

use alloc::boxed::Box;
use alloc::vec::Vec;

use lockgate_regs::common::*;
use lockgate_regs::{Index, Stable, TableWord};
use lockgate_vmdq::{HardwarePlan, Mac};

use crate::access::{RegisterWrite, Registers};
use crate::error::Error;

/// The multicast and VLAN tables of `plan`, the latter in registers `V`.
pub(crate) fn tables<V: Stable<Index = TableWord>>(plan: &HardwarePlan) -> Vec<RegisterWrite> {
    let mut settings = Vec::new();
    for (at, &multicast) in TableWord::all().zip(plan.multicast.iter()) {
        let vlans = plan
            .vlans
            .keys()
            .filter(|vid| TableWord::of_bit(**vid) == at);
        let vlans = vlans.fold(0, |word, vid| word | 1 << (vid & 31));
        settings.extend([
            RegisterWrite::new(at, Mta::new(multicast)),
            RegisterWrite::new(at, V::from(vlans)),
        ]);
    }
    settings
}

/// The multicast table, as a plan has it.
pub(crate) fn read_multicast(registers: &Registers) -> Result<Box<[u32; 128]>, Error> {
    let mut words = Box::new([0; 128]);
    for (word, mta) in words.iter_mut().zip(registers.read_all::<Mta>()?) {
        *word = mta.get();
    }
    Ok(words)
}

/// Octets of an address as its two ral_rah hold them, the first low.
pub(crate) fn ral_rah(mac: &Mac) -> (u32, u16) {
    let [a, b, c, d, e, f] = mac.octets();
    (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]))
}

/// The address of two ral_rah.
pub(crate) fn mac(low: u32, high: u16) -> Mac {
    let ([a, b, c, d], [e, f]) = (low.to_le_bytes(), high.to_le_bytes());
    Mac::new([a, b, c, d, e, f])
}
