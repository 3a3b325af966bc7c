//! Processor exceptions: an image that does something wrong says so and ends, where without
//! handlers the machine would start over.

use core::arch::asm;

/// An entry of the interrupt descriptor table (Intel SDM, volume 3, 7.14.1).
#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    offset_low: u16,
    selector: u16,
    /// Present, interrupt gate, no stack of its own.
    kind: u16,
    offset_middle: u16,
    offset_high: u32,
    reserved: u32,
}

/// What LIDT takes.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Exceptions that processors know.
const VECTORS: usize = 32;

/// The code segment of `entry.s`.
const CODE_SELECTOR: u16 = 8;
const INTERRUPT_GATE: u16 = 0x8e00;

/// Bytes of each of the stubs in `entry.s`.
const STUB_BYTES: u64 = 8;

static mut GATES: [Gate; VECTORS] = [Gate {
    offset_low: 0,
    selector: CODE_SELECTOR,
    kind: INTERRUPT_GATE,
    offset_middle: 0,
    offset_high: 0,
    reserved: 0,
}; VECTORS];

// SAFETY: `entry.s` has it, and nothing but the processor goes there.
unsafe extern "C" {
    safe static exception_stubs: [u8; VECTORS * STUB_BYTES as usize];
}

/// Gives every exception its stub. Called once, before anything else.
pub(super) fn catch() {
    let stubs = (&raw const exception_stubs).addr() as u64;
    let gates = &raw mut GATES;
    for vector in 0..VECTORS {
        let stub = stubs + STUB_BYTES * vector as u64;
        let gate = Gate {
            offset_low: stub as u16,
            selector: CODE_SELECTOR,
            kind: INTERRUPT_GATE,
            offset_middle: (stub >> 16) as u16,
            offset_high: (stub >> 32) as u32,
            reserved: 0,
        };
        // SAFETY: inside the table, which nobody else touches: there is one processor, and
        // it gets to know the table below.
        unsafe { gates.cast::<Gate>().wrapping_add(vector).write(gate) };
    }
    let pointer = Pointer {
        limit: (size_of::<[Gate; VECTORS]>() - 1) as u16,
        base: gates.addr() as u64,
    };
    // SAFETY: the table is complete, stays where it is and leads to stubs that never return.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack, readonly)) };
}

/// Where the stubs go. `first` and `second` are what the processor pushed on top: an error
/// code for some exceptions, then the address of the instruction.
// SAFETY: no other function of the image has the name.
#[unsafe(no_mangle)]
extern "C" fn exception(vector: u64, first: u64, second: u64, address: u64) -> ! {
    crate::fatal(format_args!(
        "exception {vector} (stack: {first:#x}, {second:#x}; CR2: {address:#x})"
    ))
}
