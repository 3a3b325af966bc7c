//! The cores that benches run on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores that this process may use, taken when it starts; `None` if it has only one.
pub fn two_cores() -> Option<[usize; 2]> {
    let set = sched_getaffinity(None).ok()?;
    let mut usable = (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core));
    Some([usable.next()?, usable.next()?])
}

/// Keeps the calling thread on `core`.
///
/// # Panics
/// When the operating system refuses, because what was measured then would not be what
/// the table says.
pub fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("a core that this process may use");
}
