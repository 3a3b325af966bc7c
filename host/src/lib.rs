//! What the trusted core needs of Linux: VFIO, pages for DMA, mapped registers, the files of
//! lanes, time, cores.
//!
//! It implements the seam of `lockgate-drivers` ([`device`](lockgate_drivers::device)) for a
//! card that `vfio-pci` has. The rule: a card reaches nothing but [`lockgate_shm::Memory`] that
//! was made here for it, and loses its reach before that memory is freed; so nothing that a
//! card does, and nothing that safe code does with one, is undefined behaviour.
//!
//! Not here: what is written into registers and descriptors (`lockgate-drivers`), and who is
//! told of a failure (`lockgate`).
//!
//! ```no_run
//! use lockgate_drivers::device::DeviceId;
//! use lockgate_host::open_pci;
//!
//! let id = DeviceId { vendor: 0x8086, device: 0x10C9 };
//! // The card, and what tells of trouble with it; 7 is its IOMMU group.
//! let (card, alarm) = open_pci(id, "0000:03:00.0".parse()?, 7)?;
//! let nic = lockgate_drivers::open(card)?;
//! assert!(!alarm.raised());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The memory of a lane is two files, of which the partition's process gets descriptors:
//!
//! ```
//! use lockgate_host::memfd;
//! use lockgate_lane::{Geometry, Header, Meta};
//!
//! let geometry = Geometry { rings: 1, slots: 8, frame_bytes: 1536 };
//! let mut lane = memfd::create("example", Header { geometry, generation: 1 })?;
//! // The files go to the partition's process, which has nothing else of the lane.
//! let mut partition = memfd::attach(lane.files)?;
//! lane.ends.rx[0].push(&[0x5a; 60], Meta::default())?;
//! lane.ends.rx[0].publish();
//! assert_eq!(partition.ends.rx[0].waiting(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod affinity;
mod clock;
#[expect(unsafe_code, reason = "maps memory")]
pub mod dma;
mod error;
#[expect(unsafe_code, reason = "maps memory")]
mod mapped_file;
#[expect(unsafe_code, reason = "maps memory")]
mod mapping;
pub mod memfd;
#[expect(unsafe_code, reason = "reaches device registers")]
mod mmio;
mod open;
#[expect(unsafe_code, reason = "requests to the kernel by ioctl")]
mod vfio;

pub use clock::MonotonicClock;
pub use error::OpenError;
pub use open::open_pci;
pub use vfio::Alarm;
