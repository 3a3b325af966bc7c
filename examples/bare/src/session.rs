//! From a plan and a card to frames that travel: the calls that whoever hosts the trusted core
//! makes, in their order.
//!
//! Here one core does everything in turns: a pass of the worker, then each partition. A
//! separation kernel gives the worker a core, and each partition another.
//!
//! Not here: the machine (`boot`), and what the partitions do (`endpoint`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use lockgate_dataplane::mailbox::{Command, WorkerHandle};
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::wiring::{PartitionLane, WorkerResources, deal};
use lockgate_dataplane::{Epoch, Worker};
use lockgate_drivers::device::Card;
use lockgate_drivers::{Nic, Queues, RingSizes};
use lockgate_lane::{Geometry, Lane};
use lockgate_vmdq::Plan;

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

/// How long what has arrived may take to be gone, at the end.
const DRAIN_NS: u64 = 1_000_000_000;

/// Runs `plan` on `card` until the operator asks for the end.
///
/// # Errors
/// The plan is not for this card or machine, or the card does not do as it is told.
pub(crate) fn run(plan: Plan, card: Card, clock: Clock) -> Result<(), Failure> {
    let mut nic = lockgate_drivers::open(card)?;
    let queues = start(&mut nic, &plan)?;
    let Wiring {
        share,
        mut endpoints,
    } = wire_up(&plan, queues)?;
    await_link(&mut nic, clock)?;
    SerialLine::report().write_line(format_args!("{{\"event\":\"ready\"}}"));
    let (epoch, stats) = (Arc::new(Epoch::new(0, plan)), Arc::<WorkerStats>::default());
    let (mut worker, mut handle) = Worker::new(Arc::clone(&epoch), Arc::clone(&stats), share)?;
    serve(&mut worker, &mut handle, &mut endpoints, &mut nic, clock)?;
    // The card is silent before its queues go, and with them their memory.
    let queues = worker.into_queues();
    nic.stop()?;
    drop(queues);
    let (plan, stats) = (epoch.plan(), &*stats);
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

/// Moves frames until the operator has asked for the end and all has drained.
fn serve(
    worker: &mut Worker,
    handle: &mut WorkerHandle,
    endpoints: &mut [Endpoint],
    nic: &mut Nic,
    clock: Clock,
) -> Result<(), Failure> {
    let mut looked = clock.now_ns();
    loop {
        let now = clock.now_ns();
        let moved = worker.pass(now);
        endpoints.iter_mut().for_each(Endpoint::serve);
        if worker.is_over(now, moved) {
            return Ok(());
        }
        if now - looked >= LOOK_NS {
            looked = now;
            nic.poll_link()?;
            if SerialLine::console().is_told_to_quit() {
                let deadline_ns = now + DRAIN_NS;
                // A second command to end would change nothing, so it may be lost.
                let _ = handle.send(Command::Finish { deadline_ns });
            }
        }
    }
}

/// The worker's share, and the other ends of its lanes.
struct Wiring {
    share: WorkerResources,
    endpoints: Vec<Endpoint>,
}

/// Makes a lane for each partition, and gives all queues and all the core's ends to the one
/// worker.
fn wire_up(plan: &Plan, queues: Queues) -> Result<Wiring, Failure> {
    if plan.workers().len() != 1 {
        return Err(Failure::Workers(plan.workers().len()));
    }
    let (mut lanes, mut endpoints) = (Vec::new(), Vec::new());
    for partition in plan.partitions() {
        let lane = Lane::in_heap(Geometry {
            rings: 1,
            slots: SLOTS,
            frame_bytes: plan.limits().lane_slot_bytes(),
        })?;
        lanes.push(PartitionLane {
            partition: partition.id,
            ends: lane.core,
        });
        endpoints.extend(Endpoint::new(partition, plan.mtu(), lane.partition));
    }
    let mut shares = deal(plan, queues, lanes)?;
    let share = shares.pop().unwrap_or_default();
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
