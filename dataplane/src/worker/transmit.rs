//! From the lanes to the wire and to other lanes: whose turn it is.
//!
//! A frame that cannot move yet stays in its lane; the turn passes on.

use lockgate_lane::UpReader;

use super::exit::Exit;
use super::schedule::Sender;
use super::{MIN_FRAME, Worker};

impl Worker<'_> {
    /// Sends up to `budget` frames in all, in the order of the schedule.
    pub(super) fn transmit(&mut self, budget: usize) -> usize {
        let (mut moved, mut barren) = (0, 0);
        while barren < self.schedule.len() {
            let Some((sender, up)) = self.schedule.current() else {
                break;
            };
            let exit = Exit {
                cx: &self.cx,
                doors: &mut self.doors,
                queue: sender.tx.and_then(|tx| self.tx.get_mut(tx)),
                mirror: self.mirror.as_mut(),
                scratch: &mut self.scratch,
            };
            let sent = exit.turn(sender, up, budget - moved);
            moved += sent;
            if moved >= budget {
                break;
            }
            barren = if sent == 0 { barren + 1 } else { 0 };
            self.schedule.advance();
        }
        moved
    }
}

impl<'r> Exit<'_, 'r> {
    /// Sends from one lane until `budget` is used up, which leaves it its turn, or it is
    /// empty, out of its share, or must wait; says how many frames moved.
    fn turn(mut self, sender: &mut Sender<'r>, up: &mut UpReader, budget: usize) -> usize {
        let (p, control) = (sender.partition, self.cx.control);
        if control.shut(p).is_some() {
            return 0;
        }
        // The only look at how far the partition has written.
        control.note(p, up.available().err());
        let mut moved = 0;
        while moved < budget {
            // Most frames by the short way, and each that is not like them by the other.
            moved += self.follow(sender, up, budget - moved);
            let Some(len) = up.head() else {
                sender.deficit = 0;
                break;
            };
            // Refused frames use up the share too, or a flood of them would hold the turn.
            let price = len.max(MIN_FRAME);
            if moved == budget || sender.deficit < price || !self.depart(sender, up, len) {
                break;
            }
            sender.deficit -= price;
            up.consume();
            moved += 1;
        }
        up.release();
        moved
    }
}
