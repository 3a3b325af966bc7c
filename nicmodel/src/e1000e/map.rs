//! Which registers the modelled 82574 has, and what they hold after reset.
//!
//! Source: 82574 datasheet, chapter 10.
//!
//! Not here: side effects of an access ([`super::access`]).

use std::sync::{Arc, LazyLock};

use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, Register, registers};

use crate::counters::mapped;
use crate::nvm::Eerd;
use crate::registers::{Map, Registers};

registers! {
    /// Interrupt cause set: raises the causes written.
    Stable Ics("ICS", 0x00C8);
    /// Interrupt mask set, of which IMC is the inverse: allows the causes written.
    Stable Ims("IMS", 0x00D0);
    /// Causes that a message clears and masks, bits 24:20.
    Stable Eiac("EIAC", 0x00DC);
    /// What reading ICR masks, with CTRL_EXT.IAME.
    Stable Iam("IAM", 0x00E0);
    /// Vectors of the receive queues, the transmit queues and other causes, four bits each.
    Stable Ivar("IVAR", 0x00E4);
    /// Packet buffer: KiB for receive in bits 15:0, for transmit in 31:16.
    Stable Pba("PBA", 0x1000) {
        /// KiB of the receive side.
        pub receive: u16,
        /// KiB of the transmit side.
        pub transmit: u16,
    }
    /// Receive packet split; 0 while descriptors have one buffer.
    Stable Psrctl("PSRCTL", 0x2170);
}

/// The map, made once for all cards.
pub(super) fn map() -> Arc<Map> {
    static MAP: LazyLock<Arc<Map>> =
        LazyLock::new(|| Arc::new(mapped(queues(device(Map::new(BAR_BYTES))))));
    Arc::clone(&MAP)
}

fn device(map: Map) -> Map {
    map.stored::<Ctrl>(u32::MAX)
        .stored::<Status>(0)
        .stored::<CtrlExt>(u32::MAX)
        .stored::<Eecd>(0x4F)
        .stored::<Eerd>(u32::MAX)
        .stored::<Mdic>(u32::MAX)
        .stored::<Vet>(0xFFFF)
        .clears::<Icr>()
        // What is written to these two is added to something.
        .stored::<Ics>(0)
        .stored::<Ims>(0)
        .stored::<Eiac>(0x01F0_0000)
        .stored::<Iam>(u32::MAX)
        .stored::<Ivar>(u32::MAX)
        .stored::<Imc>(u32::MAX)
        .stored::<Extcnf>(u32::MAX)
        // FCTTV.
        .words(0x0170, 1, 4)
        .stored::<Fcrtl>(0x8000_FFF8)
        .stored::<Fcrth>(0x0000_FFF8)
        .stored::<Gcr>(u32::MAX)
        .stored::<Gcr2>(u32::MAX)
        .stored::<Pba>(u32::MAX)
        .stored::<Psrctl>(u32::MAX)
        // FCAL, FCAH, FCT; ITR, EITR; TIPG, LEDCTL; SWSM, FWSM.
        .words(0x0028, 3, 4)
        .words(0x00C4, 1, 4)
        .words(0x00E8, 5, 4)
        .words(0x0410, 1, 4)
        // WUC, WUFC, WUS; AIT.
        .words(0x5800, 3, 8)
        .words(0x0458, 1, 4)
        // RDTR, RADV; TIDV, TADV: nothing is delayed.
        .words(0x2820, 2, 12)
        .words(0x3820, 2, 12)
        // SYSTIML to RXUDP: the clock stands still and stamps nothing.
        .words(0xB600, 15, 4)
        .words(0x0E00, 1, 4)
        .words(0x5B50, 2, 4)
}

fn queues(map: Map) -> Map {
    map.stored::<Rctl>(0x07FF_FFFE)
        .stored::<Tctl>(u32::MAX)
        .stored::<Rxcsum>(0x3FFF)
        .stored::<Rfctl>(u32::MAX)
        .stored::<Mta>(u32::MAX)
        .stored::<Vfta>(u32::MAX)
        .stored::<Ral>(u32::MAX)
        .stored::<Rah>(0x8003_FFFF)
        .stored::<Mrqc>(u32::MAX)
        .stored::<Reta>(u32::MAX)
        .stored::<Rssrk>(u32::MAX)
        .stored::<Rdbal>(!0xF)
        .stored::<Rdbah>(u32::MAX)
        .stored::<Rdlen>(0x000F_FF80)
        .stored::<Rdh>(0xFFFF)
        .stored::<Rdt>(0xFFFF)
        .stored::<Rxdctl>(u32::MAX)
        .stored::<Tdbal>(!0xF)
        .stored::<Tdbah>(u32::MAX)
        .stored::<Tdlen>(0x000F_FF80)
        .stored::<Tdh>(0xFFFF)
        .stored::<Tdt>(0xFFFF)
        .stored::<Txdctl>(u32::MAX)
        .stored::<Tarc>(u32::MAX)
}

/// Puts the values after reset; `mac` comes from the EEPROM.
pub(super) fn initialize(registers: &mut Registers, mac: [u8; 6]) {
    let [a, b, c, d, e, f] = mac;
    if let Some(first) = RarIndex::new(0) {
        let low = Ral::new().with_octets(u32::from_le_bytes([a, b, c, d]));
        let high = Rah::new().with_octets(u16::from_le_bytes([e, f]));
        registers.set::<Ral>(first, low);
        registers.set::<Rah>(first, high.with_valid(true));
    }
    registers.put(Ctrl::BASE, 0x0014_0201);
    registers.put(Vet::BASE, 0x8100);
    registers.put(Rxcsum::BASE, 0x0000_0300);
    registers.put(Pba::BASE, 0x0014_0014);
    for queue in RxQueue::all() {
        registers.put(Rxdctl::offset(queue), 0x0001_0000);
    }
    for queue in TxQueue::all() {
        registers.put(Tarc::offset(queue), 0x0000_0403);
    }
}
