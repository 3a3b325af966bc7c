//! What a client asks of the served card, request by request.
//!
//! Nothing in a request is believed: a wrong one is answered with an error number and
//! changes nothing. Whatever an access sets off (frames, messages) has left when the
//! answer does.
//!
//! Lacking: memory that the client does not share by descriptor (the card's DMA there
//! faults), INTx and MSI, device state for migration.
//!
//! Source: the vfio-user protocol specification, version 0.1.

use std::sync::Arc;

use lockgate_drivers::device::{Bar, Function};
use lockgate_nicmodel::{Model, ModelKind, PciLayout};
use rustix::io::Errno;

use super::config::{self, Config, Effect};
use super::interrupts::Interrupts;
use super::memory;
use super::message::{MOST_DATA, MOST_FILES, Request};
use super::wire::Wire;

mod command {
    pub(super) const VERSION: u16 = 1;
    pub(super) const DMA_MAP: u16 = 2;
    pub(super) const DMA_UNMAP: u16 = 3;
    pub(super) const DEVICE_INFO: u16 = 4;
    pub(super) const REGION_INFO: u16 = 5;
    pub(super) const IRQ_INFO: u16 = 7;
    pub(super) const SET_IRQS: u16 = 8;
    pub(super) const REGION_READ: u16 = 9;
    pub(super) const REGION_WRITE: u16 = 10;
    pub(super) const RESET: u16 = 13;
}

/// The protocol's version: major 0, and the highest minor that is spoken here.
const MAJOR: u16 = 0;
const MINOR: u16 = 1;

/// Regions: six BARs, the ROM, configuration space, VGA.
const REGIONS: u32 = 9;
const CONFIG: u32 = 7;

/// Interrupt kinds: INTx, MSI, MSI-X, errors, requests.
const IRQS: u32 = 5;
const MSIX: u32 = 2;

/// SET_IRQS: what the data is, and what is to be done.
const DATA_NONE: u32 = 1;
const DATA_BOOL: u32 = 2;
const DATA_EVENTS: u32 = 4;
const MASK: u32 = 0x08;
const UNMASK: u32 = 0x10;
const TRIGGER: u32 = 0x20;

/// Ticks that pass after each write of the client: a real driver is so far from the card
/// that whatever the write set off is over before the next access, and some drivers
/// rely on it.
const PASSED: u32 = 4;

type Answer = Result<Vec<u8>, Errno>;

/// The card as its client sees it.
pub(crate) struct Device {
    model: Model,
    layout: PciLayout,
    config: Config,
    interrupts: Arc<Interrupts>,
    wire: Arc<Wire>,
    greeted: bool,
}

impl Device {
    /// The device that `model`, a card of `kind`, is.
    pub(crate) fn new(
        kind: &ModelKind,
        model: Model,
        interrupts: Arc<Interrupts>,
        wire: Arc<Wire>,
    ) -> Self {
        let layout = kind.pci;
        let config = Config::new(model.card().id, layout);
        Self {
            model,
            layout,
            config,
            interrupts,
            wire,
            greeted: false,
        }
    }

    /// Does what a request asks.
    ///
    /// # Errors
    /// What the client is told instead of an answer.
    pub(crate) fn answer(&mut self, request: &mut Request) -> Answer {
        if !self.greeted && request.command != command::VERSION {
            return Err(Errno::INVAL);
        }
        match request.command {
            command::VERSION => self.version(request),
            command::DMA_MAP => memory::map(&self.model, request),
            command::DMA_UNMAP => memory::unmap(&self.model, request),
            command::DEVICE_INFO => Ok(words(&[16, 0x3, REGIONS, IRQS])),
            command::REGION_INFO => self.region_info(request),
            command::IRQ_INFO => self.irq_info(request),
            command::SET_IRQS => self.set_irqs(request),
            command::REGION_READ => self.region_read(request),
            command::REGION_WRITE => self.region_write(request),
            command::RESET => {
                self.reset();
                Ok(Vec::new())
            }
            _ => Err(Errno::NOSYS),
        }
    }

