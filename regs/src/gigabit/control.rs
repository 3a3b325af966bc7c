//! Device, link and NVM control, and the two global switches RCTL and TCTL.
//!
//! Source: 82576 datasheet, chapter 8.

use bitfield_struct::bitfield;

use crate::register::{register, words};

/// Device control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Ctrl {
    /// FD: full duplex, when duplex is forced.
    pub full_duplex: bool,
    __: bool,
    /// Asks the card to stop DMA; [`Status::gio_master_enable`] tells when it has.
    pub gio_master_disable: bool,
    #[bits(3)]
    __: u8,
    /// SLU: set link up.
    pub set_link_up: bool,
    __: bool,
    /// SPEED: 0 is 10, 1 is 100, 2 is 1000 Mbit/s, when speed is forced.
    #[bits(2)]
    pub speed: u8,
    __: bool,
    /// FRCSPD: forces the speed.
    pub force_speed: bool,
    /// FRCDPLX: forces the duplex.
    pub force_duplex: bool,
    #[bits(13)]
    __: u16,
    /// RST: resets the port; clears itself.
    pub reset: bool,
    /// RFCE: obeys pause frames.
    pub receive_flow_control: bool,
    /// TFCE: sends pause frames.
    pub transmit_flow_control: bool,
    __: bool,
    /// VME: takes VLAN tags out of received frames.
    pub vlan_mode: bool,
    /// PHY_RST: resets the PHY.
    pub phy_reset: bool,
}
register!(Ctrl, "CTRL", 0x0000);

/// Device status.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Status {
    /// FD: the link is full duplex.
    pub full_duplex: bool,
    /// LU: the link is up.
    pub link_up: bool,
    /// Which port of the card this function is.
    #[bits(2)]
    pub lan_id: u8,
    /// TXOFF: a pause frame has stopped transmission.
    pub transmit_off: bool,
    __: bool,
    /// SPEED: 0 is 10, 1 is 100, 2 or 3 is 1000 Mbit/s.
    #[bits(2)]
    pub speed: u8,
    #[bits(2)]
    __: u8,
    /// PHYRA: the PHY was reset; software clears it.
    pub phy_reset_asserted: bool,
    #[bits(8)]
    __: u8,
    /// The card may still start DMA.
    pub gio_master_enable: bool,
    #[bits(12)]
    __: u16,
}
register!(Status, "STATUS", 0x0008);

/// EEPROM control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Eecd {
    #[bits(6)]
    __: u8,
    /// REQ: asks for the EEPROM.
    pub request: bool,
    /// GNT: software has the EEPROM.
    pub grant: bool,
    /// PRES: there is an EEPROM.
    pub present: bool,
    /// AUTO_RD: the card has read its configuration.
    pub auto_read_done: bool,
    __: bool,
    /// SIZE: log2 of the bytes, less 7.
    #[bits(4)]
    pub size: u8,
    #[bits(17)]
    __: u32,
}
register!(Eecd, "EECD", 0x0010);

/// EEPROM read.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Eerd {
    /// Starts the read.
    pub start: bool,
    /// The read is over and `data` holds the word.
    pub done: bool,
    /// Which word.
    #[bits(14)]
    pub address: u16,
    /// The word.
    pub data: u16,
}
register!(Eerd, "EERD", 0x0014);

/// What MDIC does with the PHY register.
pub mod mdic_op {
    /// Writes it.
    pub const WRITE: u8 = 1;
    /// Reads it.
    pub const READ: u8 = 2;
}

/// PHY access.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Mdic {
    /// The word written or read.
    pub data: u16,
    /// Which PHY register.
    #[bits(5)]
    pub register: u8,
    /// Which PHY.
    #[bits(5)]
    pub phy: u8,
    /// [`mdic_op::WRITE`] or [`mdic_op::READ`].
    #[bits(2)]
    pub op: u8,
    /// The card is done.
    pub ready: bool,
    __: bool,
    /// Nobody answered.
    pub error: bool,
    __: bool,
}
register!(Mdic, "MDIC", 0x0020);

/// Receive control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Rctl {
    __: bool,
    /// EN: receives.
    pub enable: bool,
    /// SBP: stores bad frames.
    pub store_bad: bool,
    /// UPE: takes every unicast frame.
    pub unicast_promiscuous: bool,
    /// MPE: takes every multicast frame.
    pub multicast_promiscuous: bool,
    /// LPE: takes frames over 1522 bytes, up to RLPML where there is one.
    pub long_packets: bool,
    /// LBM: loopback, 0 for none.
    #[bits(2)]
    pub loopback: u8,
    #[bits(4)]
    __: u8,
    /// MO: which 12 bits of the address index MTA; 0 is bits 47:36.
    #[bits(2)]
    pub multicast_offset: u8,
    __: bool,
    /// BAM: takes broadcast frames.
    pub broadcast: bool,
    /// BSIZE: buffer size where a queue gives none: 2048, 1024, 512, 256.
    #[bits(2)]
    pub buffer_size: u8,
    /// VFE: filters by VFTA.
    pub vlan_filter: bool,
    #[bits(3)]
    __: u8,
    /// DPF: drops pause frames that are not for this station (82574, 82576).
    pub discard_pause: bool,
    /// PMCF: passes MAC control frames up.
    pub pass_mac_control: bool,
    #[bits(2)]
    __: u8,
    /// SECRC: takes the frame check sequence off.
    pub strip_crc: bool,
    #[bits(5)]
    __: u8,
}
register!(Rctl, "RCTL", 0x0100);

