//! QEMU's test protocol: a command a line, an answer a line, in order.
//!
//! Writes are posted: their answers are collected before the next read. So a
//! burst of register writes costs one round trip.

use std::io;
use std::time::{Duration, Instant};

use crate::emulator::Lines;

/// How many answers may be outstanding: less than a socket buffer of them.
const POSTED: usize = 64;

pub(super) struct Qtest {
    lines: Lines,
    posted: usize,
}

impl Qtest {
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines, posted: 0 }
    }

    /// Sends a command and returns the number it answers with, 0 if none.
    pub(super) fn ask(&mut self, command: &str, deadline: Instant) -> io::Result<u64> {
        self.drain(deadline)?;
        self.send(command, deadline)?;
        self.answer(deadline)
    }

    /// Sends a command without waiting for its answer.
    pub(super) fn post(&mut self, command: &str, deadline: Instant) -> io::Result<()> {
        if self.posted >= POSTED {
            self.drain(deadline)?;
        }
        self.send(command, deadline)?;
        self.posted += 1;
        Ok(())
    }

    /// Waits for the answers of all that was posted.
    pub(super) fn drain(&mut self, deadline: Instant) -> io::Result<()> {
        while self.posted > 0 {
            self.answer(deadline)?;
            self.posted -= 1;
        }
        Ok(())
    }

    fn send(&mut self, command: &str, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        self.lines.send(&format!("{command}\n"), left)
    }

    fn answer(&mut self, deadline: Instant) -> io::Result<u64> {
        loop {
            let line = self.lines.next(deadline)?;
            if let Some(answer) = parse(&line) {
                return answer;
            }
        }
    }
}

/// `None` for lines that are no answer: interrupts are announced in between.
fn parse(line: &str) -> Option<io::Result<u64>> {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("OK") => {
            let number = words.next().unwrap_or("0x0");
            let digits = number.trim_start_matches("0x");
            Some(u64::from_str_radix(digits, 16).map_err(io::Error::other))
        }
        Some("IRQ") => None,
        _ => Some(Err(io::Error::other(format!("answered `{line}`")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_between_two_answers_is_no_answer() {
        assert!(parse("IRQ raise 10").is_none());
        assert_eq!(parse("OK").unwrap().unwrap(), 0);
        assert_eq!(
            parse("OK 0x0000000080080481").unwrap().unwrap(),
            0x8008_0481
        );
    }

    #[test]
    fn a_refusal_is_an_error() {
        assert!(parse("FAIL Unknown command").unwrap().is_err());
        assert!(parse("OK 0xhello").unwrap().is_err());
    }
}
