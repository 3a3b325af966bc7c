//! Which registers the modelled 82576 has, and what they hold after reset.
//!
//! Not here: side effects of an access ([`super::access`]).

use super::extra_registers::*;
use crate::counters::mapped;
use std::sync::{Arc, LazyLock};

use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use crate::registers::{Map, Registers};

/// Offsets of registers that only need to exist: their value is all there is.
pub(super) mod plain {
    /// The first of eight IVAR: vectors of queues.
    pub(in crate::igb) const IVAR: u32 = 0x1700;
}

/// The map, made once for all cards.
pub(super) fn map() -> Arc<Map> {
    static MAP: LazyLock<Arc<Map>> = LazyLock::new(|| {
        let map = device(Map::new(BAR_BYTES));
        Arc::new(counters(pools(queues(receive(map)))))
    });
    Arc::clone(&MAP)
}

fn device(map: Map) -> Map {
    map.stored::<Ctrl>(u32::MAX)
        .stored::<Status>(0)
        .stored::<CtrlExt>(u32::MAX)
        .stored::<Eecd>(0x4F)
        .stored::<Eerd>(u32::MAX)
        .stored::<Mdic>(u32::MAX)
        .stored::<Vet>(u32::MAX)
        .stored::<Imc>(u32::MAX)
        .stored::<Eimc>(u32::MAX)
        .clears::<Icr>()
        .clears::<Eicr>()
        .stored::<Fcal>(u32::MAX)
        .stored::<Fcah>(0xFFFF)
        .stored::<Fct>(0xFFFF)
        // FCTTV.
        .words(0x0170, 1, 4)
        .stored::<Fcrtl>(0x8001_FFF0)
        .stored::<Fcrth>(0x0001_FFF0)
        .stored::<Gcr>(u32::MAX)
        .stored::<Swsm>(0x3)
        // What is written to these four is added to something.
        .stored::<Ics>(0)
        .stored::<Ims>(0)
        .stored::<Eics>(0)
        .stored::<Eims>(0)
        .stored::<Iam>(u32::MAX)
        .stored::<Gpie>(u32::MAX)
        .stored::<Eiac>(u32::MAX)
        .stored::<Eiam>(u32::MAX)
        .stored::<IvarMisc>(0xFFFF)
        .words(plain::IVAR, 8, 4)
        // EITR.
        .words(0x1680, 25, 4)
        // WUC, WUFC, WUS.
        .words(0x5800, 3, 8)
        // SYSTIML to TIMADJH, TSYNCTXCTL to TXSTMPH, TSYNCRXCTL to RXSATRH, TSYNCRXCFG:
        // the clock stands still and stamps nothing.
        .words(0xB600, 15, 4)
        .words(0x5F50, 1, 4)
        // TIPG, LEDCTL, EEMNGCTL, FWSM, SW_FW_SYNC, GCR2, DCA_ID, DCA_CTRL.
        .words(0x0410, 1, 4)
        .words(0x0E00, 1, 4)
        .words(0x1010, 1, 4)
        .words(0x5B54, 1, 4)
        .words(0x5B5C, 1, 4)
        .words(0x5B64, 1, 4)
        .words(0x5B70, 2, 4)
}

fn receive(map: Map) -> Map {
    map.stored::<Rctl>(0x07FF_FFFE)
        .stored::<Tctl>(u32::MAX)
        .stored::<Rxpbs>(0x7F)
        .stored::<Txpbs>(0x3F)
        .stored::<Rlpml>(0x3FFF)
        .stored::<Rxcsum>(0x3FFF)
        .stored::<Rfctl>(u32::MAX)
        .stored::<Mta>(u32::MAX)
        .stored::<Vfta>(u32::MAX)
        .stored::<Uta>(u32::MAX)
        .stored::<Ral>(u32::MAX)
        .stored::<Rah>(0x83FF_FFFF)
        .stored::<Mrqc>(0x01FF_0007)
        .stored::<Reta>(u32::MAX)
        .stored::<Rssrk>(u32::MAX)
        .stored::<Qde>(0xFFFF)
        // SYNQF; SAQF, DAQF, SPQF, FTQF; IMIR, IMIREXT, IMIRVP; ETQF: they filter nothing.
        .words(0x55FC, 1, 4)
        .words(0x5980, 32, 4)
        .words(0x5A80, 17, 4)
        .words(0x5CB0, 8, 4)
        // PSRTYPE, of each pool.
        .words(0x5480, 8, 4)
}

