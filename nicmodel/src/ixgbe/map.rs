//! Which registers the modelled 82599 has, and what they hold after reset.
//!
//! Not here: side effects of an access ([`super::access`]).

use std::sync::{Arc, LazyLock};

use lockgate_regs::descriptor::ring;
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::extra_registers::*;
use crate::counters::mapped;
use crate::registers::{Map, Registers};

/// FWSM, which only firmware writes.
const FWSM: u32 = 0x1_0148;

/// The map, made once for all cards.
pub(super) fn map() -> Arc<Map> {
    static MAP: LazyLock<Arc<Map>> = LazyLock::new(|| {
        let map = interrupts(device(Map::new(BAR_BYTES)));
        let map = arbiters(transmit(receive(filters(map))));
        Arc::new(counters(plain_only(pools(map))))
    });
    Arc::clone(&MAP)
}

fn device(map: Map) -> Map {
    map.stored::<Ctrl>(u32::MAX)
        .stored::<Status>(0)
        .stored::<CtrlExt>(u32::MAX)
        .stored::<Esdp>(u32::MAX)
        .stored::<I2cctl>(0xA)
        .stored::<Eec>(0x4F)
        .stored::<Swsm>(0x3)
        .stored::<Autoc>(u32::MAX)
        .stored::<Autoc2>(u32::MAX)
        .stored::<Links>(0)
        .stored::<Anlp1>(0)
        .stored::<Msca>(u32::MAX)
        .stored::<Msrwd>(0xFFFF)
        .stored::<Hlreg0>(u32::MAX)
        .stored::<Maxfrs>(0xFFFF_0000)
        .stored::<Mflcn>(0xF)
        .stored::<Fccfg>(0x18)
        .stored::<Fcrth>(0x8007_FFE0)
        .stored::<GcrExt>(u32::MAX)
        .stored::<Gpie>(u32::MAX)
        .words(plain::EERD, 1, 4)
        .read_only(FWSM)
}

fn interrupts(map: Map) -> Map {
    map.clears::<Eicr>()
        .stored::<Eimc>(u32::MAX)
        .words(plain::EICS, 1, 4)
        .words(plain::EIAC, 1, 4)
        // EITR of 24 vectors, and of the others.
        .words(0x0820, 24, 4)
        .words(0x1_2300, 104, 4)
        .words(plain::EIMS, 1, 4)
        .words(plain::EIAM, 2, 4)
        .words(plain::IVAR, 64, 4)
        .words(plain::IVAR_MISC, 1, 4)
        .words(plain::EICS_EX, 2, 4)
        .words(plain::EIMS_EX, 2, 4)
        .words(plain::EIMC_EX, 2, 4)
        .words(plain::EIAM_EX, 2, 4)
}

fn filters(map: Map) -> Map {
    map.stored::<Rxcsum>(0x3000)
        .stored::<Rfctl>(u32::MAX)
        .stored::<Fctrl>(0x0000_3702)
        .stored::<Vlnctrl>(0x7000_FFFF)
        .stored::<Mcstctrl>(0x7)
        .stored::<Mta>(u32::MAX)
        .stored::<Vfta>(u32::MAX)
        .stored::<Pfuta>(u32::MAX)
        .stored::<Ral>(u32::MAX)
        .stored::<Rah>(0x8000_FFFF)
        .stored::<Mpsar>(u32::MAX)
        .beside::<Mpsar>(4, u32::MAX)
        .stored::<Mrqc>(0xFFFF_200F)
        .stored::<Reta>(0x0F0F_0F0F)
        .stored::<Rssrk>(u32::MAX)
        .stored::<Fdirctrl>(u32::MAX)
        .stored::<Fdircmd>(u32::MAX)
        // The rest of Flow Director.
        .words(0xEE04, 10, 4)
        .words(0xEE30, 24, 4)
}

fn receive(map: Map) -> Map {
    map.stored::<Rxctrl>(0x1)
        .stored::<Rdrxctl>(u32::MAX)
        .stored::<Secrxctrl>(0x3)
        .stored::<Secrxstat>(0)
        .stored::<Rxpbsize>(0x000F_FC00)
        .stored::<Rdbal>(!0x7F)
        .stored::<Srrctl>(0x1FC0_3F1F)
        .stored::<Rxdctl>(0x46FF_FFFF)
        .stored::<DcaRxctrl>(0xFF00_FFFF)
        .beside::<Rdbal>(ring::BASE_HIGH, u32::MAX)
        .beside::<Rdbal>(ring::LENGTH, 0x000F_FF80)
        .beside::<Rdbal>(ring::HEAD, 0xFFFF)
        .beside::<Rdbal>(ring::TAIL, 0xFFFF)
        // RSCCTL.
        .beside::<Rdbal>(0x2C, u32::MAX)
}

