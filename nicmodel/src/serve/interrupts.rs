//! Interrupts of a served card: vectors, and the client's event descriptors.
//!
//! A message of the card becomes a count in the event descriptor that the client has
//! given for its vector. While a vector is masked its message is pending; without a
//! descriptor it is gone, as with MSI-X off.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A request about vectors that the card does not have.
type Outcome = Result<(), Errno>;

/// The vectors of one card.
#[derive(Debug)]
pub(crate) struct Interrupts(Mutex<Vectors>);

#[derive(Debug)]
struct Vectors {
    events: Vec<Option<OwnedFd>>,
    masked: u64,
    pending: u64,
}

impl Interrupts {
    /// Vectors without descriptors; at most 64 count.
    pub(crate) fn new(vectors: u8) -> Self {
        let events = (0..vectors.min(64)).map(|_| None).collect();
        Self(Mutex::new(Vectors {
            events,
            masked: 0,
            pending: 0,
        }))
    }

    /// Signals the vectors of `messages`, a bit each.
    pub(crate) fn signal(&self, messages: u64) {
        if messages != 0 {
            self.vectors().signal(messages);
        }
    }

    /// The vectors whose messages wait.
    pub(crate) fn pending(&self) -> u64 {
        self.vectors().pending
    }

    /// Forgets all descriptors and masks.
    pub(crate) fn disable(&self) {
        let mut vectors = self.vectors();
        vectors.events.fill_with(|| None);
        (vectors.masked, vectors.pending) = (0, 0);
    }

    /// Gives `count` vectors from `start` on the descriptors of `files`, or takes theirs
    /// away if there are none.
    ///
    /// # Errors
    /// `INVAL`, and nothing changes, when the card lacks such vectors or `files` is
    /// neither empty nor as many.
    pub(crate) fn assign(&self, start: u32, count: u32, files: Vec<OwnedFd>) -> Outcome {
        let mut vectors = self.vectors();
        let range = vectors.bits(start, count)?;
        if !files.is_empty() && files.len() != count as usize {
            return Err(Errno::INVAL);
        }
        let mut files = files.into_iter();
        let chosen = vectors
            .events
            .iter_mut()
            .skip(start as usize)
            .take(count as usize);
        chosen.for_each(|event| *event = files.next());
        vectors.pending &= !range;
        Ok(())
    }

    /// Signals vectors as if the card had.
    ///
    /// # Errors
    /// `INVAL`, when the card lacks such vectors.
    pub(crate) fn trigger(&self, start: u32, chosen: &[bool]) -> Outcome {
        let mut vectors = self.vectors();
        let bits = vectors.chosen(start, chosen)?;
        vectors.signal(bits);
        Ok(())
    }

    /// Masks vectors, or lets them pass and with them what waited.
    ///
    /// # Errors
    /// `INVAL`, when the card lacks such vectors.
    pub(crate) fn mask(&self, start: u32, chosen: &[bool], masked: bool) -> Outcome {
        let mut vectors = self.vectors();
        let bits = vectors.chosen(start, chosen)?;
        if masked {
            vectors.masked |= bits;
            return Ok(());
        }
        vectors.masked &= !bits;
        let due = vectors.pending & bits;
        vectors.pending &= !due;
        vectors.signal(due);
        Ok(())
    }

    fn vectors(&self) -> MutexGuard<'_, Vectors> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vectors {
    fn signal(&mut self, messages: u64) {
        self.pending |= messages & self.masked;
        let due = messages & !self.masked;
        for (number, event) in self.events.iter().enumerate() {
            if let Some(event) = event.as_ref().filter(|_| due >> number & 1 != 0) {
                count(event);
            }
        }
        // Vectors beyond the last do not exist.
        self.pending &= self.all();
    }

    fn all(&self) -> u64 {
        1_u64
            .checked_shl(self.events.len() as u32)
            .map_or(u64::MAX, |bit| bit - 1)
    }

    fn bits(&self, start: u32, count: u32) -> Result<u64, Errno> {
        let end = start
            .checked_add(count)
            .filter(|&end| end as usize <= self.events.len());
        let end = end.ok_or(Errno::INVAL)?;
        Ok((start..end).fold(0, |bits, number| bits | 1 << number))
    }

