//! Sends frames to the card no faster than the guest takes them.
//!
//! An emulated card drops a frame whose queue is full as long as another queue has
//! room, and no counter tells. So the sender looks at the card's receive rings
//! through the monitor and keeps every burst below the room in the fullest one.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Error, Guest, SLOT};
use crate::emulator;

/// Frames sent between two looks at the rings.
const BURST: u32 = 64;

/// How long to wait for rings that are nearly whole before a smaller room will do.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long without any movement until the guest counts as done.
const QUIET: Duration = Duration::from_millis(300);

/// Where a family keeps its receive rings.
#[derive(Debug, Clone, Copy)]
pub struct Rings {
    base: u64,
    stride: usize,
    count: usize,
    /// RXDCTL bit 25, where there is such a bit.
    enable: u32,
}

impl Rings {
    /// The 82576 (datasheet, 8.10.5 to 8.10.8).
    pub const IGB: Self = Self {
        base: 0xc000,
        stride: 0x40,
        count: 16,
        enable: 1 << 25,
    };

    /// The 82574 (datasheet, 10.2.5.4 to 10.2.5.9).
    pub const E1000E: Self = Self {
        base: 0x2800,
        stride: 0x100,
        count: 2,
        enable: 0,
    };
}

/// One receive ring, as the card sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ring {
    head: u32,
    tail: u32,
    size: u32,
}

impl Ring {
    /// Reads a ring out of its registers; `None` for one that is not in use.
    fn new(words: &[u32], enable: u32) -> Option<Self> {
        let register = |offset: usize| words.get(offset / 4).copied();
        let size = register(0x08)? / 16;
        let enabled = register(0x28)? & enable == enable;
        (enabled && size > 0).then_some(Self {
            head: register(0x10)?,
            tail: register(0x18)?,
            size,
        })
    }

    /// Descriptors that the card may fill.
    fn room(self) -> u32 {
        (self.tail + self.size).saturating_sub(self.head) % self.size
    }
}

/// A sender that knows where the card's rings are.
pub(super) struct Feeder<'g> {
    guest: &'g Guest,
    rings: Rings,
    /// BAR 0 in the guest's memory.
    registers: u64,
}

impl<'g> Feeder<'g> {
    pub(super) fn new(guest: &'g Guest, rings: Rings) -> Result<Self, Error> {
        let buses = guest.monitor("query-pci", json!({}))?;
        let registers = bar0(&buses)
            .ok_or_else(|| guest.with_console(emulator::Error::NoCard { slot: SLOT }))?;
        Ok(Self {
            guest,
            rings,
            registers,
        })
    }

    /// Sends all of `frames`, in order.
    pub(super) fn send(&self, frames: &[Vec<u8>], deadline: Instant) -> Result<(), Error> {
        let emulator = self.guest.emulator();
        for burst in frames.chunks(BURST as usize) {
            self.wait_for_room(deadline)?;
            for frame in burst {
                let sent = emulator.send(frame, deadline);
                sent.map_err(|error| self.guest.with_console(error))?;
            }
        }
        self.drain(deadline)
    }

    /// Waits until the card has read all that was sent and every ring has room
    /// for a burst; three quarters of a ring if that comes soon, so that the
    /// guest is not far behind.
    fn wait_for_room(&self, deadline: Instant) -> Result<(), Error> {
        self.drain(deadline)?;
        let soon = Instant::now() + PATIENCE;
        loop {
            let rings = self.look()?;
            let late = Instant::now() > soon;
            let enough =
                |ring: &Ring| ring.room() > BURST && (late || ring.room() >= ring.size / 4 * 3);
            if !rings.is_empty() && rings.iter().all(enough) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::Late {
                    wanted: format!("make room for frames ({rings:?})"),
                    console: self.guest.last_words(),
                });
            }
            thread::sleep(Duration::from_micros(500));
        }
    }

    fn drain(&self, deadline: Instant) -> Result<(), Error> {
        let drained = self.guest.emulator().wire().drain(deadline);
        drained.map_err(|error| self.guest.explain("room for a frame", error))
    }

    /// Waits until nothing has moved for [`QUIET`], by the rings and by `count`,
    /// which counts what has left the card.
    pub(super) fn wait_until_quiet(
        &self,
        count: impl Fn() -> usize,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut last = (self.look()?, count());
        let mut since = Instant::now();
        while since.elapsed() < QUIET {
            thread::sleep(Duration::from_millis(20));
            let now = (self.look()?, count());
            if now != last {
                last = now;
                since = Instant::now();
            }
            if Instant::now() > deadline {
                return Err(Error::Late {
                    wanted: "come to rest".into(),
                    console: self.guest.last_words(),
                });
            }
        }
        Ok(())
    }

    /// The rings in use. Reading these registers changes nothing.
    fn look(&self) -> Result<Vec<Ring>, Error> {
        let Rings {
            base,
            stride,
            count,
            enable,
        } = self.rings;
        let words = stride * count / 4;
        let address = self.registers + base;
        let command = format!("xp /{words}wx {address:#x}");
        let text = self
            .guest
            .monitor("human-monitor-command", json!({ "command-line": command }))?;
        let words = dump(text.as_str().unwrap_or_default());
        if words.len() < stride * count / 4 {
            let source = io::Error::other(format!("`{command}` gave {text}"));
            return Err(self.guest.explain("the rings", source));
        }
        let rings = words.chunks(stride / 4);
        Ok(rings.filter_map(|words| Ring::new(words, enable)).collect())
    }
}

impl Guest {
    fn monitor(&self, command: &str, arguments: Value) -> Result<Value, Error> {
        let answer = self.emulator().monitor(command, arguments);
        answer.map_err(|error| self.with_console(error))
    }
}

/// Finds BAR 0 of the card in the answer to `query-pci`.
fn bar0(buses: &Value) -> Option<u64> {
    let mut devices = buses[0]["devices"].as_array()?.iter();
    let card = devices.find(|device| device["slot"].as_u64() == Some(SLOT.into()))?;
    let mut regions = card["regions"].as_array()?.iter();
    let region = regions.find(|region| region["bar"].as_u64() == Some(0))?;
    region["address"].as_u64()
}

/// The numbers of a memory dump: `ADDRESS: 0x… 0x…` a line.
fn dump(text: &str) -> Vec<u32> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let words = lines.flat_map(|(_, words)| words.split_whitespace());
    words
        .filter_map(|word| u32::from_str_radix(word.trim_start_matches("0x"), 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_wraps_with_the_ring() {
        let ring = |head, tail| Ring {
            head,
            tail,
            size: 512,
        };
        assert_eq!(ring(0, 511).room(), 511);
        assert_eq!(ring(500, 499).room(), 511);
        assert_eq!(ring(500, 10).room(), 22);
        assert_eq!(ring(7, 7).room(), 0);
    }

    #[test]
    fn a_ring_that_is_off_or_has_no_length_is_not_in_use() {
        let mut words = [0; 16];
        words[2] = 8192;
        words[4] = 5;
        words[6] = 4;
        assert_eq!(Ring::new(&words, 1 << 25), None);
        words[10] = 1 << 25;
        assert_eq!(Ring::new(&words, 1 << 25).unwrap().room(), 511);
        words[2] = 0;
        assert_eq!(Ring::new(&words, 1 << 25), None);
    }

    #[test]
    fn a_dump_is_read_word_by_word() {
        let text = "00000000fe000000: 0x00000001 0xffffffff\r\n00000000fe000008: 0x0000beef\r\n";
        assert_eq!(dump(text), [1, u32::MAX, 0xbeef]);
    }
}
