//! Link: copper autonegotiation, without flow control; rate limits follow speed.
//!
//! Source: 82576 datasheet, chapter 4 (link), chapter 8 (MDIC, rate limits); IEEE
//! 802.3, 22.2.4 and 28B (PHY registers, pause advertisement).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockgate_regs::Index;
use lockgate_regs::igb::{
    Ctrl, CtrlExt, Mdic, Pool, Rttbcnrc, Rttbcnrm, Rttdqsel, Status, mdic_op,
};
use lockgate_regs::phy;
use lockgate_vmdq::BitRate;

use super::Igb;
use crate::error::Error;
use crate::nic::Link;

/// How long the PHY may take to answer; MDIO takes 64 bits at 2.5 MHz.
const MDIC_LIMIT: Duration = Duration::from_millis(10);

/// How often the link is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(5);

/// PAUSE and ASM_DIR of the advertisement (IEEE 802.3, 28B.3).
const ADVERTISE_PAUSE: u16 = 0x0C00;

/// Window that suits frames up to 9.5 KiB (RTTBCNRM, 82576 datasheet, chapter 8).
const LIMITER_WINDOW: u32 = 0x14;

impl Igb {
    /// Starts autonegotiation; the link comes up some time later.
    pub(super) fn start_link(&mut self) -> Result<(), Error> {
        if self.registers.read::<CtrlExt>(())?.link_mode() != 0 {
            return Err(Error::LinkMode);
        }
        self.limited_at = None;
        self.registers.modify::<Ctrl>((), |ctrl| {
            ctrl.with_set_link_up(true).with_force_speed(false).with_force_duplex(false)
        })?;
        self.refuse_flow_control()?;
        let offer = self.phy(mdic_op::READ, phy::register::ADVERTISEMENT, 0)?;
        let offer = offer & !ADVERTISE_PAUSE;
        self.phy(mdic_op::WRITE, phy::register::ADVERTISEMENT, offer)?;
        let restart = phy::Control::new().with_autonegotiate(true).with_restart(true);
        self.phy(mdic_op::WRITE, phy::register::CONTROL, restart.into())?;
        Ok(())
    }

    pub(super) fn read_link(&mut self) -> Result<Link, Error> {
        let status = self.registers.read::<Status>(())?;
        if !status.link_up() {
            return Ok(Link::default());
        }
        let mbit = match status.speed() {
            0 => 10,
            1 => 100,
            _ => 1000,
        };
        self.refuse_flow_control()?;
        if self.limited_at != Some(mbit) {
            self.set_rates(mbit);
            self.limited_at = Some(mbit);
        }
        Ok(Link { up: true, mbit })
    }

    pub(super) fn await_link(&mut self, limit: Duration, stop: &AtomicBool) -> Result<Link, Error> {
        let start = Instant::now();
        loop {
            let late = start.elapsed() >= limit;
            let link = self.read_link()?;
            if link.up || stop.load(Ordering::Relaxed) {
                return Ok(link);
            }
            if late {
                return Err(Error::NoLink { waited: limit });
            }
            thread::sleep(LOOK);
        }
    }

    /// Negotiation may have turned flow control on, whatever was offered.
    fn refuse_flow_control(&self) -> Result<(), Error> {
        let ctrl = self.registers.read::<Ctrl>(())?;
        if ctrl.receive_flow_control() || ctrl.transmit_flow_control() {
            let off = ctrl.with_receive_flow_control(false);
            self.registers.write((), off.with_transmit_flow_control(false));
        }
        Ok(())
    }

    /// Reads or writes a PHY register, and says what it holds.
    fn phy(&self, op: u8, register: u8, data: u16) -> Result<u16, Error> {
        let command =
            Mdic::new().with_phy(phy::INTERNAL).with_register(register).with_op(op).with_data(data);
        self.registers.write((), command);
        let ready = |mdic: Mdic| mdic.ready() || mdic.error();
        self.registers.wait::<Mdic>((), "MDIC.READY", MDIC_LIMIT, ready)?;
        let answer = self.registers.read::<Mdic>(())?;
        if answer.error() {
            return Err(Error::Phy);
        }
        Ok(answer.data())
    }

    /// Sets every pool's limiter for a link of `mbit`.
    fn set_rates(&self, mbit: u32) {
        let registers = &self.registers;
        registers.write((), Rttbcnrm::new(LIMITER_WINDOW));
        for (pool, rate) in Pool::all().zip(self.rates) {
            let limit = rate.map_or(Rttbcnrc::new(), |rate| limiter(mbit, rate));
            for queue in pool.tx_queues() {
                registers.write((), Rttdqsel::new(queue.number()));
                registers.write((), limit);
            }
        }
        registers.flush();
    }
}

/// The limiter that holds `rate` on a link of `mbit`: off when the link is no
/// faster, and the slowest it can do when the rate is slower than that.
fn limiter(mbit: u32, rate: BitRate) -> Rttbcnrc {
    let link = u64::from(mbit) * 1_000_000;
    if rate.bits_per_second() >= link {
        return Rttbcnrc::new();
    }
    let factor = (link << 14).div_ceil(rate.bits_per_second());
    let factor = factor.min((1 << 28) - 1) as u32;
    Rttbcnrc::new().with_factor(factor).with_enable(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(mbit: u32, bits: u64) -> u32 {
        limiter(mbit, BitRate::new(bits).unwrap()).into()
    }

    #[test]
    fn a_limiter_holds_link_speed_over_rate_in_14_fraction_bits() {
        assert_eq!(factor(1000, 200_000_000), 0x8001_4000, "5.0");
        assert_eq!(factor(1000, 400_000_000), 0x8000_A000, "2.5");
        assert_eq!(factor(100, 400_000_000), 0, "slower links need none");
        assert_eq!(factor(1000, 1), 0x8FFF_FFFF, "as slow as it can");
    }
}
