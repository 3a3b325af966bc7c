//! The PC's I/O ports, as far as this image uses them.

use core::arch::asm;

/// Where `isa-debug-exit` listens, if the machine has one.
const DEBUG_EXIT: u16 = 0xf4;

const CONFIG_ADDRESS: u16 = 0xcf8;
const CONFIG_DATA: u16 = 0xcfc;

/// A port of one byte of a device that reaches no memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BytePort(u16);

impl BytePort {
    /// Port `offset` of the serial line whose first port is `base`; `None` for ports that
    /// belong to something else.
    pub(crate) const fn serial(base: u16, offset: u16) -> Option<Self> {
        match (base, offset) {
            (0x3f8 | 0x2f8, 0..8) => Some(Self(base + offset)),
            _ => None,
        }
    }

    /// A port of the interval timer or of the gate of its channel 2.
    pub(super) const fn timer(port: u16) -> Self {
        assert!(matches!(port, 0x42 | 0x43 | 0x61), "no port of the timer");
        Self(port)
    }

    /// Reads it.
    pub(crate) fn read(self) -> u8 {
        let value;
        // SAFETY: the device of such a port changes nothing but itself.
        unsafe {
            asm!("in al, dx", in("dx") self.0, out("al") value, options(nomem, nostack, preserves_flags));
        }
        value
    }

    /// Writes it.
    pub(crate) fn write(self, value: u8) {
        // SAFETY: as in `read`.
        unsafe {
            asm!("out dx, al", in("dx") self.0, in("al") value, options(nomem, nostack, preserves_flags));
        }
    }
}

/// The two ports by which PCI configuration space is reached (PCI 3.0, 3.2.2.3.2).
///
/// Whoever holds them can let a card do DMA, so there is one value. It trusts its holder with
/// that, as an operating system's kernel is trusted.
#[derive(Debug)]
pub(crate) struct ConfigPorts(());

impl ConfigPorts {
    pub(super) fn take() -> Self {
        Self(())
    }

    /// Reads the register that `address` names, as port 0xcf8 takes it.
    pub(crate) fn read(&mut self, address: u32) -> u32 {
        self.select(address);
        let value;
        // SAFETY: reading configuration space changes no memory.
        unsafe {
            asm!("in eax, dx", in("dx") CONFIG_DATA, out("eax") value, options(nomem, nostack, preserves_flags));
        }
        value
    }

    /// Writes it.
    pub(crate) fn write(&mut self, address: u32, value: u32) {
        self.select(address);
        // SAFETY: what this changes is which addresses a device answers to and whether it may
        // do DMA; `pci.rs`, the one holder, moves nothing onto memory.
        unsafe {
            asm!("out dx, eax", in("dx") CONFIG_DATA, in("eax") value, options(nostack, preserves_flags));
        }
    }

    fn select(&mut self, address: u32) {
        // SAFETY: chooses a register and changes none.
        unsafe {
            asm!("out dx, eax", in("dx") CONFIG_ADDRESS, in("eax") address, options(nomem, nostack, preserves_flags));
        }
    }
}

/// Ends the machine: QEMU's exit status is `2 * code + 1`. A machine without `isa-debug-exit`
/// stands still.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: the port belongs to that device or to none.
    unsafe {
        asm!("out dx, al", in("dx") DEBUG_EXIT, in("al") code, options(nomem, nostack, preserves_flags));
    }
    loop {
        // SAFETY: interrupts are off, so this halts for good.
        unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
    }
}
