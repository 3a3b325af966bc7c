//! What a PVH loader says of the machine (`hvm_start_info`, Xen's
//! `xen/include/public/arch-x86/hvm/start_info.h`).

use core::ptr::with_exposed_provenance;

const MAGIC: u32 = 0x336e_c578;

/// The start of `hvm_start_info`.
#[derive(Clone, Copy)]
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
}

/// The start of `hvm_modlist_entry`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Module {
    address: u64,
    bytes: u64,
}

/// What is mapped as memory; see `entry.s`.
const MEMORY_END: u64 = 0x8000_0000;

// SAFETY: the linker script has both; only their addresses are used.
unsafe extern "C" {
    safe static image_start: u8;
    safe static image_end: u8;
}

/// The first module of the start information at `address`; `None` if there is none, or if
/// either is where no loader puts it.
pub(super) fn first_module(address: u32) -> Option<&'static [u8]> {
    let info: StartInfo = read(address.into())?;
    if info.magic != MAGIC || info.modules == 0 {
        return None;
    }
    let module: Module = read(info.module_list)?;
    if module.bytes == 0 || !is_outside_image(module.address, module.bytes) {
        return None;
    }
    let first = with_exposed_provenance(module.address as usize);
    // SAFETY: the loader put as many bytes there, apart from the image and its heap, and
    // nothing writes them afterwards.
    Some(unsafe { core::slice::from_raw_parts(first, module.bytes as usize) })
}

/// A structure of the loader's.
fn read<T: Copy>(address: u64) -> Option<T> {
    if !is_outside_image(address, size_of::<T>() as u64) {
        return None;
    }
    let place: *const T = with_exposed_provenance(address as usize);
    // SAFETY: memory, and nobody's but the loader's; the structures above are integers.
    Some(unsafe { place.read_unaligned() })
}

/// Whether `bytes` bytes at `address` are memory, and none of the image's.
fn is_outside_image(address: u64, bytes: u64) -> bool {
    let first = (&raw const image_start).addr() as u64;
    let end = (&raw const image_end).addr() as u64;
    let Some(last) = address.checked_add(bytes) else {
        return false;
    };
    address != 0 && last <= MEMORY_END && (last <= first || address >= end)
}
