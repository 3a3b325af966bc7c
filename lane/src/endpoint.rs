//! The partition's side of a lane.
//!
//! The process that attaches is unprivileged and trusts the core, but not that the
//! files are what they should be: seals, size and header are checked first. A new
//! endpoint goes on where the last one stopped.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{SealFlags, fcntl_get_seals, fstat};
use rustix::io::Errno;

use crate::core::LaneFiles;
use crate::layout::{Geometry, HEADER_BYTES};
use crate::memory::{DOWN_SEALS, Mapping, OpenSlots, OurIndex, Slots, TheirIndex};
use crate::memory::{TrustedSlots, UP_SEALS};
use crate::meta::Meta;
use crate::ring::{Closed, Drainer, Filler, SharedIndex};

/// Why two files are no lane.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum AttachError {
    #[error("cannot use the lane's `{file}`: pass both files as the core made them")]
    File {
        file: &'static str,
        source: io::Error,
    },
    #[error("the lane's `{file}` is not sealed: take lanes from Lockgate's core only")]
    Unsealed { file: &'static str },
    #[error("the lane's `down` has no valid header: use core and endpoint of one version")]
    Header,
    #[error(
        "the lane's `{file}` has {found} bytes instead of {expected}: pass the files of one lane"
    )]
    Size {
        file: &'static str,
        found: u64,
        expected: u64,
    },
    #[error("the lane was left in disorder: restart the partition with a new one")]
    Disorder(#[from] Closed),
}

/// The partition's ends of a lane.
#[derive(Debug)]
pub struct Endpoint {
    /// The receive rings, one for each worker that delivers.
    pub rings: Vec<DownReader>,
    /// The transmit ring.
    pub up: UpWriter,
}

impl Endpoint {
    /// Maps the files of a lane. They may be closed afterwards, and at any time one
    /// endpoint at most should be attached.
    ///
    /// # Errors
    /// The files are not those of one lane, or cannot be mapped.
    pub fn attach(files: &LaneFiles) -> Result<Self, AttachError> {
        let geometry = validate(files)?;
        let [down_file, up_file] =
            ["down", "up"].map(|file| move |source: io::Error| AttachError::File { file, source });
        let down = Mapping::read_only(&files.down, geometry.down_bytes()).map_err(down_file)?;
        let up = Mapping::writable(&files.up, geometry.up_bytes()).map_err(up_file)?;
        let rings = (0..geometry.rings).map(|ring| {
            let ours = OurIndex::new(&up, Geometry::down_index(ring));
            let theirs = TheirIndex::new(&down, Geometry::down_index(ring));
            let name = SharedIndex::ReceiveFilled(ring);
            let slots = Slots::new(&down, geometry.ring(ring), geometry);
            Ok(DownReader {
                ring: Drainer::new(ours, theirs, name, geometry.slots)?,
                slots: TrustedSlots::new(slots),
            })
        });
        let rings = rings.collect::<Result<_, Closed>>()?;
        let ours = OurIndex::new(&up, Geometry::up_index());
        let theirs = TheirIndex::new(&down, Geometry::up_index());
        let name = SharedIndex::TransmitEmptied;
        let up = UpWriter {
            ring: Filler::new(ours, theirs, name, geometry.slots)?,
            slots: OpenSlots::new(Slots::new(&up, geometry.ring(0), geometry)),
        };
        Ok(Self { rings, up })
    }
}

/// Checks seals first, since size and header mean nothing while they can change.
fn validate(files: &LaneFiles) -> Result<Geometry, AttachError> {
    let down = sealed_size("down", &files.down, DOWN_SEALS)?;
    let up = sealed_size("up", &files.up, UP_SEALS)?;
    let mut header = [0; HEADER_BYTES];
    let geometry = match rustix::io::pread(&files.down, &mut header, 0) {
        Ok(HEADER_BYTES) => Geometry::from_header(&header).ok_or(AttachError::Header)?,
        _ => return Err(AttachError::Header),
    };
    expect_size("down", down, geometry.down_bytes() as u64)?;
    expect_size("up", up, geometry.up_bytes() as u64)?;
    Ok(geometry)
}

fn sealed_size(file: &'static str, handle: &OwnedFd, seals: SealFlags) -> Result<u64, AttachError> {
    let failed = |error: Errno| AttachError::File {
        file,
        source: error.into(),
    };
    if !fcntl_get_seals(handle).map_err(failed)?.contains(seals) {
        return Err(AttachError::Unsealed { file });
    }
    Ok(fstat(handle).map_err(failed)?.st_size as u64)
}

fn expect_size(file: &'static str, found: u64, expected: u64) -> Result<(), AttachError> {
    match found == expected {
        true => Ok(()),
        false => Err(AttachError::Size {
            file,
            found,
            expected,
        }),
    }
}