fn transmit(map: Map) -> Map {
    map.stored::<Dmatxctl>(u32::MAX)
        .stored::<Mtqc>(0xF)
        .stored::<Txpbsize>(0x000F_FC00)
        .stored::<Txpbthresh>(0x3FF)
        .stored::<Tdbal>(!0x7F)
        .stored::<Tdh>(0xFFFF)
        .stored::<Tdt>(0xFFFF)
        .stored::<Txdctl>(0x077F_7F7F)
        .stored::<Tdwbal>(!0x2)
        .stored::<DcaTxctrl>(0xFF00_FFFF)
        .beside::<Tdbal>(ring::BASE_HIGH, u32::MAX)
        .beside::<Tdbal>(ring::LENGTH, 0x000F_FF80)
        // TDWBAH.
        .beside::<Tdbal>(0x3C, u32::MAX)
}

fn arbiters(map: Map) -> Map {
    map.stored::<Rttdcs>(u32::MAX)
        .stored::<Rttdqsel>(0x7F)
        .stored::<Rttdt1c>(0x3FFF)
        .stored::<Rttbcnrm>(u32::MAX)
        .stored::<Rttbcnrc>(0x8FFF_FFFF)
        // RTTBCNRD, RTTDT2C.
        .words(0x498C, 1, 4)
        .words(0x4910, 8, 4)
}

fn pools(map: Map) -> Map {
    map.stored::<Pfvtctl>(0x6000_1F81)
        .stored::<Pfvfre>(u32::MAX)
        .beside::<Pfvfre>(4, u32::MAX)
        .stored::<Pfvfte>(u32::MAX)
        .beside::<Pfvfte>(4, u32::MAX)
        .stored::<Pfvmtxsw>(u32::MAX)
        .beside::<Pfvmtxsw>(4, u32::MAX)
        .stored::<Pfdtxgswc>(0x1)
        .stored::<Pfvfspoof>(0xFFFF)
        .stored::<Pfvmvir>(0xC000_FFFF)
        .stored::<Pfvml2flt>(0x1F00_0000)
        .stored::<Pfvlvf>(0x8000_0FFF)
        .stored::<Pfvlvfb>(u32::MAX)
        .beside::<Pfvlvfb>(4, u32::MAX)
        .stored::<Psrtype>(u32::MAX)
        .stored::<Pfqde>(0x0003_7F01)
}

/// Registers that only need to exist: their value is all there is.
struct Block {
    /// The offset of the first.
    first: u32,
    /// How many there are, one after the other.
    count: u32,
}

const fn block(first: u32, count: u32) -> Block {
    Block { first, count }
}

const PLAIN: [Block; 69] = [
    block(0x0048, 2),      // FRTIMER, TCPTIMER
    block(0x01C0, 2),      // PFVFLRE
    block(0x0200, 1),      // LEDCTL
    block(0x0600, 1),      // PFVFLRE
    block(0x0700, 2),      // PFVFLREC
    block(0x0710, 6),      // PFMBICR, PFMBIMR
    block(0x2140, 8),      // RTRPT4C
    block(0x2410, 4),      // FCoE contexts
    block(0x2420, 1),      // FCoE
    block(0x2430, 1),      // RTRPCS
    block(0x2F40, 1),      // RXDSTATCTRL
    block(0x2C20, 1),      // RDSTATCTL
    block(0x3020, 1),      // RTRUP2TC
    block(0x3028, 1),      // RSCDBU
    block(0x3190, 1),      // RXMEMWRAP
    block(0x3200, 4),      // FCTTV
    block(0x3220, 8),      // FCRTL
    block(0x32A0, 1),      // FCRTV
    block(0x4200, 8),      // PCS1G
    block(0x4244, 5),      // HLREG1, PAP, MACA
    block(0x4264, 1),      // MLADD
    block(0x42AC, 1),      // AUTOC3
    block(0x42B4, 1),      // ANLP2
    block(0x4324, 1),      // LINKS2
    block(0x4330, 1),      // MACC
    block(0x4A88, 2),      // DTXTCPFLG
    block(0x4A94, 2),      // TEOFF, TSOFF
    block(0x4B00, 64),     // PFMAILBOX
    block(0x5078, 1),      // EXVET
    block(0x5100, 2),      // FCRXCTRL
    block(0x5108, 4),      // FCoE
    block(0x5120, 1),      // RXMTRL
    block(0x5128, 8),      // ETQF
    block(0x5158, 1),      // RTEOFF
    block(0x5188, 1),      // TSYNCRXCTL
    block(0x51A4, 3),      // RXSTMPH and others
    block(0x51E8, 1),      // RXSTMPL
    block(0x5800, 15),     // wake-up
    block(0x5820, 2),      // MANC, MFVAL
    block(0x5860, 1),      // MANC2H
    block(0x5900, 1),      // WUPL
    block(0x8100, 1),      // DTXMXSZRQ
    block(0x82E0, 4),      // TXLLQ
    block(0x8790, 2),      // VMECM
    block(0x8800, 6),      // SECTX
    block(0x8900, 6),      // IPsec, transmit
    block(0x8C00, 28),     // time stamps
    block(0x8E00, 13),     // IPsec, receive
    block(0x9000, 128),    // FHFT
    block(0xC800, 1),      // RTTUP2TC
    block(0xCD00, 1),      // RTTPCS
    block(0xCD20, 8),      // RTTPT2C
    block(0xCE00, 1),      // TFCS
    block(0xE000, 640),    // 5-tuple filters
    block(0xEC00, 8),      // ETQS
    block(0xEC30, 1),      // SYNQF
    block(0xEC60, 1),      // FCoE filter
    block(0xED00, 12),     // FCoE redirection
    block(0xF600, 20),     // mirror rules
    block(0x1_0110, 1),    // EEMNGCTL
    block(0x1_5F0C, 1),    // FWSTS
    block(0x1_0150, 1),    // FACTPS
    block(0x1_0160, 1),    // SW_FW_SYNC
    block(0x1_1000, 20),   // PCIe
    block(0x1_1064, 12),   // PCIe, DCA, access to configuration space
    block(0x1_3000, 1024), // PFMBMEM
    block(0x1_4F00, 1),
    block(0x1_0200, 1),
    block(0x1_001C, 1),
];

