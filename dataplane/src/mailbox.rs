//! The mailbox of a worker: everything that changes while traffic runs.
//!
//! The supervisor sends a [`Command`], the worker looks once a pass, carries out what came
//! between two passes, and answers each command with one [`Reply`] that carries back what it
//! gives up. So a worker frees nothing; it allocates nothing either, since whatever a command
//! brings was made by who sent it. Neither side ever waits: both directions are wait-free
//! queues of one producer and one consumer (`rtrb`), and a command is taken only where its
//! reply has room.
//!
//! Replies come in the order of their commands, but for [`Reply::GaveUp`], which comes once what
//! went before has been consumed, and [`Reply::LaneClosed`], which answers nothing.
//!
//! Not here: what a worker does about them ([`crate::control`]).

use alloc::sync::Arc;

use lockgate_drivers::{RxQueue, TxQueue};
use lockgate_lane::{Closed, RxProducer};
use lockgate_vmdq::{PartitionId, PoolId};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::epoch::Epoch;
use crate::schedule::Sender;
use crate::transmit::Link;

/// Commands that wait at most: more than one change of a whole card needs.
const CAPACITY: usize = 256;

/// The ends of one partition's lane that one worker has.
pub struct LaneEnds {
    /// Whose lane it is.
    pub partition: PartitionId,
    /// Which of the partition's lanes: later ones have higher numbers.
    pub generation: u64,
    /// The worker's receive ring.
    pub rx: Option<RxProducer>,
    /// The sending side, for the worker that serves it.
    pub sender: Option<Sender>,
}

/// A receive queue by its place on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxQueueId {
    /// Its pool.
    pub pool: PoolId,
    /// Its number within the pool.
    pub queue: u8,
}

/// What a worker gives up so that another can go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// A receive queue.
    RxQueue(RxQueueId),
    /// The sending side of a partition, and its transmit queue if that is its pool's own.
    Sender(PartitionId),
}

/// What was given up, or is to be taken over.
#[expect(
    clippy::large_enum_variant,
    reason = "few are on their way at a time, and workers do not allocate"
)]
pub enum Handover {
    /// A receive queue, with what has arrived in it.
    RxQueue(RxQueue),
    /// The sending side of a partition.
    Sender {
        /// With what waits in its lane.
        sender: Sender,
        /// The transmit queue of its pool; none on a card without pools.
        queue: Option<TxQueue>,
    },
}

/// Something that changes.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once for each change, and never allocated by a worker"
)]
pub enum Command {
    /// A lane in the place of the partition's old one, which goes back.
    AttachLane(LaneEnds),
    /// The partition's lane goes back, and none takes its place.
    DetachLane(PartitionId),
    /// Another plan is in force; the old one goes back.
    Enter(Arc<Epoch>),
    /// A share is to be given up once all that went before it has been consumed, or at
    /// `deadline_ns` of the worker's clock, whatever has not been by then.
    GiveUp {
        /// Which.
        share: Share,
        /// When at the latest.
        deadline_ns: u64,
    },
    /// A share that another worker has given up.
    TakeOver(Handover),
    /// A ring for copies of what is sent to the wire, in the place of the old one, which goes
    /// back; `None` ends the capture.
    Mirror(Option<RxProducer>),
    /// Whether the wire takes frames.
    Link(Link),
    /// The worker is to end once it finds nothing to do, or at `deadline_ns` of its clock.
    Finish {
        /// When at the latest.
        deadline_ns: u64,
    },
}

/// What a worker says.
pub enum Reply {
    /// To [`Command::AttachLane`] and [`Command::DetachLane`]: the ends that were in use.
    LaneReplaced(LaneEnds),
    /// To [`Command::AttachLane`]: these ends are not used, since the lane's slots are too
    /// short for the frames of the plan in force.
    LaneRefused(LaneEnds),
    /// To [`Command::Enter`]: the plan that was in force.
    Entered(Arc<Epoch>),
    /// To [`Command::GiveUp`]: what was asked for.
    GaveUp(Handover),
    /// To [`Command::GiveUp`]: the worker has no such share, or is busy with another.
    NotGivenUp(Share),
    /// To [`Command::TakeOver`].
    TookOver,
    /// To [`Command::TakeOver`]: there is no place for one more.
    NotTakenOver(Handover),
    /// To [`Command::Mirror`]: the ring that was in use.
    MirrorReplaced(Option<RxProducer>),
    /// To [`Command::Link`] and [`Command::Finish`].
    Done,
    /// The partition broke the rules of its lane, which carries nothing any more until a new one
    /// takes its place. Comes by itself.
    LaneClosed {
        /// Which partition.
        partition: PartitionId,
        /// Which of its lanes.
        generation: u64,
        /// What it did.
        reason: Closed,
    },
}

/// The supervisor's side of a worker.
pub struct WorkerHandle {
    commands: Producer<Command>,
    replies: Consumer<Reply>,
}

impl WorkerHandle {
    /// Sends a command.
    ///
    /// # Errors
    /// The command again, if more wait than there is room for: poll replies and try later.
    #[expect(
        clippy::result_large_err,
        reason = "the command is the caller's again, and nothing is allocated"
    )]
    pub fn send(&mut self, command: Command) -> Result<(), Command> {
        self.commands
            .push(command)
            .map_err(|rtrb::PushError::Full(command)| command)
    }

    /// The next thing that the worker said; `None` if it has said nothing more.
    pub fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop().ok()
    }
}

/// The worker's side.
pub(crate) struct Mailbox {
    commands: Consumer<Command>,
    replies: Producer<Reply>,
}

impl Mailbox {
    /// Both sides.
    pub(crate) fn new() -> (WorkerHandle, Self) {
        let (commands_in, commands) = RingBuffer::new(CAPACITY);
        let (replies, replies_out) = RingBuffer::new(CAPACITY);
        let handle = WorkerHandle {
            commands: commands_in,
            replies: replies_out,
        };
        (handle, Self { commands, replies })
    }

    /// Whether a command waits: one load.
    #[inline(always)]
    pub(crate) fn has_command(&self) -> bool {
        !self.commands.is_empty()
    }

    /// The next command, if there is room for its reply beside `kept` others.
    pub(crate) fn take(&mut self, kept: usize) -> Option<Command> {
        if self.replies.slots() <= kept {
            return None;
        }
        self.commands.pop().ok()
    }

    /// Whether there is room for a reply that answers no command, with one left for one that
    /// does.
    pub(crate) fn has_room(&self) -> bool {
        self.replies.slots() > 1
    }

    /// Says something for which [`Mailbox::take`] or [`Mailbox::has_room`] has found room.
    pub(crate) fn say(&mut self, reply: Reply) {
        let said = self.replies.push(reply);
        debug_assert!(said.is_ok(), "there is room");
    }
}
