//! What the drivers of the 1 GbE families do alike: reset, PHY and link, filter
//! tables, statistics of the MAC.
//!
//! Each function that sets a table has its inverse beside it, for `read_back`.
//!
//! Source: datasheets of 82574 and 82576, chapters 4 (reset), 5 (master disable), 7
//! (filters, RSS) and on registers; IEEE 802.3, 22.2.4 and 28B (PHY registers, pause
//! advertisement).
//!
//! Not here: queues and pools, and in what order things are done (the families).

use std::io;
use std::thread;
use std::time::Duration;

use lockgate_regs::gigabit::*;
use lockgate_regs::{Index, TableWord, phy};
use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{HardwarePlan, Mac, RssPlan};

use crate::access::{Registers, Setting, or_go_on};
use crate::error::Error;
use crate::nic::{Link, Port, Statistics};

/// Bytes of header, tag and check sequence around an MTU.
pub(crate) const AROUND: usize = 14 + 4 + 4;

/// How long the card is left alone around a reset, as Intel's own drivers do.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// How long DMA in progress may take; Intel's own drivers wait as long.
const MASTER_LIMIT: Duration = Duration::from_millis(80);

/// Resets the function, if it can be, and then the MAC.
pub(crate) fn reset(port: &Port) -> Result<(), Error> {
    let Port { card, registers, .. } = port;
    card.function.reset().or_else(|source| match source.kind() {
        // A card that cannot reset its function still resets its MAC, below.
        io::ErrorKind::Unsupported => Ok(()),
        _ => Err(Error::Reset { source }),
    })?;
    set_completion_timeout(registers)?;
    registers.modify((), |ctrl: Ctrl| ctrl.with_reset(true))?;
    // The card must not be touched while it reads its configuration.
    thread::sleep(PAUSE);
    registers.wait((), PAUSE, |ctrl: &Ctrl| !ctrl.reset())?;
    // Without an EEPROM the flag never comes, and that is no failure.
    or_go_on(registers.wait((), PAUSE, Eecd::auto_read_done))?;
    // No partition may stop the sender of another one's frames.
    registers.write((), Fcrtl::new());
    registers.write((), Fcrth::new());
    Ok(())
}

/// Stops DMA as a whole.
pub(crate) fn disable_master(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |ctrl: Ctrl| ctrl.with_gio_master_disable(true))?;
    let idle = |status: &Status| !status.gio_master_enable();
    // A transaction may be stuck for good; the reset that follows ends it.
    or_go_on(registers.wait((), MASTER_LIMIT, idle))
}

/// Gives completions 10 ms where the card, not PCIe configuration, holds the
/// limit, and has it never ask twice: a late answer to the first request
/// would be taken for that to the second.
fn set_completion_timeout(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |gcr: Gcr| {
        let unset = gcr.completion_timeout() == 0 && !gcr.capability_v2();
        let timeout = if unset { 1 } else { gcr.completion_timeout() };
        gcr.with_completion_timeout(timeout).with_completion_resend(false)
    })
}

/// How long the PHY may take to answer; MDIO takes 64 bits at 2.5 MHz.
const MDIC_LIMIT: Duration = Duration::from_millis(10);

/// PAUSE and ASM_DIR of the advertisement (IEEE 802.3, 28B.3).
const ADVERTISE_PAUSE: u16 = 0x0C00;

/// Starts autonegotiation; the link comes up some time later.
pub(crate) fn start_link(registers: &Registers) -> Result<(), Error> {
    negotiate_all_but_pauses(registers)?;
    let offer = phy_register(registers, mdic_op::READ, phy::register::ADVERTISEMENT, 0)?;
    let offer = offer & !ADVERTISE_PAUSE;
    phy_register(registers, mdic_op::WRITE, phy::register::ADVERTISEMENT, offer)?;
    let restart = phy::Control::new().with_autonegotiate(true).with_restart(true);
    phy_register(registers, mdic_op::WRITE, phy::register::CONTROL, restart.into()).map(drop)
}

/// The link as it is.
pub(crate) fn link(registers: &Registers) -> Result<Link, Error> {
    let status = registers.read::<Status>(())?;
    if !status.link_up() {
        return Ok(Link::default());
    }
    // Negotiation may have turned flow control on, whatever was offered.
    negotiate_all_but_pauses(registers)?;
    let mbit = match status.speed() {
        0 => 10,
        1 => 100,
        _ => 1000,
    };
    Ok(Link { up: true, mbit })
}

/// Speed and duplex are the PHY's to find, flow control is off.
fn negotiate_all_but_pauses(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |ctrl: Ctrl| {
        let ctrl = ctrl.with_set_link_up(true).with_force_speed(false).with_force_duplex(false);
        ctrl.with_receive_flow_control(false).with_transmit_flow_control(false)
    })
}

/// Reads or writes a PHY register, and says what it holds.
fn phy_register(registers: &Registers, op: u8, register: u8, data: u16) -> Result<u16, Error> {
    let command = Mdic::new().with_phy(phy::INTERNAL).with_register(register);
    registers.write((), command.with_op(op).with_data(data));
    let ready = |mdic: &Mdic| mdic.ready() || mdic.error();
    let answer = registers.wait((), MDIC_LIMIT, ready)?;
    (!answer.error()).then_some(answer.data()).ok_or(Error::Phy)
}

/// The multicast and VLAN tables of `plan`.
pub(crate) fn tables(plan: &HardwarePlan) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (at, &multicast) in TableWord::all().zip(plan.multicast.iter()) {
        let vlans = plan.vlans.keys().filter(|vid| TableWord::of_bit(**vid) == at);
        let vlans = vlans.fold(0, |word, vid| word | 1 << (vid & 31));
        settings
            .extend([Setting::new(at, Mta::new(multicast)), Setting::new(at, Vfta::new(vlans))]);
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
        let entries = queues.map(|queue| (queue & 1) << shift);
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
    let table = entries.flat_map(u32::to_le_bytes).map(|entry| entry >> shift).collect();
    Ok(RssPlan { key: Key::new(key), kinds, table })
}

/// What the parser looks at, and that it reports the hash in the place of the
/// fragment checksum.
pub(crate) fn parser(more: fn(Rfctl) -> Rfctl) -> [Setting; 2] {
    // Walking extension headers can hang the parser (82576 specification update).
    let rfctl = Rfctl::new().with_no_ipv6_extensions(true);
    let rfctl = more(rfctl.with_no_nfs_write(true).with_no_nfs_read(true));
    let rxcsum = Rxcsum::new().with_hash_in_descriptor(true);
    [Setting::new((), rxcsum), Setting::new((), rfctl)]
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
        rx_missed: registers.count::<Mpc>(())?,
        rx_crc_errors: registers.count::<Crcerrs>(())?,
        rx_undersize: registers.count::<Ruc>(())? + registers.count::<Rfc>(())?,
        rx_oversize: registers.count::<Roc>(())? + registers.count::<Rjc>(())?,
        ..Statistics::default()
    })
}
