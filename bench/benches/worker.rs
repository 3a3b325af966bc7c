//! The worker and the driver, from wire to lane and back: prints a section.

use lockgate::worker::{Clock, Overflow, Worker};
use lockgate_bench::path::{Scene, Stage, Way};
use lockgate_tests::subject::Kind;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let n = |at: usize| args[at].parse::<usize>().expect("a number");
    let kind = match args[0].as_str() {
        "e1000e" => Kind::Model82574,
        "igb" => Kind::Model82576,
        _ => Kind::Model82599,
    };
    let way = match args[1].as_str() {
        "in" => Way::WireToLane,
        "out" => Way::LaneToWire,
        _ => Way::LaneToLane,
    };
    let scene = Scene { kind, way, partitions: n(2), queues: n(3), bytes: n(4) };
    let (stage, share, mut far) = Stage::new(scene);
    let mut worker = Worker::new(&stage.plan, &stage.stats, &stage.control, share, Overflow::Drop);
    let clock = Clock::start();
    let (mut moved, frames) = (0, n(5));
    let begun = std::time::Instant::now();
    while moved < frames {
        far.step();
        moved += counted(&mut worker, clock);
    }
    println!("{moved} frames, {:?}", begun.elapsed() / moved as u32);
}

/// What callgrind counts.
#[inline(never)]
fn counted(worker: &mut Worker<'_>, clock: Clock) -> usize {
    worker.pass(clock.now_ns())
}
