//! Linux under Lockgate: memory, files and devices of the host.
//!
//! The crates above know no operating system; what they need of one is made here and told to
//! them. The rule: what this crate gives out is checked before it is used, and is undone when
//! it is dropped.
//!
//! Not here: what the memory and the files are for.
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

#[expect(unsafe_code, reason = "maps files into memory")]
mod mapped_file;
pub mod memfd;
