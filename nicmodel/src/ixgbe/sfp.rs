//! The SFP+ module in the card's cage: a passive copper cable, read by I2C.
//!
//! The driver moves the two lines of the bus itself (I2CCTL). Only reads of the module's
//! identification at address 0xA0 are answered (SFF-8472, chapter 4; INF-8074i, annex B).

use super::extra_registers::I2cctl;

/// What the bus is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nothing, or something that is for nobody here.
    #[default]
    Idle,
    /// The address byte comes.
    Address,
    /// The byte comes that says where to read.
    Offset,
    /// The module sends.
    Send,
}

/// The module's side of the bus.
#[derive(Debug, Default)]
pub(super) struct Sfp {
    clock: bool,
    data: bool,
    phase: Phase,
    /// Bits of the current byte that have passed, 8 being the acknowledgement.
    bits: u8,
    shift: u8,
    /// Where the next byte is read.
    offset: u8,
    /// The module pulls the data line down.
    pulls: bool,
}

impl Sfp {
    /// I2CCTL was written.
    pub(super) fn write(&mut self, i2c: I2cctl) {
        self.drive(i2c.clock_out(), i2c.data_out());
    }

    /// What I2CCTL reads, which holds `i2c`.
    pub(super) fn read(&self, i2c: I2cctl) -> I2cctl {
        i2c.with_clock_in(i2c.clock_out()).with_data_in(self.line())
    }

    /// The driver sets both lines; an open line is high.
    fn drive(&mut self, clock: bool, data: bool) {
        let was = std::mem::replace(&mut self.clock, clock);
        let before = std::mem::replace(&mut self.data, data);
        match (was, clock) {
            (true, true) if before && !data => self.start(),
            (true, true) if !before && data => self.phase = Phase::Idle,
            (false, true) => self.rise(data),
            (true, false) => self.fall(),
            _ => {}
        }
        if self.phase == Phase::Idle {
            self.pulls = false;
        }
    }

    /// The data line as everybody sees it.
    fn line(&self) -> bool {
        self.data && !self.pulls
    }

    fn start(&mut self) {
        self.phase = Phase::Address;
        self.bits = 0;
        self.pulls = false;
    }

    /// The clock rises: a bit is on the line.
    fn rise(&mut self, data: bool) {
        if self.bits < 8 {
            self.shift = self.shift << 1 | u8::from(data);
        } else if self.phase == Phase::Send && data {
            // The driver has read enough.
            self.phase = Phase::Idle;
        }
        self.bits += 1;
    }

    /// The clock falls: the line may change.
    fn fall(&mut self) {
        if self.phase == Phase::Idle {
            return;
        }
        match self.bits {
            8 if self.phase != Phase::Send => self.pulls = self.takes(),
            // The first bit of the first byte follows an acknowledgement, not a fall of
            // its own.
            9 => {
                self.bits = 0;
                self.next();
                self.put_bit();
            }
            _ => self.put_bit(),
        }
    }

    /// Whether the byte that came is acknowledged.
    fn takes(&mut self) -> bool {
        let taken = self.phase == Phase::Offset || self.shift & 0xFE == ADDRESS;
        if !taken {
            self.phase = Phase::Idle;
        }
        taken
    }

    /// An acknowledgement has passed.
    fn next(&mut self) {
        self.pulls = false;
        self.phase = match self.phase {
            Phase::Address if self.shift & 1 != 0 => Phase::Send,
            Phase::Address => Phase::Offset,
            Phase::Offset => {
                self.offset = self.shift;
                Phase::Offset
            }
            other => other,
        };
        if self.phase == Phase::Send {
            self.shift = identification(self.offset);
            self.offset = self.offset.wrapping_add(1);
        }
    }

    fn put_bit(&mut self) {
        if self.phase == Phase::Send {
            self.pulls = self.bits < 8 && self.shift & 0x80 == 0;
        }
    }
}

/// The address of the identification, with the bit that says "read" clear.
const ADDRESS: u8 = 0xA0;

/// A byte of the identification.
fn identification(offset: u8) -> u8 {
    match offset {
        // SFP; connector: copper pigtail.
        0 => 0x03,
        2 => 0x21,
        // A passive cable.
        8 => 0x04,
        // 10.3 Gbit/s; one metre of copper.
        12 => 103,
        18 => 1,
        // Vendor: "LOCKGATE", padded.
        20..36 => *b"LOCKGATE        "
            .get(usize::from(offset - 20))
            .unwrap_or(&b' '),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::Sfp;

    /// A master that reads one byte at `offset`; `None` without acknowledgement.
    fn read(sfp: &mut Sfp, address: u8, offset: u8) -> Option<u8> {
        start(sfp);
        let known = send(sfp, address) && send(sfp, offset);
        start(sfp);
        let known = known && send(sfp, address | 1);
        let byte = (0..8).fold(0, |byte, _| byte << 1 | u8::from(clock(sfp, true)));
        clock(sfp, true);
        sfp.drive(false, false);
        sfp.drive(true, false);
        sfp.drive(true, true);
        known.then_some(byte)
    }

    fn start(sfp: &mut Sfp) {
        sfp.drive(sfp.clock, true);
        sfp.drive(true, true);
        sfp.drive(true, false);
        sfp.drive(false, false);
    }

    fn clock(sfp: &mut Sfp, data: bool) -> bool {
        sfp.drive(false, data);
        sfp.drive(true, data);
        let line = sfp.line();
        sfp.drive(false, data);
        line
    }

    fn send(sfp: &mut Sfp, byte: u8) -> bool {
        (0..8).for_each(|bit| {
            clock(sfp, byte << bit & 0x80 != 0);
        });
        !clock(sfp, true)
    }

    #[test]
    fn the_module_says_that_it_is_a_passive_copper_cable() {
        let mut sfp = Sfp::default();
        assert_eq!(read(&mut sfp, 0xA0, 0), Some(3));
        assert_eq!(read(&mut sfp, 0xA0, 8), Some(4));
        assert_eq!(read(&mut sfp, 0xA0, 20), Some(b'L'));
        assert_eq!(read(&mut sfp, 0xA0, 12), Some(103));
    }

    #[test]
    fn nobody_answers_at_another_address() {
        let mut sfp = Sfp::default();
        assert_eq!(read(&mut sfp, 0xA2, 0), None);
        assert_eq!(read(&mut sfp, 0xA0, 0), Some(3));
    }
}
