//! What the drivers of the 1 GbE families do alike: reset, PHY and link, parser.
//!
//! Source: datasheets of 82574 and 82576, chapters 4 (reset) and on registers; IEEE
//! 802.3, 22.2.4 and 28B (PHY registers, pause advertisement).
//!
//! Not here: what the 82599 does as well ([`crate::reset`], [`crate::filter`]), and in what order things are
//! done (the families).

use core::time::Duration;

use lockgate_regs::gigabit::*;

use crate::access::{RegisterWrite, Registers, tolerate_timeout};
use crate::adapter::{Adapter, Link};
use crate::error::Error;
use crate::reset::{RESET_DELAY, reset_function, reset_mac};

/// Resets the function, if it can be, and then the MAC.
pub(crate) fn reset(adapter: &Adapter) -> Result<(), Error> {
    let registers = &adapter.registers;
    reset_function(adapter)?;
    set_completion_timeout(registers)?;
    reset_mac(registers)?;
    // Without an EEPROM the flag never comes, and that is no failure.
    tolerate_timeout(registers.wait((), RESET_DELAY, Eecd::auto_read_done))?;
    // No partition may stop the sender of another one's frames.
    registers.write((), Fcrtl::new());
    registers.write((), Fcrth::new());
    Ok(())
}

/// Gives completions 10 ms where the card, not PCIe configuration, holds the
/// limit, and has it never ask twice: a late answer to the first request
/// would be taken for that to the second.
fn set_completion_timeout(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |gcr: Gcr| {
        let unset = gcr.completion_timeout() == 0 && !gcr.capability_v2();
        let timeout = if unset { 1 } else { gcr.completion_timeout() };
        gcr.with_completion_timeout(timeout)
            .with_completion_resend(false)
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
    phy_register(
        registers,
        mdic_op::WRITE,
        phy::register::ADVERTISEMENT,
        offer,
    )?;
    let restart = phy::Control::new()
        .with_autonegotiate(true)
        .with_restart(true);
    phy_register(
        registers,
        mdic_op::WRITE,
        phy::register::CONTROL,
        restart.into(),
    )
    .map(drop)
}

/// The link as it is.
pub(crate) fn read_link(registers: &Registers) -> Result<Link, Error> {
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
        let ctrl = ctrl
            .with_set_link_up(true)
            .with_force_speed(false)
            .with_force_duplex(false);
        ctrl.with_receive_flow_control(false)
            .with_transmit_flow_control(false)
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

/// What the parser looks at, and that it reports the hash in the place of the
/// fragment checksum.
pub(crate) fn parser(more: fn(Rfctl) -> Rfctl) -> [RegisterWrite; 2] {
    // Walking extension headers can hang the parser (82576 specification update).
    let rfctl = Rfctl::new().with_no_ipv6_extensions(true);
    let rfctl = more(rfctl.with_no_nfs_write(true).with_no_nfs_read(true));
    let rxcsum = Rxcsum::new().with_hash_in_descriptor(true);
    [
        RegisterWrite::new((), rxcsum),
        RegisterWrite::new((), rfctl),
    ]
}