    fn version(&mut self, request: &Request) -> Answer {
        let proposed = request.word(0)?.to_ne_bytes();
        let [major, minor] = [[proposed[0], proposed[1]], [proposed[2], proposed[3]]];
        if self.greeted || u16::from_ne_bytes(major) != MAJOR {
            return Err(Errno::INVAL);
        }
        self.greeted = true;
        let minor = u16::from_ne_bytes(minor).min(MINOR);
        // What the client can do matters for none of the answers.
        let capabilities = format!(
            "{{\"capabilities\":{{\"max_msg_fds\":{MOST_FILES},\
             \"max_data_xfer_size\":{MOST_DATA},\"max_dma_maps\":{}}}}}\0",
            memory::MOST
        );
        Ok([
            &MAJOR.to_ne_bytes()[..],
            &minor.to_ne_bytes(),
            capabilities.as_bytes(),
        ]
        .concat())
    }

    fn region_info(&self, request: &Request) -> Answer {
        let index = request.word(8)?;
        let bytes = match index {
            0 => self.layout.register_bytes,
            CONFIG => config::BYTES as u32,
            n if n == u32::from(self.layout.msix_bar) => config::MSIX_BYTES,
            n if n < REGIONS => 0,
            _ => return Err(Errno::INVAL),
        };
        let flags = if bytes == 0 { 0 } else { 0x3 };
        // No capabilities; the size and the offset are eight bytes each.
        Ok([words(&[32, flags, index, 0]), words(&[bytes, 0, 0, 0])].concat())
    }

    fn irq_info(&self, request: &Request) -> Answer {
        let index = request.word(8)?;
        match index {
            MSIX => Ok(words(&[16, 0x1, index, self.layout.vectors.into()])),
            n if n < IRQS => Ok(words(&[16, 0, index, 0])),
            _ => Err(Errno::INVAL),
        }
    }

    fn set_irqs(&self, request: &mut Request) -> Answer {
        let [flags, index, start, count] = [4, 8, 12, 16].map(|at| request.word(at));
        let (flags, index, start, count) = (flags?, index?, start?, count?);
        let (data, action) = (flags & 0x7, flags & 0x38);
        if index >= IRQS {
            return Err(Errno::INVAL);
        }
        if (data, count) == (DATA_NONE, 0) {
            if index == MSIX && action == TRIGGER {
                self.interrupts.disable();
            }
            return Ok(Vec::new());
        }
        if index != MSIX || count > u32::from(self.layout.vectors) {
            return Err(Errno::INVAL);
        }
        let chosen = match data {
            DATA_NONE => vec![true; count as usize],
            DATA_BOOL => {
                let bytes = request
                    .rest(20)?
                    .get(..count as usize)
                    .ok_or(Errno::INVAL)?;
                bytes.iter().map(|&byte| byte != 0).collect()
            }
            DATA_EVENTS => Vec::new(),
            _ => return Err(Errno::INVAL),
        };
        let files = std::mem::take(&mut request.files);
        match (data, action) {
            (DATA_EVENTS, TRIGGER) => self.interrupts.assign(start, count, files)?,
            (DATA_EVENTS, _) => return Err(Errno::INVAL),
            (_, TRIGGER) => self.interrupts.trigger(start, &chosen)?,
            (_, MASK | UNMASK) => self.interrupts.mask(start, &chosen, action == MASK)?,
            _ => return Err(Errno::INVAL),
        }
        Ok(Vec::new())
    }