fn plain_only(map: Map) -> Map {
    PLAIN
        .iter()
        .fold(map, |map, block| map.words(block.first, block.count, 4))
}

fn counters(map: Map) -> Map {
    mapped(map)
        .clears::<Mpc>()
        .clears::<Ssvpc>()
        .stored::<Rqsmr>(0x0F0F_0F0F)
        .stored::<Tqsm>(0x0F0F_0F0F)
        .clears::<Qprdc>()
        .clears::<Qprc>()
        .stored::<QbrcLow>(0)
        .clears::<QbrcHigh>()
        .clears::<Qptc>()
        .stored::<QbtcLow>(0)
        .clears::<QbtcHigh>()
        .clears::<Lxonrxcnt>()
        .clears::<Lxoffrxcnt>()
        // The remaining MAC counters, which stay 0 here.
        .absent_to_cleared(0x3F60, 0x4124)
        .absent_to_cleared(0x4140, 0x41DC)
        .absent_to_cleared(0x2424, 0x242C)
        .absent_to_cleared(0x241C, 0x241C)
        .absent_to_cleared(0x5118, 0x511C)
        .absent_to_cleared(0x8784, 0x8788)
        .absent_to_cleared(0x8680, 0x86BC)
}

/// Puts the values after reset; `mac` comes from the EEPROM.
pub(super) fn initialize(registers: &mut Registers, mac: [u8; 6]) {
    let [a, b, c, d, e, f] = mac;
    if let Some(first) = RarIndex::new(0) {
        registers.set(
            first,
            Ral::new().with_octets(u32::from_le_bytes([a, b, c, d])),
        );
        let high = Rah::new().with_octets(u16::from_le_bytes([e, f]));
        registers.set(first, high.with_valid(true));
        registers.put_wide::<Mpsar>(first, u64::MAX);
    }
    // 10 Gbit/s over SFI, without negotiation.
    registers.put(Autoc::BASE, 0xC09C_6004);
    registers.put(Autoc2::BASE, 0x000A_0000);
    registers.put(Anlp1::BASE, Anlp1::LEFT_STATE_0);
    registers.set((), Esdp::new().with_module_present(true));
    registers.put(I2cctl::BASE, 0xA);
    registers.put(Hlreg0::BASE, 0x0000_6D87 & !4);
    registers.set((), Maxfrs::new().with_bytes(0x5EE));
    registers.put(Vlnctrl::BASE, 0x8100);
    registers.put(Dmatxctl::BASE, 0x8100_0000);
    registers.put(Rdrxctl::BASE, 0x8);
    registers.set((), Secrxstat::new().with_ready(true));
    registers.put(Rttdcs::BASE, 0);
    // Firmware is valid and manages nothing.
    registers.put(FWSM, 1 << 15);
    // EEC: the size of the EEPROM, 8192 words.
    registers.put(Eec::BASE, 7 << 11);
    registers.put_wide::<Pfvfre>((), u64::MAX);
    registers.put_wide::<Pfvfte>((), u64::MAX);
    if let Some(first) = PacketBuffer::new(0) {
        registers.set(first, Rxpbsize::new(512 << 10));
        registers.set(first, Txpbsize::new(160 << 10));
    }
    for queue in RxQueue::all() {
        registers.set(queue, DcaRxctrl::from(0xA200));
    }
    for queue in TxQueue::all() {
        registers.set(queue, DcaTxctrl::from(0x2A00));
    }
}
