//! Which cores this process may use, and which one a thread runs on.
//!
//! The rule: a core that cannot be had is an error and never a slower run.
//!
//! Source: Linux `sched_setaffinity(2)`, admin-guide/kernel-parameters (`isolcpus`). Not here:
//! which core is whose (`lockgate-vmdq`).

use std::fs;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that the scheduler leaves alone (`isolcpus`), as a list of ranges.
const ISOLATED: &str = "/sys/devices/system/cpu/isolated";

/// The cores that this process may be pinned to, in order: those that it may run on, and those that
/// are isolated for such as it. Whether an isolated one can be had shows when it is pinned.
pub fn usable() -> Vec<u16> {
    let mut cores = match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU)
            .filter(|&core| set.is_set(core))
            .filter_map(|core| u16::try_from(core).ok())
            .collect(),
        Err(_) => vec![0],
    };
    cores.extend(ranges(&fs::read_to_string(ISOLATED).unwrap_or_default()));
    cores.sort_unstable();
    cores.dedup();
    cores
}

/// The numbers of a list such as `1-3,7`; what is none is left out.
fn ranges(list: &str) -> Vec<u16> {
    let mut numbers = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            numbers.extend(first..=last.min(CpuSet::MAX_CPU as u16));
        }
    }
    numbers
}

/// Keeps the calling thread on `cores`; on all that it has if there are none.
///
/// # Errors
/// The operating system's, when none of them can be had; `InvalidInput` for a number that is no
/// core's.
pub fn pin(cores: &[u16]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        if usize::from(core) >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(usize::from(core));
    }
    if !cores.is_empty() {
        sched_setaffinity(None, &set)?;
    }
    Ok(())
}

/// Does `work` on `core` alone. A thread that it makes stays there: a thread begins on the cores
/// of the one that makes it, so that a core that cannot be had is known before it runs.
///
/// # Errors
/// As [`pin`].
pub fn on_core<T>(core: u16, work: impl FnOnce() -> T) -> io::Result<T> {
    let before = sched_getaffinity(None)?;
    pin(&[core])?;
    let done = work();
    sched_setaffinity(None, &before)?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_made_on_a_core_stays_there_and_its_maker_does_not() {
        let before = sched_getaffinity(None).unwrap();
        let core = (0..CpuSet::MAX_CPU)
            .find(|&core| before.is_set(core))
            .unwrap();
        let made = on_core(core as u16, || thread::spawn(|| sched_getaffinity(None))).unwrap();
        let set = made.join().unwrap().unwrap();
        assert!(set.is_set(core) && set.count() == 1);
        assert!(sched_getaffinity(None).unwrap() == before);
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        for core in [CpuSet::MAX_CPU as u16 - 1, u16::MAX] {
            assert!(
                pin(&[core]).is_err() && on_core(core, || ()).is_err(),
                "{core}"
            );
        }
        assert!(pin(&[]).is_ok());
    }

    #[test]
    fn isolated_cores_are_a_list_of_ranges() {
        assert_eq!(ranges("1-3,7\n"), [1, 2, 3, 7]);
        assert_eq!(ranges("\n"), []);
        assert_eq!(ranges("x-2,5-4,9"), [9]);
    }
}