/// Empties one receive ring.
#[derive(Debug)]
pub struct DownReader {
    ring: Drainer,
    slots: TrustedSlots,
}

impl DownReader {
    /// Frames that wait, after a look at how far the core has written.
    ///
    /// # Errors
    /// The core's index makes no sense.
    pub fn available(&mut self) -> Result<u32, Closed> {
        self.ring.available()
    }

    /// The next frame, which stays the next one until [`DownReader::consume`].
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the frame is lent, which an iterator cannot do"
    )]
    pub fn next(&mut self) -> Option<(Meta, &[u8])> {
        let slot = self.ring.slot()?;
        let meta = Meta::unpack(self.slots.meta(slot));
        Some((meta, self.slots.frame(slot, meta.len as usize)))
    }

    /// Steps past the next frame. Its slot is kept until [`DownReader::release`].
    #[inline]
    pub fn consume(&mut self) {
        self.ring.advance();
    }

    /// Gives the slots of all consumed frames back to the core, with one store.
    #[inline]
    pub fn release(&mut self) {
        self.ring.release();
    }
}

/// Fills the transmit ring.
#[derive(Debug)]
pub struct UpWriter {
    ring: Filler,
    slots: OpenSlots,
}

impl UpWriter {
    /// The longest frame that can be sent, in bytes.
    pub fn frame_bytes(&self) -> usize {
        self.slots.frame_bytes()
    }

    /// Free slots, after a look at how far the core has read.
    ///
    /// # Errors
    /// The core's index makes no sense.
    pub fn free(&mut self) -> Result<u32, Closed> {
        self.ring.free()
    }

    /// Puts `frame` into the next slot; false, and nothing done, if the ring is full
    /// or the frame is longer than [`UpWriter::frame_bytes`].
    #[inline]
    pub fn push(&mut self, frame: &[u8]) -> bool {
        if frame.len() > self.frame_bytes() {
            return false;
        }
        let Some(slot) = self.ring.slot() else {
            return false;
        };
        let meta = Meta {
            len: frame.len() as u32,
            ..Meta::default()
        };
        self.slots.fill(slot, frame, meta.pack());
        self.ring.advance();
        true
    }

    /// Shows the core every frame pushed so far, with one store.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.publish();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::thread;

    use proptest::prelude::*;
    use rustix::fs::{MemfdFlags, fcntl_add_seals, ftruncate, memfd_create};

    use super::*;
    use crate::Lane;

    const SMALL: Geometry = Geometry {
        rings: 2,
        slots: 8,
        frame_bytes: 192,
    };

    fn lane(start: u32) -> (Lane, Endpoint) {
        let lane = Lane::create_at("test", SMALL, start).unwrap();
        let endpoint = Endpoint::attach(&lane.files).unwrap();
        (lane, endpoint)
    }

    /// Frame number `n`: its length and every byte follow from the number.
    fn frame(n: u32) -> Vec<u8> {
        let len = 14 + n.wrapping_mul(2_654_435_761) as usize % 179;
        (0..len).map(|i| (n as usize * 31 + i) as u8).collect()
    }

    fn meta(n: u32, frame: &[u8]) -> Meta {
        Meta {
            len: frame.len() as u32,
            queue: n as u16 & 3,
            hash: n.is_multiple_of(3).then_some((!n, 2)),
            stamp_ns: u64::from(n) << 20,
        }
    }

    /// Sends frame number `n` down ring `ring`; false if the ring is full.
    fn send_down(lane: &mut Lane, ring: usize, n: u32) -> bool {
        let writer = &mut lane.down[ring];
        let frame = frame(n);
        let Some(slot) = writer.slot() else {
            return false;
        };
        assert_eq!(crate::copy_frame(slot, &frame), frame.len());
        writer.commit(meta(n, &frame));
        true
    }

    fn assert_next_down(reader: &mut DownReader, n: u32) {
        let expected = frame(n);
        let found = reader.next().expect("a frame waits");
        assert_eq!(found, (meta(n, &expected), &expected[..]));
        reader.consume();
    }

    fn next_up(lane: &mut Lane) -> Option<Vec<u8>> {
        let mut header = [0; 128];
        let found = lane.up.head(&mut header)?;
        let head = found.len().min(128);
        let mut frame = header[..head].to_vec();
        frame.resize(found.len(), 0);
        assert_eq!(
            lane.up.copy(&found, head, &mut frame[head..]),
            found.len() - head
        );
        lane.up.consume();
        Some(frame)
    }

