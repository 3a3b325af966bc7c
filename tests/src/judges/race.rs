//! Lockgate and DPDK's testpmd in one guest, on one card, with the same frames.
//!
//! Both send each frame back with its addresses swapped: a partition that reflects, and
//! `--forward-mode=macswap`. They have the card by turns, one core each for the frames and
//! the other for the rest. The emulated core of the frames has one of this machine's for
//! itself, the emulator and the sender another. What is measured is an emulated card on
//! emulated cores: it says how many instructions and accesses to the card a frame costs,
//! not how fast either is on hardware.
//!
//! Not here: rounds and tables (`cargo xtask guest-bench`).

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cores::Lent;
use super::{Device, Dpdk, Session};
use crate::guest::ADDRESS;
use crate::machine;

/// The sizes of frames, in bytes.
pub const SIZES: [usize; 2] = [60, 1514];

/// Frames in flight when frames per second are counted: half of either's ring.
pub const WINDOW: usize = 256;

/// Frames before anything is measured.
const WARM_UP: usize = 2_000;

/// How long an answer may take; a frame that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// The emulated core of Lockgate's worker, and of testpmd's thread for frames.
const WORKER: u64 = 1;

/// Where the program is in the guest.
const PROGRAM: &str = "/bin/lockgate";

/// Who has the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lockgate, with one partition that reflects.
    Lockgate,
    /// DPDK's testpmd.
    Testpmd,
}

/// What one turn came to.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Frames per second there and back, by size.
    pub rates: Vec<f64>,
    /// Round trips of single frames, by size, each sorted.
    pub trips: Vec<Vec<Duration>>,
    /// Frames that did not come back.
    pub lost: usize,
}

/// A guest with both programs in it.
pub struct Race {
    dpdk: Dpdk,
    policy: String,
    _folder: TempDir,
    _cores: Lent,
}

impl Race {
    /// Boots a guest with one of QEMU's cards.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn boot(device: Device) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("echo.toml");
        fs::write(&file, policy(device.mac)).expect("a policy");
        let lockgate = machine::build_lockgate().expect("it builds");
        let files = [file.clone()];
        let dpdk = Dpdk::boot_with(device, (lockgate, PROGRAM.into()), &files);
        let cores = dpdk.give_own_core(WORKER);
        Self {
            dpdk,
            policy: file.display().to_string(),
            _folder: folder,
            _cores: cores,
        }
    }

    /// Gives the card to `kind` and measures: `frames` of each size with a window, then
    /// `trips` of each size one by one.
    ///
    /// # Panics
    /// When it does not start or end, or a frame is lost or wrong.
    pub fn turn(&self, kind: Kind, frames: usize, trips: usize) -> Figures {
        match kind {
            Kind::Testpmd => {
                let rings = "--rxd=512 --txd=512 --total-num-mbufs=8192";
                let arguments = format!("-i --no-flush-rx --forward-mode=macswap {rings}");
                let session = self.dpdk.start("testpmd", &arguments, "testpmd>");
                session.say("start");
                let figures = self.measure(frames, trips);
                end(session);
                figures
            }
            Kind::Lockgate => {
                let run = format!(
                    "{PROGRAM} run {} >/out/summary 2>/out/log & pid=$!",
                    self.policy
                );
                self.dpdk.ok(&run);
                self.dpdk.until("grep -q 'running on' /out/log");
                let figures = self.measure(frames, trips);
                let ended = self.dpdk.run("kill -INT $pid; wait $pid");
                let said = self.dpdk.ok("cat /out/log /out/summary");
                assert_eq!(ended.status, 0, "lockgate: {said}");
                assert!(said.contains("every frame accounted for"), "{said}");
                figures
            }
        }
    }

    fn measure(&self, frames: usize, trips: usize) -> Figures {
        self.begin();
        let mut figures = Figures::default();
        for size in SIZES {
            self.exchange(size, WARM_UP, WINDOW);
            let begun = Instant::now();
            let lost = self.exchange(size, frames, WINDOW);
            figures
                .rates
                .push((frames - lost) as f64 / begun.elapsed().as_secs_f64());
            figures.lost += lost;
            let mut trip = |_| {
                let begun = Instant::now();
                figures.lost += self.exchange(size, 1, 1);
                begun.elapsed()
            };
            let mut times: Vec<_> = (0..trips).map(&mut trip).collect();
            times.sort();
            figures.trips.push(times);
        }
        figures
    }

    /// Sends frames until one comes back: a card may be started and not take any yet.
    fn begin(&self) {
        let wire = self.dpdk.wire();
        let deadline = Instant::now() + PATIENCE;
        let mut answer = vec![0; 2048];
        let mut receive = || wire.receive_into(&mut answer, Duration::from_millis(200));
        loop {
            assert!(Instant::now() < deadline, "nothing comes back");
            wire.offer(&frame(self.dpdk.device.mac, SIZES[0]))
                .expect("a card at the cable");
            if receive().expect("a cable").is_some() {
                break;
            }
        }
        while receive().expect("a cable").is_some() {}
    }

    /// Sends `count` frames, no more than `window` on their way, and takes them back; says
    /// how many did not come. One is lost when a later one comes, or none for a second.
    fn exchange(&self, size: usize, count: usize, window: usize) -> usize {
        let wire = self.dpdk.wire();
        let mut frame = frame(self.dpdk.device.mac, size);
        let mut answer = vec![0; 2048];
        let (mut sent, mut back, mut lost) = (0, 0, 0);
        let mut deadline = Instant::now() + PATIENCE;
        while back < count {
            assert!(
                Instant::now() < deadline,
                "the card takes no frames: {back} of {count}"
            );
            while sent < count && sent - back < window {
                frame[14..18].copy_from_slice(&(sent as u32).to_be_bytes());
                if !wire.offer(&frame).expect("a card at the cable") {
                    break;
                }
                sent += 1;
                deadline = Instant::now() + PATIENCE;
            }
            // What is there is taken at once, so that the sender does not fall behind.
            let mut timeout = Duration::from_secs(1);
            while back < sent
                && let Some(length) = wire.receive_into(&mut answer, timeout).expect("a cable")
            {
                assert_eq!(
                    (length, &answer[..6]),
                    (size, &frame[6..12]),
                    "frame {back} back"
                );
                let number = u32::from_be_bytes([answer[14], answer[15], answer[16], answer[17]]);
                let number = number as usize;
                timeout = Duration::ZERO;
                // Not the frame but what its buffer held a ring ago: testpmd sends that at times.
                // The frame itself is missing when the next one comes.
                if number < back {
                    continue;
                }
                assert!(number < sent, "frame {number} of {sent}");
                lost += number - back;
                back = number + 1;
            }
            if !timeout.is_zero() {
                lost += sent - back;
                back = sent;
            }
        }
        lost
    }
}

fn end(session: Session<'_>) {
    session.say("stop");
    session.say("quit");
    session.end();
}

/// A frame of `size` bytes to the card, from a station outside.
fn frame(mac: [u8; 6], size: usize) -> Vec<u8> {
    let mut bytes = [&mac[..], &[2, 0, 0, 0, 0, 0xee], &[0x88, 0xb5]].concat();
    bytes.resize(size, 0x5a);
    bytes
}

fn policy(mac: [u8; 6]) -> String {
    let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
    format!(
        "[nic]\ndevice = \"{ADDRESS}\"\nworkers = [{WORKER}]\n\
         [[partition]]\nname = \"echo\"\nmacs = [\"{mac}\"]\nattach = {{ kind = \"reflect\" }}\n"
    )
}
