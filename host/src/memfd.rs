//! Lanes in sealed files: made by the core, attached to by the partition's process.
//!
//! A lane is two memory files that the core makes, zeroed. Both are sealed against shrinking
//! and growing, so that no address inside is ever without memory; `down` besides against
//! writing from then on, so that the core's mapping is the only writable one there can ever
//! be. The process that attaches is unprivileged and trusts the core, but not that the files
//! are what they should be: seals, size and header are checked before anything is mapped.
//! Attaching consumes the files, and with them the only way to attach once more.
//!
//! Not here: what lies in the files ([`lockgate_lane`]), how they reach the other process, and
//! who rings the bells when.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use lockgate_lane::{
    CoreEnds, CoreMemory, Geometry, HEADER_BYTES, Header, LaneError, PartitionEnds, PartitionMemory,
};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::io::pread;

use crate::mapped_file;

/// Seals of `up`: neither its size nor its seals change any more.
const UP_SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// Seals of `down`: besides, nobody can write to it or map it writable any more.
const DOWN_SEALS: SealFlags = UP_SEALS.union(SealFlags::FUTURE_WRITE);

/// All that a partition's process needs of a lane.
#[derive(Debug)]
pub struct LaneFiles {
    /// Written by the core; whoever gets it can only read it.
    pub down: OwnedFd,
    /// Written by the partition.
    pub up: OwnedFd,
    /// Both bells of the lane.
    pub bells: Bells,
}

/// The eventfds of a lane, nonblocking: by them a reader that sleeps is woken. Both sides have
/// their own descriptors of the same two.
#[derive(Debug)]
pub struct Bells {
    /// Rung by the core for frames in a receive ring.
    pub rx: OwnedFd,
    /// Rung by the partition for frames in the transmit ring.
    pub tx: OwnedFd,
}

/// A new lane as the core has it.
#[derive(Debug)]
pub struct NewLane {
    /// The core's ends.
    pub ends: CoreEnds,
    /// The core's descriptors of the bells.
    pub bells: Bells,
    /// What the partition's process attaches to.
    pub files: LaneFiles,
}

/// A lane as the partition's process has it.
#[derive(Debug)]
pub struct AttachedLane {
    /// The partition's ends.
    pub ends: PartitionEnds,
    /// The partition's descriptors of the bells.
    pub bells: Bells,
}

/// Why there is no new lane.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum CreateError {
    #[error("no memory files of {bytes} bytes for a lane: free memory, or raise `ulimit -n`")]
    Files { bytes: usize, source: io::Error },
    #[error("no eventfd for a lane: raise `ulimit -n`")]
    Bell { source: io::Error },
    #[error(transparent)]
    Lane(#[from] LaneError),
}