    /// The bits of the vectors from `start` on that are chosen.
    fn chosen(&self, start: u32, chosen: &[bool]) -> Result<u64, Errno> {
        let count = u32::try_from(chosen.len()).map_err(|_| Errno::INVAL)?;
        let all = self.bits(start, count)?;
        let picked = chosen
            .iter()
            .rev()
            .fold(0, |bits: u64, &one| bits << 1 | u64::from(one));
        Ok(all & picked.checked_shl(start).unwrap_or(0))
    }
}

/// Adds one to an event descriptor. One that would block is full: its owner has been told
/// often enough, and one that is closed at the other end has no owner.
fn count(event: &OwnedFd) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ready = poll(&mut [PollFd::new(event, PollFlags::OUT)], Some(&now));
    if ready == Ok(1) {
        let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use std::os::unix::net::UnixStream;

    fn events(count: usize) -> (Vec<OwnedFd>, Vec<OwnedFd>) {
        let event = || eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        let ours: Vec<OwnedFd> = (0..count).map(|_| event()).collect();
        let theirs = ours
            .iter()
            .map(|event| event.try_clone().unwrap())
            .collect();
        (ours, theirs)
    }

    fn counted(event: &OwnedFd) -> u64 {
        let mut bytes = [0; 8];
        match rustix::io::read(event, &mut bytes) {
            Ok(_) => u64::from_ne_bytes(bytes),
            Err(_) => 0,
        }
    }

    #[test]
    fn a_message_counts_where_the_client_wants_it() {
        let interrupts = Interrupts::new(10);
        let (ours, theirs) = events(2);
        interrupts.assign(3, 2, theirs).unwrap();
        interrupts.signal(1 << 3 | 1 << 9 | 1 << 40);
        interrupts.signal(1 << 3);
        assert_eq!([counted(&ours[0]), counted(&ours[1])], [2, 0]);
        interrupts.assign(3, 1, Vec::new()).unwrap();
        interrupts.signal(u64::MAX);
        assert_eq!([counted(&ours[0]), counted(&ours[1])], [0, 1]);
        interrupts.disable();
        interrupts.signal(u64::MAX);
        assert_eq!(counted(&ours[1]), 0);
    }

    #[test]
    fn a_masked_vector_is_pending_until_it_is_not() {
        let interrupts = Interrupts::new(64);
        let (ours, theirs) = events(1);
        interrupts.assign(63, 1, theirs).unwrap();
        interrupts.mask(63, &[true], true).unwrap();
        interrupts.signal(1 << 63);
        assert_eq!((counted(&ours[0]), interrupts.pending()), (0, 1 << 63));
        interrupts.mask(62, &[true, true], false).unwrap();
        assert_eq!((counted(&ours[0]), interrupts.pending()), (1, 0));
        interrupts.trigger(62, &[true, false]).unwrap();
        assert_eq!(counted(&ours[0]), 0);
        interrupts.trigger(63, &[true]).unwrap();
        assert_eq!(counted(&ours[0]), 1);
    }

    #[test]
    fn vectors_that_the_card_lacks_are_refused() {
        let interrupts = Interrupts::new(5);
        let (_ours, theirs) = events(2);
        assert!(interrupts.assign(0, 1, theirs).is_err());
        assert!(interrupts.assign(4, 2, Vec::new()).is_err());
        assert!(interrupts.assign(u32::MAX, 2, Vec::new()).is_err());
        assert!(interrupts.trigger(5, &[true]).is_err());
        assert!(interrupts.mask(0, &[true; 6], true).is_err());
    }

    #[test]
    fn a_descriptor_that_is_full_does_not_block() {
        let interrupts = Interrupts::new(1);
        let (reader, writer) = UnixStream::pair().unwrap();
        interrupts.assign(0, 1, vec![writer.into()]).unwrap();
        (0..100_000).for_each(|_| interrupts.signal(1));
        drop(reader);
        interrupts.signal(1);
    }
}