fn queues(map: Map) -> Map {
    map.stored::<Rdbal>(!0x7F)
        .stored::<Rdbah>(u32::MAX)
        .stored::<Rdlen>(0x000F_FF80)
        .stored::<Srrctl>(0x8FF0_3F7F)
        .stored::<Rdh>(0xFFFF)
        .stored::<Rdt>(0xFFFF)
        .stored::<Rxdctl>(0x021F_1F1F)
        .stored::<DcaRxctrl>(0xFF00_FFFF)
        .clears::<Rqdpc>()
        .stored::<Tdbal>(!0x7F)
        .stored::<Tdbah>(u32::MAX)
        .stored::<Tdlen>(0x000F_FF80)
        .stored::<Tdh>(0xFFFF)
        .stored::<Tdt>(0xFFFF)
        .stored::<Txdctl>(0x0A1F_1F1F)
        .stored::<Tdwbal>(!0x2)
        .stored::<Tdwbah>(u32::MAX)
        .stored::<DcaTxctrl>(0xFF00_FFFF)
        .stored::<Rttdqsel>(0xF)
        .stored::<Rttbcnrm>(u32::MAX)
        .stored::<Rttbcnrc>(0x8FFF_FFFF)
}

fn pools(map: Map) -> Map {
    map.stored::<VtCtl>(0x7000_0380)
        .stored::<Vmolr>(0xFF03_3FFF)
        .stored::<Rplolr>(0xC000_0000)
        .stored::<Vlvf>(0x801F_FFFF)
        .stored::<Vfre>(0xFF)
        .stored::<Vfte>(0xFF)
        .stored::<Vmvir>(0xC000_FFFF)
        .stored::<Dtxswc>(0x80FF_FFFF)
        .stored::<Dtxctl>(0x7C)
        .clears::<Wvbr>()
}

fn counters(map: Map) -> Map {
    mapped(map)
        .clears::<Ssvpc>()
        .stored::<Pvfgprc>(0)
        .stored::<Pvfgptc>(0)
        .stored::<Pvfgorc>(0)
        .stored::<Pvfgotc>(0)
        .stored::<Pvfmprc>(0)
        // The remaining MAC counters, which stay 0 here.
        .absent_to_cleared(0x4000, 0x4124)
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
    registers.put(Ctrl::BASE, 0x0010_0201);
    registers.put(Tctl::BASE, 0xA404_00F8);
    registers.put(Vet::BASE, 0x8100_8100);
    registers.put(Fcal::BASE, 0x00C2_8001);
    registers.put(Fcah::BASE, 0x0000_0100);
    registers.put(Fct::BASE, 0x0000_8808);
    registers.put(Rxcsum::BASE, 0x0000_0300);
    registers.put(Rlpml::BASE, 0x0000_2600);
    registers.put(Rplolr::BASE, 0x8000_0000);
    registers.put(Vfre::BASE, 0xFF);
    registers.put(Vfte::BASE, 0xFF);
    registers.put(Dtxctl::BASE, 0x44);
    for pool in Pool::all() {
        registers.put(Vmolr::offset(pool), 0x8000_2600);
    }
    for queue in RxQueue::all() {
        registers.put(Rxdctl::offset(queue), 0x0001_0000);
    }
    for queue in TxQueue::all() {
        registers.put(DcaTxctrl::offset(queue), 0x0000_2A00);
    }
}

/// What power-on sets and a software reset keeps: the packet buffer sizes.
pub(super) fn power_on(registers: &mut Registers) {
    registers.put(Rxpbs::BASE, 0x40);
    registers.put(Txpbs::BASE, 0x28);
}
