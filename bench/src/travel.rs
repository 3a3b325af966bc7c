//! Frames that travel: one way between two cores, there and back, and on one core.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::Instant;

use crate::channel::{Buffer, Ends, Receiver, Sender};
use crate::ffi::cycles;
use crate::machine::pin;

/// The frame that travels.
const FRAME: Buffer = [0x5a; 64];

/// Lets two threads begin together; neither sleeps, or one would start behind.
#[derive(Default)]
struct Start(AtomicUsize);

impl Start {
    fn wait(&self) {
        self.0.fetch_add(1, AcqRel);
        while self.0.load(Acquire) < 2 {
            // On a core that somebody else has, the other thread may need this one's.
            thread::yield_now();
        }
    }
}

/// Nanoseconds per frame when `frames` go one way in bursts; it leaves the channel empty.
pub fn one_way(ends: &mut Ends, burst: usize, frames: usize, cores: [usize; 2]) -> f64 {
    let (sender, receiver) = ends;
    let start = Start::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(cores[0]);
            start.wait();
            send(sender.as_mut(), burst, frames);
        });
        let arrived = scope.spawn(|| {
            pin(cores[1]);
            start.wait();
            let begun = Instant::now();
            receive(receiver.as_mut(), burst, frames);
            begun.elapsed().as_nanos() as f64 / frames as f64
        });
        arrived.join().expect("the receiver does not panic")
    })
}

/// Nanoseconds that one frame takes there and back, the mean of `trips`.
pub fn round_trip(there: &mut Ends, back: &mut Ends, trips: usize, cores: [usize; 2]) -> f64 {
    let start = Start::default();
    thread::scope(|scope| {
        let (near, far) = ((&mut there.0, &mut back.1), (&mut there.1, &mut back.0));
        scope.spawn(|| {
            pin(cores[1]);
            let (receiver, sender) = far;
            start.wait();
            for _ in 0..trips {
                receive(receiver.as_mut(), 1, 1);
                send(sender.as_mut(), 1, 1);
            }
        });
        let timed = scope.spawn(|| {
            pin(cores[0]);
            let (sender, receiver) = near;
            start.wait();
            let begun = Instant::now();
            for _ in 0..trips {
                send(sender.as_mut(), 1, 1);
                receive(receiver.as_mut(), 1, 1);
            }
            begun.elapsed().as_nanos() as f64 / trips as f64
        });
        timed.join().expect("the sender does not panic")
    })
}

/// Cycles of the time-stamp counter per frame when both ends take turns on one core;
/// `None` where there is no such counter.
pub fn alternating(ends: &mut Ends, burst: usize, bursts: usize, core: usize) -> Option<f64> {
    let (sender, receiver) = ends;
    thread::scope(|scope| {
        let timed = scope.spawn(|| {
            pin(core);
            let begun = cycles()?;
            for _ in 0..bursts {
                send(sender.as_mut(), burst, burst);
                receive(receiver.as_mut(), burst, burst);
            }
            Some((cycles()? - begun) as f64 / (burst * bursts) as f64)
        });
        timed.join().expect("it does not panic")
    })
}

fn send(sender: &mut dyn Sender, burst: usize, frames: usize) {
    let frame = black_box(FRAME);
    let mut left = frames;
    while left > 0 {
        match sender.send(&frame, burst.min(left)) {
            0 => spin_loop(),
            sent => left -= sent,
        }
    }
}

fn receive(receiver: &mut dyn Receiver, burst: usize, frames: usize) {
    let mut into = [0; 64];
    let mut left = frames;
    while left > 0 {
        match receiver.receive(&mut into, burst.min(left)) {
            0 => spin_loop(),
            received => left -= received,
        }
    }
}
