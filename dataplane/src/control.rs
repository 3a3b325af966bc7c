//! Carries out what comes by the mailbox, between two passes.
//!
//! The rule: whatever is replaced or given up goes back whole in a reply, with all that was put
//! into it shown first; and nothing is handed to another worker before all that went before
//! it has been consumed, so that no flow is overtaken.
//!
//! Not here: the messages themselves ([`crate::mailbox`]).

use alloc::sync::Arc;

use lockgate_drivers::RxQueue;
use lockgate_vmdq::{PartitionId, PoolId, SteeringMode};

use crate::Worker;
use crate::deliver::RxPort;
use crate::epoch::Epoch;
use crate::mailbox::{Command, Handover, LaneEnds, Reply, RxQueueId, Share};
use crate::receive::Ingress;
use crate::schedule::Sender;
use crate::wiring::longest_fits;

/// A share that is being given up.
pub(crate) struct Departure {
    share: Share,
    deadline_ns: u64,
    /// The shared transmit queue that its frames left by, and how far it had been filled.
    queue: Option<(usize, usize)>,
}

impl Worker {
    /// Carries out every command that waits, and says what there is to say.
    #[cold]
    #[inline(never)]
    pub(crate) fn control(&mut self, now_ns: u64) {
        self.report_closed();
        self.depart(now_ns);
        // One reply is kept for what is being given up.
        while let Some(command) = self.mailbox.take(1) {
            if let Some(reply) = self.carry_out(command) {
                self.mailbox.say(reply);
            }
        }
    }

    /// The reply, unless it comes later.
    fn carry_out(&mut self, command: Command) -> Option<Reply> {
        Some(match command {
            Command::AttachLane(ends) => self.attach_lane(ends),
            Command::DetachLane(partition) => self.detach_lane(partition),
            Command::Enter(epoch) => Reply::Entered(self.enter(epoch)),
            Command::GiveUp { share, deadline_ns } => return self.quiesce(share, deadline_ns),
            Command::TakeOver(handover) => self.take_over(handover),
            Command::Mirror(ring) => {
                self.egress.publish();
                Reply::MirrorReplaced(core::mem::replace(&mut self.egress.mirror, ring))
            }
            Command::Link(link) => {
                self.egress.link = link;
                Reply::Done
            }
            Command::Finish { deadline_ns } => {
                self.finish_ns = Some(deadline_ns);
                Reply::Done
            }
        })
    }

    /// Reports lanes that were found closed, as far as there is room to.
    fn report_closed(&mut self) {
        while self.mailbox.has_room()
            && let Some(partition) = self.ports.take_closed()
        {
            let of_sender = self.schedule.sender(partition).and_then(|sender| {
                sender.quiesce();
                Some((sender.lane.closed()?, sender.generation))
            });
            if let Some((reason, generation)) = of_sender.or(self.ports.reason(partition)) {
                self.mailbox.say(Reply::LaneClosed {
                    partition,
                    generation,
                    reason,
                });
            }
        }
    }

    /// Puts a lane in the place of the partition's old one.
    fn attach_lane(&mut self, ends: LaneEnds) -> Reply {
        if !longest_fits(&ends, self.epoch.limits()) {
            return Reply::LaneRefused(ends);
        }
        let LaneEnds {
            partition,
            generation,
            rx,
            sender,
        } = ends;
        let port = rx.map(|ring| RxPort::new(ring, generation));
        let old_port = self.ports.replace(partition, port);
        let old_sender = match sender {
            Some(sender) => self.schedule.insert(sender),
            None => self.schedule.remove(partition),
        };
        self.rewire();
        lane_replaced(partition, old_port, old_sender)
    }

    fn detach_lane(&mut self, partition: PartitionId) -> Reply {
        let old_port = self.ports.replace(partition, None);
        let old_sender = self.schedule.remove(partition);
        lane_replaced(partition, old_port, old_sender)
    }

    /// Goes on under another plan; gives back the old one.
    fn enter(&mut self, epoch: Arc<Epoch>) -> Arc<Epoch> {
        let old = core::mem::replace(&mut self.epoch, epoch);
        self.rewire();
        old
    }

    /// Makes everything that follows from the plan, and from what this worker has, follow from
    /// them again.
    pub(crate) fn rewire(&mut self) {
        let epoch = &self.epoch;
        self.flows.enter(epoch.number());
        for ingress in &mut self.rx {
            ingress.owner = epoch.owner(PoolId::new(ingress.queue.pool()));
        }
        let pools = epoch.plan().steering() == SteeringMode::Pools;
        for sender in self.schedule.iter_mut() {
            sender.enter(epoch);
            let pool = epoch.plan().pool_of(sender.partition);
            let mut queues = self.egress.queues.iter();
            let is_its = |pool_of_queue| !pools || Some(PoolId::new(pool_of_queue)) == pool;
            sender.queue = queues.position(|queue| is_its(queue.pool()));
        }
    }