    #[test]
    fn frames_travel_whole_and_each_ring_on_its_own() {
        let (mut lane, mut endpoint) = lane(0);
        for (ring, n) in [(0, 1), (1, 2), (0, 3)] {
            assert!(send_down(&mut lane, ring, n));
        }
        lane.down.iter_mut().for_each(|writer| writer.publish());
        assert_next_down(&mut endpoint.rings[0], 1);
        assert_next_down(&mut endpoint.rings[0], 3);
        assert_next_down(&mut endpoint.rings[1], 2);
        assert!(endpoint.rings.iter_mut().all(|ring| ring.next().is_none()));
        assert!(endpoint.up.push(&frame(4)));
        endpoint.up.publish();
        assert_eq!(next_up(&mut lane), Some(frame(4)));
        assert_eq!(next_up(&mut lane), None);
    }

    #[test]
    fn nothing_is_seen_before_it_is_published_nor_free_before_it_is_released() {
        let (mut lane, mut endpoint) = lane(0);
        assert!(send_down(&mut lane, 0, 1));
        assert_eq!(endpoint.rings[0].available(), Ok(0));
        lane.down[0].publish();
        assert_eq!(endpoint.rings[0].available(), Ok(1));
        endpoint.rings[0].consume();
        assert_eq!(lane.down[0].free(), Ok(7));
        endpoint.rings[0].release();
        assert_eq!(lane.down[0].free(), Ok(8));

        assert!(endpoint.up.push(&[1; 60]));
        assert_eq!(lane.up.available(), Ok(0));
        endpoint.up.publish();
        assert_eq!(lane.up.available(), Ok(1));
        lane.up.consume();
        assert_eq!(endpoint.up.free(), Ok(7));
        lane.up.release();
        assert_eq!(endpoint.up.free(), Ok(8));
    }

    #[test]
    fn full_ring_takes_no_frame_and_loses_none() {
        let (mut lane, mut endpoint) = lane(0);
        for n in 0..8 {
            assert!(send_down(&mut lane, 0, n));
            assert!(endpoint.up.push(&frame(n)));
        }
        assert!(!send_down(&mut lane, 0, 8));
        lane.down[0].commit(Meta::default());
        assert!(!endpoint.up.push(&frame(8)));
        lane.down[0].publish();
        endpoint.up.publish();
        for n in 0..8 {
            assert_next_down(&mut endpoint.rings[0], n);
            assert_eq!(next_up(&mut lane), Some(frame(n)));
        }
        assert!(endpoint.rings[0].next().is_none());
        assert_eq!(next_up(&mut lane), None);
        assert!(!send_down(&mut lane, 0, 8));
        assert!(!endpoint.up.push(&frame(8)));
    }

    #[test]
    fn frame_longer_than_a_slot_is_not_sent() {
        let (mut lane, mut endpoint) = lane(0);
        assert!(!endpoint.up.push(&[1; 193]));
        assert!(endpoint.up.push(&[1; 192]));
        endpoint.up.publish();
        assert_eq!(next_up(&mut lane), Some(vec![1; 192]));
    }

    #[test]
    fn second_endpoint_goes_on_where_the_first_stopped() {
        let (mut lane, mut first) = lane(u32::MAX - 1);
        for n in 0..5 {
            assert!(send_down(&mut lane, 0, n));
            assert!(first.up.push(&frame(n)));
        }
        lane.down[0].publish();
        first.up.publish();
        assert_next_down(&mut first.rings[0], 0);
        first.rings[0].release();
        assert_next_down(&mut first.rings[0], 1);
        drop(first);
        let mut second = Endpoint::attach(&lane.files).unwrap();
        assert_next_down(&mut second.rings[0], 1);
        assert_eq!(second.up.free(), Ok(3));
        assert!(second.up.push(&frame(5)));
        second.up.publish();
        for n in 0..6 {
            assert_eq!(next_up(&mut lane), Some(frame(n)));
        }
    }

    #[test]
    fn files_of_no_lane_or_of_two_are_refused() {
        let (one, _) = lane(0);
        let wide = Geometry {
            frame_bytes: 8192,
            ..SMALL
        };
        let other = Lane::create("other", wide).unwrap();
        let attach = |down: &OwnedFd, up: &OwnedFd| {
            let files = LaneFiles {
                down: down.try_clone().unwrap(),
                up: up.try_clone().unwrap(),
            };
            Endpoint::attach(&files).expect_err("no lane")
        };
        let error = attach(&one.files.down, &other.files.up);
        assert!(
            matches!(error, AttachError::Size { file: "up", .. }),
            "{error}"
        );
        let error = attach(&one.files.up, &one.files.down);
        assert!(
            matches!(error, AttachError::Unsealed { file: "down" }),
            "{error}"
        );
        let null = std::fs::File::open("/dev/null").unwrap().into();
        let error = attach(&one.files.down, &null);
        assert!(
            matches!(error, AttachError::File { file: "up", .. }),
            "{error}"
        );
    }

