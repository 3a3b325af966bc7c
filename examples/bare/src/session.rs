//! From a plan and a card to frames that travel: the calls that whoever hosts the trusted core
//! makes, in their order.
//!
//! Here one core does everything in turns: a pass of the worker, then each partition. A
//! separation kernel gives the worker a core, and each partition another.
//!
//! Not here: the machine (`boot`), and what the partitions do (`endpoint`).

use alloc::vec::Vec;

use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::{Assignment, Control, Overflow, Worker};
use lockgate_drivers::device::Card;
use lockgate_drivers::{Nic, Queues, RingSizes};
use lockgate_lane::{Geometry, Lane};
use lockgate_vmdq::{Plan, PoolId};

use crate::boot::Clock;
use crate::console::{SerialLine, say};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::report::Report;

/// Descriptors of each queue. Small rings are enough for QEMU, which waits.
const RINGS: RingSizes = RingSizes { rx: 256, tx: 256 };

/// Slots of each ring of a lane.
const SLOTS: u32 = 256;

/// How often the link is looked at, and the operator.
const LOOK_NS: u64 = 10_000_000;

/// How long a link may take to come up.
const LINK_NS: u64 = 10_000_000_000;

/// Runs `plan` on `card` until the operator asks for the end.
///
/// # Errors
/// The plan is not for this card or machine, or the card does not do as it is told.
pub(crate) fn run(plan: &Plan, card: Card, clock: Clock) -> Result<(), Failure> {
    let mut nic = lockgate_drivers::open(card)?;
    let queues = start(&mut nic, plan)?;
    let Wiring {
        share,
        mut endpoints,
    } = wire_up(plan, queues)?;
    await_link(&mut nic, clock)?;
    SerialLine::report().write_line(format_args!("{{\"event\":\"ready\"}}"));
    let stats = WorkerStats::new(plan.partitions().iter().map(|p| p.queues.into()));
    let control = Control::new(plan.partitions().len());
    let mut worker = Worker::new(plan, &stats, &control, share, Overflow::Drop);
    serve(&mut worker, &mut endpoints, &mut nic, clock)?;
    // The card is silent before its queues go, and with them their memory.
    let queues = worker.into_queues();
    nic.stop()?;
    drop(queues);
    let stats = &stats;
    SerialLine::report().write_line(format_args!("{}", Report { plan, stats }));
    let (came, left) = (&stats.wire.rx.frames, &stats.wire.tx.frames);
    say!("lockgate: {} frames came, {} left", came.get(), left.get());
    Ok(())
}

/// Sets the card up, and looks whether it holds what it was told.
fn start(nic: &mut Nic, plan: &Plan) -> Result<Queues, Failure> {
    let queues = nic.start(plan, RINGS)?;
    match nic.read_back()? == *plan.hardware() {
        true => Ok(queues),
        false => Err(Failure::ReadBack),
    }
}

/// Moves frames until the operator asks for the end.
fn serve(
    worker: &mut Worker<'_>,
    endpoints: &mut [Endpoint],
    nic: &mut Nic,
    clock: Clock,
) -> Result<(), Failure> {
    let mut looked = clock.now_ns();
    loop {
        let now = clock.now_ns();
        worker.pass(now);
        endpoints.iter_mut().for_each(Endpoint::serve);
        if now - looked >= LOOK_NS {
            looked = now;
            nic.poll_link()?;
            if SerialLine::console().is_told_to_quit() {
                return Ok(());
            }
        }
    }
}

/// The worker's share, and the other ends of its lanes.
struct Wiring {
    share: Assignment,
    endpoints: Vec<Endpoint>,
}

/// Makes a lane for each partition. The one worker has all queues and all the core's ends.
fn wire_up(plan: &Plan, queues: Queues) -> Result<Wiring, Failure> {
    if plan.workers().len() != 1 {
        return Err(Failure::Workers(plan.workers().len()));
    }
    let Queues { rx, tx } = queues;
    let (mut down, mut up, mut endpoints) = (Vec::new(), Vec::new(), Vec::new());
    for (p, partition) in plan.partitions().iter().enumerate() {
        let lane = Lane::in_heap(Geometry {
            rings: 1,
            slots: SLOTS,
            frame_bytes: plan.limits().lane_slot_bytes(),
        })?;
        let pool = plan.pool_of(partition.id);
        let queue = tx
            .iter()
            .position(|queue| pool == Some(PoolId::new(queue.pool())));
        down.extend(lane.core.rx);
        up.push((p, lane.core.tx, queue));
        endpoints.extend(Endpoint::new(partition, plan.mtu(), lane.partition));
    }
    let share = Assignment {
        rx,
        tx,
        down,
        up,
        mirror: None,
    };
    Ok(Wiring { share, endpoints })
}

/// Waits until frames can travel.
fn await_link(nic: &mut Nic, clock: Clock) -> Result<(), Failure> {
    let begun = clock.now_ns();
    while !nic.poll_link()?.up {
        if clock.now_ns() - begun > LINK_NS {
            return Err(Failure::NoLink);
        }
    }
    Ok(())
}
