//! Which cores this process may use, and which one a thread runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may run on, in order.
pub fn usable() -> Vec<u16> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU)
            .filter(|&core| set.is_set(core))
            .filter_map(|core| u16::try_from(core).ok())
            .collect(),
        Err(_) => vec![0],
    }
}

/// Keeps the calling thread on `cores`. A core that has gone since the plan was
/// checked costs speed and nothing else, so that is no failure.
pub fn pin(cores: &[u16]) {
    let mut set = CpuSet::new();
    for &core in cores {
        if usize::from(core) < CpuSet::MAX_CPU {
            set.set(usize::from(core));
        }
    }
    if !cores.is_empty() {
        let _ = sched_setaffinity(None, &set);
    }
}