    #[test]
    fn file_that_could_still_shrink_or_has_another_header_is_refused() {
        let (one, _) = lane(0);
        let forge = |header: &[u8], size: u64, seals: SealFlags| {
            let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
            let down = memfd_create("forged", flags).unwrap();
            rustix::io::pwrite(&down, header, 0).unwrap();
            ftruncate(&down, size).unwrap();
            fcntl_add_seals(&down, seals).unwrap();
            let up = one.files.up.try_clone().unwrap();
            Endpoint::attach(&LaneFiles { down, up })
        };
        let size = SMALL.down_bytes() as u64;
        let header = SMALL.header();
        assert!(forge(&header, size, DOWN_SEALS).is_ok());
        let shrinkable = DOWN_SEALS.difference(SealFlags::SHRINK);
        let error = forge(&header, size, shrinkable).unwrap_err();
        assert!(
            matches!(error, AttachError::Unsealed { file: "down" }),
            "{error}"
        );
        let error = forge(&header, size - 4096, DOWN_SEALS).unwrap_err();
        assert!(
            matches!(error, AttachError::Size { file: "down", .. }),
            "{error}"
        );
        for header in [&[0xff; 24][..], &[]] {
            let error = forge(header, size, DOWN_SEALS).unwrap_err();
            assert!(matches!(error, AttachError::Header), "{error}");
        }
        let error = forge(&header[..8], 8, DOWN_SEALS).unwrap_err();
        assert!(matches!(error, AttachError::Header), "{error}");
    }

    /// Two threads, bursts of random length, a ring of 8: every frame arrives once, in
    /// order and whole.
    #[test]
    fn frames_between_two_threads_arrive_in_order_and_none_is_lost() {
        const FRAMES: u32 = 100_000;
        let (mut lane, mut endpoint) = lane(u32::MAX - FRAMES / 2);
        let burst = |n: u32| n.wrapping_mul(0x9e37_79b1) >> 29;
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut sent, mut received) = (0, 0);
                while sent < FRAMES || received < FRAMES {
                    for _ in 0..=burst(sent ^ received) {
                        sent += u32::from(sent < FRAMES && endpoint.up.push(&frame(sent)));
                        if endpoint.rings[1].next().is_some() {
                            assert_next_down(&mut endpoint.rings[1], received);
                            received += 1;
                        }
                    }
                    endpoint.up.publish();
                    endpoint.rings[1].release();
                    thread::yield_now();
                }
            });
            let (mut sent, mut received) = (0, 0);
            while sent < FRAMES || received < FRAMES {
                for _ in 0..=burst(sent.wrapping_add(received)) {
                    sent += u32::from(sent < FRAMES && send_down(&mut lane, 1, sent));
                    if let Some(found) = next_up(&mut lane) {
                        assert_eq!(found, frame(received));
                        received += 1;
                    }
                }
                lane.down[1].publish();
                lane.up.release();
                thread::yield_now();
            }
        });
    }

    #[derive(Debug, Clone)]
    enum Step {
        Fill(u32),
        Publish,
        Drain(u32),
        Release,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1..10_u32).prop_map(Step::Fill),
            Just(Step::Publish),
            (1..10_u32).prop_map(Step::Drain),
            Just(Step::Release),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// The oracle: one queue of frames filled but unseen, one of frames seen, and
        /// a count of slots drained but not given back.
        #[test]
        fn both_directions_behave_as_plain_queues(
            start in prop_oneof![Just(0), u32::MAX - 40..=u32::MAX, any::<u32>()],
            steps in steps(),
        ) {
            let (mut lane, mut endpoint) = lane(start);
            let (mut unseen, mut seen) = (VecDeque::new(), VecDeque::new());
            let (mut n, mut held) = (0, 0);
            for step in steps {
                match step {
                    Step::Fill(count) => for _ in 0..count {
                        let free = unseen.len() + seen.len() + held < 8;
                        prop_assert_eq!(send_down(&mut lane, 0, n), free);
                        prop_assert_eq!(endpoint.up.push(&frame(n)), free);
                        if free {
                            unseen.push_back(n);
                        }
                        n += 1;
                    },
                    Step::Publish => {
                        lane.down[0].publish();
                        endpoint.up.publish();
                        seen.append(&mut unseen);
                    }
                    Step::Drain(count) => for _ in 0..count {
                        let Some(n) = seen.pop_front() else {
                            prop_assert!(endpoint.rings[0].next().is_none());
                            prop_assert_eq!(next_up(&mut lane), None);
                            break;
                        };
                        assert_next_down(&mut endpoint.rings[0], n);
                        prop_assert_eq!(next_up(&mut lane), Some(frame(n)));
                        held += 1;
                    },
                    Step::Release => {
                        endpoint.rings[0].release();
                        lane.up.release();
                        held = 0;
                    }
                }
            }
        }
    }
}
