//! What the drivers of all families do alike: reset, master disable, filter tables, RSS,
//! rate limits, statistics of the MAC.
//!
//! Each function that sets a table has its inverse beside it, for `read_back`.
//!
//! Source: datasheets of 82574, 82576 and 82599, chapters on initialization, master
//! disable, filters, RSS and registers, which these are alike in.
//!
//! Not here: queues and pools, and in what order things are done (the families).

use std::io;
use std::thread;
use std::time::Duration;

use lockgate_regs::common::*;
use lockgate_regs::{Index, Stable, TableWord};
use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{BitRate, HardwarePlan, Mac, RssPlan};

use crate::access::{Registers, Setting, or_go_on};
use crate::error::Error;
use crate::nic::{Port, Statistics};

/// Bytes of header, tag and check sequence around an MTU.
pub(crate) const AROUND: usize = 14 + 4 + 4;

/// How long the card is left alone around a reset, as Intel's own drivers do.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// How long DMA in progress may take; Intel's own drivers wait as long.
const MASTER_LIMIT: Duration = Duration::from_millis(80);

/// Resets the PCI function.
pub(crate) fn reset_function(port: &Port) -> Result<(), Error> {
    port.card
        .function
        .reset()
        .or_else(|source| match source.kind() {
            // A card that cannot reset its function still resets its MAC.
            io::ErrorKind::Unsupported => Ok(()),
            _ => Err(Error::Reset { source }),
        })
}

/// Resets the MAC.
pub(crate) fn reset_mac(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |ctrl: Ctrl| ctrl.with_reset(true))?;
    // The card must not be touched while it reads its configuration.
    thread::sleep(PAUSE);
    registers
        .wait((), PAUSE, |ctrl: &Ctrl| !ctrl.reset())
        .map(drop)
}

/// Stops DMA as a whole.
pub(crate) fn disable_master(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |ctrl: Ctrl| ctrl.with_gio_master_disable(true))?;
    let idle = |status: &Status| !status.gio_master_enable();
    // A transaction may be stuck for good; the reset that follows ends it.
    or_go_on(registers.wait((), MASTER_LIMIT, idle))
}

/// The multicast and VLAN tables of `plan`, the latter in registers `V`.
pub(crate) fn tables<V: Stable<Index = TableWord>>(plan: &HardwarePlan) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (at, &multicast) in TableWord::all().zip(plan.multicast.iter()) {
        let vlans = plan
            .vlans
            .keys()
            .filter(|vid| TableWord::of_bit(**vid) == at);
        let vlans = vlans.fold(0, |word, vid| word | 1 << (vid & 31));
        settings.extend([
            Setting::new(at, Mta::new(multicast)),
            Setting::new(at, V::from(vlans)),
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

/// Octets of an address as its two halves hold them, the first low.
pub(crate) fn halves(mac: &Mac) -> (u32, u16) {
    let [a, b, c, d, e, f] = mac.octets();
    (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]))
}

/// The address of two halves.
pub(crate) fn mac(low: u32, high: u16) -> Mac {
    let ([a, b, c, d], [e, f]) = (low.to_le_bytes(), high.to_le_bytes());
    Mac::new([a, b, c, d, e, f])
}

/// Key and indirection table of `rss`; a queue's number is at bit `shift` of its entry.
pub(crate) fn spread(rss: &RssPlan, shift: u32) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (at, bytes) in HashKeyWord::all().zip(rss.key.bytes().as_chunks().0) {
        settings.push(Setting::new(at, Rssrk::new(u32::from_le_bytes(*bytes))));
    }
    for (at, queues) in RetaWord::all().zip(rss.table.as_chunks().0) {
        let entries = queues.map(|queue| queue << shift);
        settings.push(Setting::new(at, Reta::from(u32::from_le_bytes(entries))));
    }
    settings
}

/// What the registers hold of what [`spread`] sets, for `kinds`.
pub(crate) fn read_spread(
    registers: &Registers,
    kinds: HashKinds,
    shift: u32,
) -> Result<RssPlan, Error> {
    let mut key = [0; Key::BYTES];
    let words = registers.read_all::<Rssrk>()?;
    for (bytes, word) in key.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.get().to_le_bytes();
    }
    let entries = registers.read_all::<Reta>()?.into_iter().map(u32::from);
    let table = entries
        .flat_map(u32::to_le_bytes)
        .map(|entry| entry >> shift)
        .collect();
    Ok(RssPlan {
        key: Key::new(key),
        kinds,
        table,
    })
}

/// What a limiter is set to that holds `rate` on a link of `mbit`: link speed over rate in
/// 1/16384. 0, which is off, where the link is no faster; the slowest that it can do where
/// the rate is slower than that.
pub(crate) fn rate_factor(mbit: u32, rate: BitRate) -> u32 {
    let link = u64::from(mbit) * 1_000_000;
    if rate.bits_per_second() >= link {
        return 0;
    }
    let factor = (link << 14).div_ceil(rate.bits_per_second());
    factor.min((1 << 28) - 1) as u32
}

/// What the MAC counted as a whole; what a family counts beside it is empty.
pub(crate) fn take_mac_statistics(registers: &mut Registers) -> Result<Statistics, Error> {
    // The low halves first: reading a high one clears both.
    let received = u64::from(registers.read::<Gorcl>(())?.get());
    let sent = u64::from(registers.read::<Gotcl>(())?.get());
    Ok(Statistics {
        rx_good: registers.count::<Gprc>(())?,
        rx_octets: received | registers.count::<Gorch>(())? << 32,
        tx_good: registers.count::<Gptc>(())?,
        tx_octets: sent | registers.count::<Gotch>(())? << 32,
        rx_crc_errors: registers.count::<Crcerrs>(())?,
        rx_undersize: registers.count::<Ruc>(())? + registers.count::<Rfc>(())?,
        rx_oversize: registers.count::<Roc>(())? + registers.count::<Rjc>(())?,
        ..Statistics::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_link_speed_over_rate_in_14_fraction_bits() {
        let factor = |mbit, bits| rate_factor(mbit, BitRate::new(bits).unwrap());
        assert_eq!(factor(1000, 200_000_000), 0x1_4000, "5.0");
        assert_eq!(factor(10_000, 4_000_000_000), 0xA000, "2.5");
        assert_eq!(factor(100, 400_000_000), 0, "slower links need none");
        assert_eq!(factor(1000, 1), 0xFFF_FFFF, "as slow as it can");
    }
}
