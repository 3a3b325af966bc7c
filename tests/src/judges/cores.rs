//! Where an emulator's threads run on this machine.
//!
//! Left to the scheduler, the thread of an emulated core shares a core with the emulator's
//! own work by chance, and one measurement is not like the next.

use std::fs;
use std::io;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::{Value, json};

use crate::emulator::Emulator;

/// The cores that the calling thread had, which it gets back in the end.
pub(super) struct Lent {
    before: CpuSet,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.before);
    }
}

/// Gives emulated core `own` a core of this machine; all else of the emulator shares another
/// with the calling thread. With one core there is nothing to give.
///
/// # Panics
/// When the emulator does not answer, or the kernel refuses.
pub(super) fn give_own_core(emulator: &Emulator, own: u64) -> Lent {
    let before = sched_getaffinity(None).expect("the cores of this thread");
    let lent = Lent { before };
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| before.is_set(core));
    let (Some(others), Some(alone)) = (cores.next(), cores.next()) else {
        return lent;
    };
    let threads = emulator
        .monitor("query-cpus-fast", json!({}))
        .expect("its cores");
    let thread = thread_of(&threads, own).expect("the thread of the core");
    for task in tasks(thread).expect("the emulator's threads") {
        let core = if task == thread { alone } else { others };
        // A thread that has ended meanwhile needs no core.
        let _ = sched_setaffinity(Pid::from_raw(task), &only(core));
    }
    sched_setaffinity(None, &only(others)).expect("a core for this thread");
    lent
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

/// The host's thread of emulated core `index`.
fn thread_of(cores: &Value, index: u64) -> Option<i32> {
    let mut cores = cores.as_array()?.iter();
    let core = cores.find(|core| core["cpu-index"].as_u64() == Some(index))?;
    core["thread-id"].as_i64()?.try_into().ok()
}

/// All threads of the process to which `thread` belongs.
fn tasks(thread: i32) -> io::Result<Vec<i32>> {
    let tasks = fs::read_dir(format!("/proc/{thread}/task"))?;
    let names = tasks.flatten().map(|task| task.file_name());
    Ok(names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_of_a_core_is_found_by_its_index() {
        let cores =
            json!([{ "cpu-index": 1, "thread-id": 20 }, { "cpu-index": 0, "thread-id": 10 }]);
        assert_eq!(thread_of(&cores, 0), Some(10));
        assert_eq!(thread_of(&cores, 1), Some(20));
        assert_eq!(thread_of(&cores, 2), None);
    }

    #[test]
    fn a_process_has_this_thread_among_its_own() {
        let this = rustix::thread::gettid().as_raw_nonzero().get();
        assert!(tasks(this).unwrap().contains(&this));
    }
}
