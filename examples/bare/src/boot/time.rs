//! Time by the processor's time-stamp counter, whose rate is measured once.

use core::arch::x86_64::_rdtsc;
use core::hint::spin_loop;

use super::port::BytePort;

/// Channel 2 of the interval timer (Intel 8254), and the port that starts and shows it.
const CHANNEL_2: BytePort = BytePort::timer(0x42);
const COMMAND: BytePort = BytePort::timer(0x43);
const GATE: BytePort = BytePort::timer(0x61);

/// Of the gate's port: counts while set; set once the count is over; to the speaker.
const GATE_ON: u8 = 1 << 0;
const SPEAKER: u8 = 1 << 1;
const OUTPUT: u8 = 1 << 5;

/// Channel 2, both bytes, mode 0: the output rises when the count is over.
const COUNT_DOWN: u8 = 0b1011_0000;

const TIMER_HZ: u64 = 1_193_182;

/// How long the measurement takes.
const MEASURED_NS: u64 = 20_000_000;

const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds since the image began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: u64,
    /// Nanoseconds of a tick, times 2^32.
    scale: u64,
}

impl Clock {
    /// Measures the counter against the interval timer.
    pub(super) fn calibrate() -> Self {
        let ticks = measure();
        Self {
            origin: ticks_now(),
            scale: (MEASURED_NS << 32) / ticks.max(1),
        }
    }

    /// The time now.
    pub(crate) fn now_ns(&self) -> u64 {
        let ticks = ticks_now().wrapping_sub(self.origin);
        let ns = (u128::from(ticks) * u128::from(self.scale)) >> 32;
        ns as u64
    }

    /// Returns once `ns` nanoseconds have passed.
    pub(crate) fn sleep_ns(&self, ns: u64) {
        let begun = self.now_ns();
        while self.now_ns() - begun < ns {
            spin_loop();
        }
    }
}

/// Ticks of the counter in [`MEASURED_NS`].
fn measure() -> u64 {
    let [low, high] = ((TIMER_HZ * MEASURED_NS / NS_PER_S) as u16).to_le_bytes();
    let idle = GATE.read() & !(GATE_ON | SPEAKER);
    GATE.write(idle);
    COMMAND.write(COUNT_DOWN);
    CHANNEL_2.write(low);
    CHANNEL_2.write(high);
    GATE.write(idle | GATE_ON);
    let begun = ticks_now();
    while GATE.read() & OUTPUT == 0 {
        spin_loop();
    }
    ticks_now().wrapping_sub(begun)
}

fn ticks_now() -> u64 {
    // SAFETY: every processor with 64 bits has the instruction.
    unsafe { _rdtsc() }
}