/// Transmit control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Tctl {
    __: bool,
    /// EN: transmits.
    pub enable: bool,
    __: bool,
    /// PSP: pads short frames to 64 bytes with the check sequence.
    pub pad_short: bool,
    /// CT: retries after a collision.
    pub collision_threshold: u8,
    /// COLD: collision distance in byte times; reserved on the 82576.
    #[bits(10)]
    pub collision_distance: u16,
    #[bits(2)]
    __: u8,
    /// RTLC: sends again after a late collision.
    pub retransmit_late: bool,
    #[bits(7)]
    __: u8,
}
register!(Tctl, "TCTL", 0x0400);

/// PCIe control.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Gcr {
    #[bits(12)]
    __: u16,
    /// Completion timeout; 0 is the default of the PCIe capability.
    #[bits(4)]
    pub completion_timeout: u8,
    /// Sends a request again when its completion timed out.
    pub completion_resend: bool,
    __: bool,
    /// The PCIe capability is version 2 and holds the timeout.
    pub capability_v2: bool,
    #[bits(13)]
    __: u16,
}
register!(Gcr, "GCR", 0x5B00);

/// Semaphores between software and firmware.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Swsm {
    /// SMBI: software's own semaphore; reading takes it.
    pub smbi: bool,
    /// SWESMBI: software's turn against firmware.
    pub swesmbi: bool,
    #[bits(30)]
    __: u32,
}
register!(Swsm, "SWSM", 0x5B50);

words! {
    /// EtherType of VLAN tags, bits 15:0; 31:16 that of outer tags (82576).
    : Vet, "VET", (0x0038);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{assert_fields, assert_place};

    #[test]
    fn registers_are_where_the_datasheet_says() {
        assert_place::<Ctrl>("CTRL", 0x0000, 0x0000);
        assert_place::<Status>("STATUS", 0x0008, 0x0008);
        assert_place::<Eecd>("EECD", 0x0010, 0x0010);
        assert_place::<Eerd>("EERD", 0x0014, 0x0014);
        assert_place::<Mdic>("MDIC", 0x0020, 0x0020);
        assert_place::<Vet>("VET", 0x0038, 0x0038);
        assert_place::<Rctl>("RCTL", 0x0100, 0x0100);
        assert_place::<Tctl>("TCTL", 0x0400, 0x0400);
        assert_place::<Gcr>("GCR", 0x5B00, 0x5B00);
        assert_place::<Swsm>("SWSM", 0x5B50, 0x5B50);
    }

    #[test]
    fn device_fields_fill_their_bits() {
        assert_fields!(Ctrl: with_full_duplex(true) = 0x0000_0001,
            with_gio_master_disable(true) = 0x0000_0004, with_set_link_up(true) = 0x0000_0040,
            with_speed(3) = 0x0000_0300, with_force_speed(true) = 0x0000_0800,
            with_force_duplex(true) = 0x0000_1000, with_reset(true) = 0x0400_0000,
            with_receive_flow_control(true) = 0x0800_0000,
            with_transmit_flow_control(true) = 0x1000_0000,
            with_vlan_mode(true) = 0x4000_0000, with_phy_reset(true) = 0x8000_0000);
        assert_fields!(Status: with_full_duplex(true) = 0x1, with_link_up(true) = 0x2,
            with_lan_id(3) = 0xC, with_transmit_off(true) = 0x10, with_speed(3) = 0xC0,
            with_phy_reset_asserted(true) = 0x400, with_gio_master_enable(true) = 0x8_0000);
        assert_fields!(Gcr: with_completion_timeout(0xF) = 0xF000,
            with_completion_resend(true) = 0x1_0000, with_capability_v2(true) = 0x4_0000);
        assert_fields!(Swsm: with_smbi(true) = 0x1, with_swesmbi(true) = 0x2);
    }

    #[test]
    fn nvm_and_phy_fields_fill_their_bits() {
        assert_fields!(Eecd: with_request(true) = 0x40, with_grant(true) = 0x80,
            with_present(true) = 0x100, with_auto_read_done(true) = 0x200, with_size(15) = 0x7800);
        assert_fields!(Eerd: with_start(true) = 0x1, with_done(true) = 0x2,
            with_address(0x3FFF) = 0xFFFC, with_data(0xFFFF) = 0xFFFF_0000);
        assert_fields!(Mdic: with_data(0xFFFF) = 0xFFFF, with_register(31) = 0x001F_0000,
            with_phy(31) = 0x03E0_0000, with_op(3) = 0x0C00_0000,
            with_ready(true) = 0x1000_0000, with_error(true) = 0x4000_0000);
    }

    #[test]
    fn receive_and_transmit_switches_fill_their_bits() {
        assert_fields!(Rctl: with_enable(true) = 0x2, with_store_bad(true) = 0x4,
            with_unicast_promiscuous(true) = 0x8, with_multicast_promiscuous(true) = 0x10,
            with_long_packets(true) = 0x20, with_loopback(3) = 0xC0,
            with_multicast_offset(3) = 0x3000, with_broadcast(true) = 0x8000,
            with_buffer_size(3) = 0x3_0000, with_vlan_filter(true) = 0x4_0000,
            with_discard_pause(true) = 0x40_0000, with_pass_mac_control(true) = 0x80_0000,
            with_strip_crc(true) = 0x400_0000);
        assert_fields!(Tctl: with_enable(true) = 0x2, with_pad_short(true) = 0x8,
            with_collision_threshold(0xFF) = 0xFF0, with_collision_distance(0x3FF) = 0x3F_F000,
            with_retransmit_late(true) = 0x100_0000);
    }
}
