//! What the silicon of a card with pools knows of a queue besides its registers.
//!
//! Not here: rings ([`crate::ring`]), and when a queue may move (the core and the card).

use lockgate_regs::descriptor::TxData;

use crate::chip::Bus;
use crate::fault::DmaFault;
use crate::offload::{Context, LONGEST_UNCUT};
use crate::switch::Switch;
use crate::wire::LONGEST;

/// A receive queue.
#[derive(Debug)]
pub(super) struct RxSide {
    pub(super) live: Switch,
    /// The tail as announced while the queue was live.
    pub(super) tail: u32,
    /// A descriptor could not be read: the queue is stuck until it is restarted.
    pub(super) stuck: bool,
}

impl Default for RxSide {
    fn default() -> Self {
        Self {
            live: Switch::new(false),
            tail: 0,
            stuck: false,
        }
    }
}

impl RxSide {
    /// The queue came up or went to rest: it has no descriptors.
    pub(super) fn restart(&mut self, head: u32) {
        self.tail = head;
        self.stuck = false;
    }
}

/// A transmit queue.
#[derive(Debug)]
pub(super) struct TxSide {
    pub(super) live: Switch,
    /// A descriptor or buffer could not be read: stuck until restarted.
    pub(super) stuck: bool,
    /// The frame so far.
    partial: Vec<u8>,
    /// The first data descriptor of the frame.
    first: Option<TxData>,
    /// The two contexts.
    contexts: [Context; 2],
}

impl Default for TxSide {
    fn default() -> Self {
        Self {
            live: Switch::new(false),
            stuck: false,
            partial: Vec::new(),
            first: None,
            contexts: Default::default(),
        }
    }
}

impl TxSide {
    /// The queue came up or went to rest: half frames are gone.
    pub(super) fn restart(&mut self) {
        let live = self.live;
        *self = Self {
            live,
            ..Self::default()
        };
    }

    /// Keeps what a context descriptor says, by its two words.
    pub(super) fn keep_context(&mut self, first: u64, second: TxData) {
        self.contexts[usize::from(second.context() & 1)] = Context::new(first, second.into());
    }

    /// The context that a data descriptor asks for.
    pub(super) fn context(&self, data: TxData) -> &Context {
        &self.contexts[usize::from(data.context() & 1)]
    }

    /// Takes in the piece of a frame that is at `buffer`; gives the frame and its first
    /// descriptor when it is whole.
    ///
    /// # Errors
    /// The fault, when the piece cannot be read.
    pub(super) fn gather(
        &mut self,
        bus: &mut Bus,
        buffer: u64,
        command: TxData,
    ) -> Result<Option<(Vec<u8>, TxData)>, DmaFault> {
        let first = *self.first.get_or_insert(command);
        let start = self.partial.len();
        let longest = if first.segment() {
            LONGEST_UNCUT
        } else {
            LONGEST
        };
        // What is beyond the longest frame only needs to be known to be there.
        let room = (longest + 1).saturating_sub(start);
        self.partial
            .resize(start + room.min(command.length().into()), 0);
        if let Some(piece) = self.partial.get_mut(start..)
            && !piece.is_empty()
        {
            bus.domain.read(buffer, piece)?;
        }
        if !command.end_of_packet() {
            return Ok(None);
        }
        self.first = None;
        Ok(Some((std::mem::take(&mut self.partial), first)))
    }
}