    fn region_read(&mut self, request: &Request) -> Answer {
        let (offset, region, count) = access(request)?;
        let data = match region {
            CONFIG => self
                .config
                .read(offset, count)
                .ok_or(Errno::INVAL)?
                .to_vec(),
            0 => self.read_registers(offset, count)?,
            n if n == u32::from(self.layout.msix_bar) => self.read_msix(offset, count)?,
            _ => return Err(Errno::INVAL),
        };
        Ok([&request.payload[..16], &data].concat())
    }

    fn region_write(&mut self, request: &Request) -> Answer {
        let (offset, region, count) = access(request)?;
        let data = request.rest(16)?.get(..count).ok_or(Errno::INVAL)?;
        match region {
            CONFIG => {
                let effects = self.config.write(offset, data).ok_or(Errno::INVAL)?;
                effects
                    .into_iter()
                    .for_each(|effect| self.take_effect(effect));
            }
            0 => self.write_registers(offset, data)?,
            // The client keeps the table of MSI-X itself; pending bits are read-only.
            n if n == u32::from(self.layout.msix_bar) => {
                inside(offset, count, config::MSIX_BYTES)?;
            }
            _ => return Err(Errno::INVAL),
        }
        self.wire.settle(&self.model, &self.interrupts);
        Ok(request.payload[..16].to_vec())
    }

    fn take_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Reset => self.reset(),
            Effect::BusMaster(on) => {
                // Fails for a card that was pulled out, which nobody does to this one.
                let _ = self.model.set_bus_master(on);
            }
        }
    }

    fn reset(&mut self) {
        // As above.
        let _ = self.model.reset();
        self.config.reset();
    }

    /// The card has whole registers of four bytes; anything less reads as all ones.
    fn read_registers(&mut self, offset: u64, count: usize) -> Result<Vec<u8>, Errno> {
        let at = inside(offset, count, self.layout.register_bytes)?;
        let data = match (count, at % 4) {
            (4, 0) => self.model.read(at).to_le_bytes().to_vec(),
            (8, 0) => [at, at + 4]
                .map(|at| self.model.read(at).to_le_bytes())
                .concat(),
            _ => vec![0xFF; count],
        };
        self.wire.settle(&self.model, &self.interrupts);
        Ok(data)
    }

    /// Anything less than whole registers is ignored.
    fn write_registers(&self, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let at = inside(offset, data.len(), self.layout.register_bytes)?;
        let (words, rest) = data.as_chunks::<4>();
        if rest.is_empty() && words.len() <= 2 && at % 4 == 0 {
            for (word, at) in words.iter().zip((at..).step_by(4)) {
                self.model.write(at, u32::from_le_bytes(*word));
            }
            (0..PASSED).for_each(|_| self.model.flush());
        }
        Ok(())
    }

    fn read_msix(&self, offset: u64, count: usize) -> Result<Vec<u8>, Errno> {
        let at = inside(offset, count, config::MSIX_BYTES)? as usize;
        let pending = self.interrupts.pending().to_le_bytes();
        let byte = |at: usize| {
            at.checked_sub(config::PENDING as usize)
                .and_then(|n| pending.get(n))
        };
        Ok((at..at + count)
            .map(|at| byte(at).copied().unwrap_or(0))
            .collect())
    }
}

/// Offset, region and count of an access, the count within what was agreed on.
fn access(request: &Request) -> Result<(u64, u32, usize), Errno> {
    let (offset, region, count) = (request.quad(0)?, request.word(8)?, request.word(12)?);
    match count as usize {
        count @ 0..=MOST_DATA => Ok((offset, region, count)),
        _ => Err(Errno::INVAL),
    }
}

/// The offset, if an access of `count` bytes there is inside a region of `bytes` bytes.
fn inside(offset: u64, count: usize, bytes: u32) -> Result<u32, Errno> {
    let end = offset.checked_add(count as u64).ok_or(Errno::INVAL)?;
    let offset = u32::try_from(offset).map_err(|_| Errno::INVAL)?;
    if end <= u64::from(bytes) {
        Ok(offset)
    } else {
        Err(Errno::INVAL)
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
