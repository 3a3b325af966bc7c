//! The two serial lines: one for a person, one for a program.
//!
//! The first shows what happens and takes one command: `q` ends the run. The second carries one
//! JSON object a line, [`crate::report`]'s.

use core::fmt::{self, Arguments, Write};

use crate::boot::BytePort;

/// Registers of a 16550 beside its data, which is at 0.
const LINE_STATUS: u16 = 5;

/// LINE STATUS: a byte has come; the next may be sent.
const RECEIVED: u8 = 1 << 0;
const ROOM: u8 = 1 << 5;

const FIRST: u16 = 0x3f8;
const SECOND: u16 = 0x2f8;

/// What ends the run.
const QUIT: u8 = b'q';

/// A serial line, as the firmware set it up.
#[derive(Debug)]
pub(crate) struct SerialLine {
    data: BytePort,
    status: BytePort,
}

impl SerialLine {
    /// The line for a person.
    pub(crate) const fn console() -> Self {
        Self::at(FIRST)
    }

    /// The line for a program.
    pub(crate) const fn report() -> Self {
        Self::at(SECOND)
    }

    const fn at(base: u16) -> Self {
        match (
            BytePort::serial(base, 0),
            BytePort::serial(base, LINE_STATUS),
        ) {
            (Some(data), Some(status)) => Self { data, status },
            _ => panic!("no serial line has these ports"),
        }
    }

    /// Whether a `q` has come.
    pub(crate) fn is_told_to_quit(&self) -> bool {
        self.status.read() & RECEIVED != 0 && self.data.read() == QUIT
    }
}

impl SerialLine {
    /// Writes a line.
    pub(crate) fn write_line(&mut self, words: Arguments<'_>) {
        // Nothing keeps a serial line from taking everything.
        let _ = write!(self, "{words}\r\n");
    }
}

impl Write for SerialLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while self.status.read() & ROOM == 0 {
                core::hint::spin_loop();
            }
            self.data.write(byte);
        }
        Ok(())
    }
}

/// Writes a line for a person.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::console::SerialLine::console().write_line(format_args!($($words)*))
    };
}
pub(crate) use say;
