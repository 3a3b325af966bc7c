//! Link: copper autonegotiation, without flow control; rate limits follow speed.
//!
//! Source: 82576 datasheet, chapter 4 (link), chapter 8 (MDIC, rate limits); IEEE
//! 802.3, 22.2.4 and 28B (PHY registers, pause advertisement).

use std::time::Duration;

use lockgate_regs::igb::*;
use lockgate_regs::{Index, phy};
use lockgate_vmdq::BitRate;

use super::Igb;
use crate::error::Error;
use crate::nic::Link;

/// How long the PHY may take to answer; MDIO takes 64 bits at 2.5 MHz.
const MDIC_LIMIT: Duration = Duration::from_millis(10);

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
        self.negotiate_all_but_pauses()?;
        let offer = self.phy(mdic_op::READ, phy::register::ADVERTISEMENT, 0)?;
        let offer = offer & !ADVERTISE_PAUSE;
        self.phy(mdic_op::WRITE, phy::register::ADVERTISEMENT, offer)?;
        let restart = phy::Control::new().with_autonegotiate(true).with_restart(true);
        self.phy(mdic_op::WRITE, phy::register::CONTROL, restart.into()).map(drop)
    }

    /// The link that `status` tells of; what depends on it is set to it.
    pub(super) fn follow_link(&mut self, status: Status) -> Result<Link, Error> {
        if !status.link_up() {
            return Ok(Link::default());
        }
        let mbit = match status.speed() {
            0 => 10,
            1 => 100,
            _ => 1000,
        };
        // Negotiation may have turned flow control on, whatever was offered.
        self.negotiate_all_but_pauses()?;
        if self.limited_at != Some(mbit) {
            self.set_rates(mbit);
            self.limited_at = Some(mbit);
        }
        Ok(Link { up: true, mbit })
    }

    /// Speed and duplex are the PHY's to find, flow control is off.
    fn negotiate_all_but_pauses(&self) -> Result<(), Error> {
        self.registers.modify((), |ctrl: Ctrl| {
            let ctrl = ctrl.with_set_link_up(true).with_force_speed(false).with_force_duplex(false);
            ctrl.with_receive_flow_control(false).with_transmit_flow_control(false)
        })
    }

    /// Reads or writes a PHY register, and says what it holds.
    fn phy(&self, op: u8, register: u8, data: u16) -> Result<u16, Error> {
        let command = Mdic::new().with_phy(phy::INTERNAL).with_register(register);
        self.registers.write((), command.with_op(op).with_data(data));
        let ready = |mdic: &Mdic| mdic.ready() || mdic.error();
        let answer = self.registers.wait((), MDIC_LIMIT, ready)?;
        (!answer.error()).then_some(answer.data()).ok_or(Error::Phy)
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
