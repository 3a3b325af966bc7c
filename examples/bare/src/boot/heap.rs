//! The memory that `alloc` hands out: a part of the image, zero when it starts.

use core::ptr::addr_of_mut;

use linked_list_allocator::LockedHeap;

/// Enough for the rings of a card with eight pools and the lanes of a few partitions.
const BYTES: usize = 64 << 20;

/// Pages, so that nothing else is on the first and last of those that a card may write.
#[repr(align(4096))]
struct Arena {
    _bytes: [u8; BYTES],
}

static mut ARENA: Arena = Arena { _bytes: [0; BYTES] };

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Hands the arena to the allocator. Called once, before anything is allocated.
pub(super) fn begin() {
    let first = addr_of_mut!(ARENA).cast();
    // SAFETY: the arena is as long, stays for ever and is reached by the allocator alone.
    unsafe { HEAP.lock().init(first, BYTES) };
}
