//! What compiled code expects of a C library: five functions over bytes, and two names of an
//! unwinder's, which are never called because panics abort.

use core::arch::asm;

/// # Safety
/// As C's: `bytes` bytes are readable at `from` and writable at `to`, and do not overlap.
// SAFETY: the compiler's own calls are meant.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // SAFETY: the caller's; the direction flag is clear.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") bytes => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags)
        );
    }
    to
}

/// # Safety
/// As C's: `bytes` bytes are readable at `from` and writable at `to`.
// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    let ahead = to.addr().wrapping_sub(from.addr());
    if ahead >= bytes {
        // SAFETY: what is written first is not read afterwards.
        return unsafe { memcpy(to, from, bytes) };
    }
    // SAFETY: the caller's; from the end on, for the ranges overlap. The direction flag is
    // clear again behind it.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") bytes => _,
            inout("rdi") to.wrapping_add(bytes).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(bytes).wrapping_sub(1) => _,
            options(nostack)
        );
    }
    to
}

/// # Safety
/// As C's: `bytes` bytes are writable at `to`.
// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    // SAFETY: the caller's; the direction flag is clear.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") bytes => _, inout("rdi") to => _, in("al") value as u8,
            options(nostack, preserves_flags)
        );
    }
    to
}

/// # Safety
/// As C's: `bytes` bytes are readable at both.
// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    for at in 0..bytes {
        // SAFETY: the caller's. Volatile, or the loop may be compiled to a call of itself.
        let left = unsafe { one.wrapping_add(at).read_volatile() };
        // SAFETY: as above.
        let right = unsafe { other.wrapping_add(at).read_volatile() };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// # Safety
/// As [`memcmp`].
// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { memcmp(one, other, bytes) }
}

// SAFETY: the precompiled `alloc` names it, and nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    crate::fatal(format_args!("unwinding, where panics abort"))
}