/// Why files are no lane.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum AttachError {
    #[error("cannot use the lane's files: pass both as the core made them")]
    Files {
        #[from]
        source: io::Error,
    },
    #[error("the lane's `{file}` is not sealed: take lanes from Lockgate's core only")]
    Unsealed { file: &'static str },
    #[error("the lane's `{file}` has {found} bytes, not {expected}: pass the files of one lane")]
    Size {
        file: &'static str,
        found: usize,
        expected: usize,
    },
    #[error(transparent)]
    Lane(#[from] LaneError),
}

/// Makes a lane; `name` shows in `/proc` and is at most 200 bytes without NUL.
///
/// # Errors
/// An impossible geometry or name, or no memory or file left.
pub fn create(name: &str, header: Header) -> Result<NewLane, CreateError> {
    let geometry = header.geometry;
    geometry.check().map_err(LaneError::from)?;
    let no_bell = |source| CreateError::Bell { source };
    let bells = Bells::new().map_err(no_bell)?;
    let theirs = bells.try_clone().map_err(no_bell)?;
    let no_file = |source| CreateError::Files {
        bytes: geometry.down_bytes() + geometry.up_bytes(),
        source,
    };
    let SealedFiles { down, up, memory } = sealed_files(name, geometry).map_err(no_file)?;
    Ok(NewLane {
        ends: CoreEnds::create(header, memory)?,
        bells,
        files: LaneFiles {
            down,
            up,
            bells: theirs,
        },
    })
}

/// Both files of a lane, sealed, and as the core maps them.
struct SealedFiles {
    down: OwnedFd,
    up: OwnedFd,
    memory: CoreMemory,
}

fn sealed_files(name: &str, geometry: Geometry) -> io::Result<SealedFiles> {
    let down = file(&format!("lockgate-{name}-down"), geometry.down_bytes())?;
    let up = file(&format!("lockgate-{name}-up"), geometry.up_bytes())?;
    // Mapped before it is sealed: nobody can map it writable afterwards.
    let ours = mapped_file::read_write(&down, geometry.down_bytes())?;
    fcntl_add_seals(&down, DOWN_SEALS)?;
    fcntl_add_seals(&up, UP_SEALS)?;
    let theirs = mapped_file::read_only(&up, geometry.up_bytes())?;
    Ok(SealedFiles {
        down,
        up,
        memory: CoreMemory {
            down: Arc::new(ours),
            up: Arc::new(theirs),
        },
    })
}

/// Maps the files of a lane and closes them.
///
/// # Errors
/// They are not those of one lane, or cannot be mapped; they are closed then too.
pub fn attach(files: LaneFiles) -> Result<AttachedLane, AttachError> {
    let header = validate(&files)?;
    let geometry = header.geometry;
    let down = mapped_file::read_only(&files.down, geometry.down_bytes())?;
    let up = mapped_file::read_write(&files.up, geometry.up_bytes())?;
    let ends = PartitionEnds::attach(PartitionMemory {
        down: Arc::new(down),
        up: Arc::new(up),
    })?;
    Ok(AttachedLane {
        ends,
        bells: files.bells,
    })
}

impl LaneFiles {
    /// The same files once more, for another descriptor table.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            down: self.down.try_clone()?,
            up: self.up.try_clone()?,
            bells: self.bells.try_clone()?,
        })
    }
}

impl Bells {
    fn new() -> io::Result<Self> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(Self {
            rx: eventfd(0, flags)?,
            tx: eventfd(0, flags)?,
        })
    }

    /// Descriptors of the same two.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            rx: self.rx.try_clone()?,
            tx: self.tx.try_clone()?,
        })
    }
}

/// A memory file of zeros that can be sealed.
fn file(name: &str, bytes: usize) -> io::Result<OwnedFd> {
    let file = memfd_create(name, MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC)?;
    ftruncate(&file, bytes as u64)?;
    Ok(file)
}

/// Checks seals first, since size and header mean nothing while they can change.
fn validate(files: &LaneFiles) -> Result<Header, AttachError> {
    let down = sealed_size("down", &files.down, DOWN_SEALS)?;
    let up = sealed_size("up", &files.up, UP_SEALS)?;
    // What a short file lacks stays zero, which no header is.
    let mut header = [0; HEADER_BYTES];
    pread(&files.down, &mut header, 0).map_err(io::Error::from)?;
    let header = Header::decode(&header).ok_or(LaneError::Header)?;
    expect_size("down", down, header.geometry.down_bytes())?;
    expect_size("up", up, header.geometry.up_bytes())?;
    Ok(header)
}

fn sealed_size(file: &'static str, fd: &OwnedFd, seals: SealFlags) -> Result<usize, AttachError> {
    // A file of a kind that takes no seals has none either.
    if !fcntl_get_seals(fd).is_ok_and(|found| found.contains(seals)) {
        return Err(AttachError::Unsealed { file });
    }
    Ok(fstat(fd).map_err(io::Error::from)?.st_size as usize)
}