    /// Takes nothing more from `share`; the reply comes when all that went before has been
    /// consumed.
    fn quiesce(&mut self, share: Share, deadline_ns: u64) -> Option<Reply> {
        if self.departure.is_some() || !self.set_quiesced(share, true) {
            return Some(Reply::NotGivenUp(share));
        }
        self.egress.flush();
        self.ports.mark();
        self.departure = Some(Departure {
            share,
            deadline_ns,
            queue: self.shared_queue(share),
        });
        None
    }

    /// Takes frames from `share` no more, or again; false if there is no such share.
    fn set_quiesced(&mut self, share: Share, quiesced: bool) -> bool {
        match share {
            Share::RxQueue(id) => match self.rx.iter_mut().find(|rx| id.is(&rx.queue)) {
                Some(ingress) => ingress.quiesced = quiesced,
                None => return false,
            },
            Share::Sender(partition) => match self.schedule.sender(partition) {
                Some(sender) if quiesced => sender.quiesce(),
                Some(sender) => sender.resume(),
                None => return false,
            },
        }
        true
    }

    /// The transmit queue that the frames of `share` have left by, if it stays here, and how
    /// far it was filled.
    fn shared_queue(&mut self, share: Share) -> Option<(usize, usize)> {
        let Share::Sender(partition) = share else {
            return None;
        };
        if self.epoch.plan().steering() == SteeringMode::Pools {
            return None;
        }
        let queue = self.schedule.sender(partition)?.queue?;
        Some((queue, self.egress.queues.get(queue)?.pushed()))
    }

    /// Gives up what is to be given up, if all that went before it has been consumed or the
    /// time is over.
    fn depart(&mut self, now_ns: u64) {
        let Some(departure) = &self.departure else {
            return;
        };
        let sent = departure.queue.is_none_or(|(queue, pushed)| {
            let queue = self.egress.queues.get_mut(queue);
            queue.is_none_or(|queue| queue.is_sent(pushed))
        });
        if now_ns < departure.deadline_ns && !(sent && self.ports.are_consumed()) {
            return;
        }
        let share = departure.share;
        self.departure = None;
        let handover = match share {
            Share::RxQueue(id) => self.give_up_queue(id),
            Share::Sender(partition) => self.give_up_sender(partition),
        };
        let reply = handover.map_or(Reply::NotGivenUp(share), Reply::GaveUp);
        self.mailbox.say(reply);
        self.rewire();
    }

    fn give_up_queue(&mut self, id: RxQueueId) -> Option<Handover> {
        let at = self.rx.iter().position(|rx| id.is(&rx.queue))?;
        Some(Handover::RxQueue(self.rx.remove(at).queue))
    }

    fn give_up_sender(&mut self, partition: PartitionId) -> Option<Handover> {
        let sender = self.schedule.remove(partition)?;
        let pools = self.epoch.plan().steering() == SteeringMode::Pools;
        let queue = sender.queue.filter(|_| pools);
        let queue = queue.map(|queue| self.egress.queues.remove(queue));
        Some(Handover::Sender { sender, queue })
    }

    /// Goes on with what another worker has given up.
    fn take_over(&mut self, handover: Handover) -> Reply {
        match handover {
            Handover::RxQueue(queue) => {
                if self.rx.len() == self.rx.capacity() {
                    return Reply::NotTakenOver(Handover::RxQueue(queue));
                }
                self.rx.push(Ingress::new(queue, &self.epoch));
            }
            Handover::Sender { mut sender, queue } => {
                let known = self.schedule.sender(sender.partition).is_some();
                if known || self.egress.queues.len() == self.egress.queues.capacity() {
                    return Reply::NotTakenOver(Handover::Sender { sender, queue });
                }
                sender.resume();
                self.egress.queues.extend(queue);
                self.schedule.insert(sender);
            }
        }
        self.rewire();
        Reply::TookOver
    }
}

impl RxQueueId {
    /// Whether `queue` is this one.
    pub(crate) fn is(self, queue: &RxQueue) -> bool {
        self.pool == PoolId::new(queue.pool()) && self.queue == queue.queue()
    }
}

/// The reply to a command about a lane.
fn lane_replaced(partition: PartitionId, port: Option<RxPort>, sender: Option<Sender>) -> Reply {
    let of_port = port.as_ref().map(|port| port.generation);
    let of_sender = sender.as_ref().map(|sender| sender.generation);
    Reply::LaneReplaced(LaneEnds {
        partition,
        generation: of_port.or(of_sender).unwrap_or(0),
        rx: port.map(|port| port.ring),
        sender,
    })
}