fn expect_size(file: &'static str, found: usize, expected: usize) -> Result<(), AttachError> {
    if found != expected {
        return Err(AttachError::Size {
            file,
            found,
            expected,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::io::{Errno, pwrite};

    use super::*;

    const SMALL: Header = Header {
        geometry: Geometry {
            rings: 2,
            slots: 8,
            frame_bytes: 192,
        },
        generation: 3,
    };

    /// Attaches to these two files and bells of their own.
    fn attach_to(down: &OwnedFd, up: &OwnedFd) -> Result<AttachedLane, AttachError> {
        attach(LaneFiles {
            down: down.try_clone().unwrap(),
            up: up.try_clone().unwrap(),
            bells: Bells::new().unwrap(),
        })
    }

    /// The permissions of every mapping of the file `name` in this process.
    fn permissions(name: &str) -> Vec<String> {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let lines = maps.lines().filter(|line| line.contains(name));
        let fields = lines.filter_map(|line| line.split_whitespace().nth(1));
        fields.map(str::to_owned).collect()
    }

    #[test]
    fn down_cannot_be_mapped_writable_by_whoever_gets_the_file() {
        let lane = create("sealed", SMALL).unwrap();
        let bytes = SMALL.geometry.down_bytes();
        let writable = mapped_file::read_write(&lane.files.down, bytes);
        let error = writable.expect_err("the seal forbids it");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(mapped_file::read_only(&lane.files.down, bytes).is_ok());
    }

    #[test]
    fn core_maps_up_for_reading_only() {
        let _lane = create("read-only", SMALL).unwrap();
        assert_eq!(permissions("memfd:lockgate-read-only-up"), ["r--s"]);
        assert_eq!(permissions("memfd:lockgate-read-only-down"), ["rw-s"]);
    }

    #[test]
    fn endpoint_maps_down_for_reading_only() {
        let lane = create("attached", SMALL).unwrap();
        drop(lane.ends);
        let _attached = attach(lane.files).unwrap();
        assert_eq!(permissions("memfd:lockgate-attached-up"), ["rw-s"]);
        assert_eq!(permissions("memfd:lockgate-attached-down"), ["r--s"]);
    }

    #[test]
    fn files_of_no_lane_or_of_two_are_refused() {
        let one = create("test", SMALL).unwrap().files;
        let mut wide = SMALL;
        wide.geometry.frame_bytes = 8192;
        let other = create("other", wide).unwrap().files;
        let error = attach_to(&one.down, &other.up).unwrap_err();
        assert!(
            matches!(error, AttachError::Size { file: "up", .. }),
            "{error}"
        );
        let error = attach_to(&one.up, &one.down).unwrap_err();
        assert!(
            matches!(error, AttachError::Unsealed { file: "down" }),
            "{error}"
        );
        let null = fs::File::open("/dev/null").unwrap().into();
        let error = attach_to(&one.down, &null).unwrap_err();
        assert!(
            matches!(error, AttachError::Unsealed { file: "up" }),
            "{error}"
        );
    }

    #[test]
    fn file_that_could_still_shrink_or_has_another_header_is_refused() {
        let up = create("test", SMALL).unwrap().files.up;
        let forge = |header: &[u8], size: u64, seals: SealFlags| {
            let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
            let down = memfd_create("forged", flags).unwrap();
            pwrite(&down, header, 0).unwrap();
            ftruncate(&down, size).unwrap();
            fcntl_add_seals(&down, seals).unwrap();
            attach_to(&down, &up)
        };
        let size = SMALL.geometry.down_bytes() as u64;
        let header = SMALL.encode();
        let attached = forge(&header, size, DOWN_SEALS).expect("a lane");
        assert_eq!(attached.ends.generation, SMALL.generation);
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
        let is_header = |error| matches!(error, AttachError::Lane(LaneError::Header));
        for header in [&[0xff; 32][..], &[]] {
            assert!(is_header(forge(header, size, DOWN_SEALS).unwrap_err()));
        }
        assert!(is_header(forge(&header[..8], 8, DOWN_SEALS).unwrap_err()));
    }

    #[test]
    fn a_geometry_or_a_name_that_cannot_be_is_an_error() {
        let mut odd = SMALL;
        odd.geometry.slots = 3;
        let error = create("test", odd).unwrap_err();
        assert!(matches!(error, CreateError::Lane(LaneError::Geometry(_))));
        let error = create("nul\0", SMALL).unwrap_err();
        assert!(matches!(error, CreateError::Files { .. }), "{error}");
    }

    #[test]
    fn both_sides_have_the_same_two_bells() {
        let lane = create("bells", SMALL).unwrap();
        let attached = attach(lane.files).unwrap();
        for (ours, theirs) in [
            (&lane.bells.rx, &attached.bells.rx),
            (&lane.bells.tx, &attached.bells.tx),
        ] {
            let mut count = [0; 8];
            assert_eq!(rustix::io::read(theirs, &mut count), Err(Errno::AGAIN));
            rustix::io::write(ours, &2_u64.to_ne_bytes()).unwrap();
            assert_eq!(rustix::io::read(theirs, &mut count), Ok(8));
            assert_eq!(u64::from_ne_bytes(count), 2);
        }
    }
}
