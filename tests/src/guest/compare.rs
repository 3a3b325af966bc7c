//! Whether two runs of one policy came to the same.
//!
//! What one sender says to one receive queue must be the same, byte for byte and in
//! order. How the frames of different senders interleave depends on who was
//! faster, so that is noted and forgiven.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use super::Error;
use super::error::at;
use super::run::Outcome;
use crate::capture::{self, Frame};

/// The comparison of one capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose capture it is.
    pub name: String,
    /// How many frames the first run has.
    pub frames: usize,
    /// How they compare.
    pub verdict: Verdict,
}

/// How two captures compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same frames in the same order in every queue.
    Same,
    /// The same, but frames of different senders come in another order.
    SameBySender,
    /// The first difference.
    Different(String),
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            frames,
            verdict,
        } = self;
        write!(f, "{name:<20} {frames:>7} frames  ")?;
        match verdict {
            Verdict::Same => write!(f, "byte for byte the model's"),
            Verdict::SameBySender => {
                write!(
                    f,
                    "byte for byte the model's, senders interleaved otherwise"
                )
            }
            Verdict::Different(difference) => write!(f, "DIFFERENT: {difference}"),
        }
    }
}

/// Compares every capture of the `guest` run with that of the `model` run, and what left
/// by the cable with what left the model.
///
/// # Errors
/// When a capture is missing or cannot be read.
pub fn compare(guest: &Outcome, model: &Outcome) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for name in names(model.folder.path())? {
        let file = format!("{name}.pcapng");
        let read = |outcome: &Outcome| {
            let path = outcome.folder.path().join(&file);
            capture::read(&path).map_err(at(&path))
        };
        let (found, expected) = (read(guest)?, read(model)?);
        if name == "wire" {
            let left = guest.left.iter().map(|bytes| Frame {
                bytes: bytes.clone(),
                queue: None,
                hash: None,
            });
            let left: Vec<Frame> = left.collect();
            rows.push(row("cable", &left, &bare(&expected)));
            rows.push(row("wire", &bare(&found), &bare(&expected)));
        } else {
            rows.push(row(&name, &found, &expected));
        }
    }
    Ok(rows)
}

fn row(name: &str, found: &[Frame], expected: &[Frame]) -> Row {
    Row {
        name: name.into(),
        frames: found.len(),
        verdict: verdict(found, expected),
    }
}

/// Frames without queue and hash, which a frame that leaves has not.
fn bare(frames: &[Frame]) -> Vec<Frame> {
    let bare = frames.iter().map(|frame| Frame {
        bytes: frame.bytes.clone(),
        queue: None,
        hash: None,
    });
    bare.collect()
}

/// The captures in `folder`, by name.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let captures = paths.filter(|path| path.extension().is_some_and(|e| e == "pcapng"));
    let mut names: Vec<String> = captures
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn verdict(found: &[Frame], expected: &[Frame]) -> Verdict {
    let queue = |frame: &Frame| (frame.queue, Vec::new());
    if group(found, queue) == group(expected, queue) {
        return Verdict::Same;
    }
    let sender = |frame: &Frame| {
        let address = frame.bytes.get(6..12).unwrap_or_default();
        (frame.queue, address.to_vec())
    };
    let (found, expected) = (group(found, sender), group(expected, sender));
    match difference(&found, &expected) {
        Some(difference) => Verdict::Different(difference),
        None => Verdict::SameBySender,
    }
}

/// Queue and sender.
type Key = (Option<u32>, Vec<u8>);

fn group(frames: &[Frame], key: impl Fn(&Frame) -> Key) -> BTreeMap<Key, Vec<&Frame>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for frame in frames {
        groups.entry(key(frame)).or_default().push(frame);
    }
    groups
}

fn difference(
    found: &BTreeMap<Key, Vec<&Frame>>,
    expected: &BTreeMap<Key, Vec<&Frame>>,
) -> Option<String> {
    let none = Vec::new();
    found.keys().chain(expected.keys()).find_map(|key| {
        let ours = found.get(key).unwrap_or(&none);
        let theirs = expected.get(key).unwrap_or(&none);
        if ours == theirs {
            return None;
        }
        let (queue, sender) = key;
        let pairs = ours.iter().zip(theirs);
        let same = pairs.take_while(|(ours, theirs)| ours == theirs).count();
        let queue = queue.map_or(String::new(), |queue| format!(" in queue {queue}"));
        let of = |frames: &[&Frame]| {
            frames
                .get(same)
                .map_or("none".into(), |frame| describe(frame))
        };
        Some(format!(
            "from {}{queue}, {} frames and not {}; number {same} is {} and not {}",
            hex(sender, ":"),
            ours.len(),
            theirs.len(),
            of(ours),
            of(theirs),
        ))
    })
}

/// A frame in few words: its length, its hash, its first bytes.
fn describe(frame: &Frame) -> String {
    let hash = frame.hash.as_ref();
    let hash = hash.map_or(String::new(), |hash| format!(" hash {}", hex(hash, "")));
    let head = &frame.bytes[..frame.bytes.len().min(24)];
    format!("{} bytes{hash} [{}…]", frame.bytes.len(), hex(head, ""))
}

fn hex(bytes: &[u8], between: &str) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sender: u8, body: u8, queue: u32) -> Frame {
        let mut bytes = vec![0; 14];
        bytes[11] = sender;
        bytes.push(body);
        Frame {
            bytes,
            queue: Some(queue),
            hash: None,
        }
    }

    #[test]
    fn queues_are_compared_one_by_one() {
        let one = [frame(1, 1, 0), frame(1, 2, 1)];
        let two = [frame(1, 2, 1), frame(1, 1, 0)];
        assert_eq!(verdict(&one, &two), Verdict::Same);
    }

    #[test]
    fn senders_may_interleave_but_keep_their_own_order() {
        let one = [frame(1, 1, 0), frame(2, 1, 0), frame(1, 2, 0)];
        let two = [frame(2, 1, 0), frame(1, 1, 0), frame(1, 2, 0)];
        let three = [frame(2, 1, 0), frame(1, 2, 0), frame(1, 1, 0)];
        assert_eq!(verdict(&one, &two), Verdict::SameBySender);
        assert!(matches!(verdict(&one, &three), Verdict::Different(_)));
    }

    #[test]
    fn a_lost_frame_an_extra_frame_and_another_queue_are_differences() {
        let whole = [frame(1, 1, 0), frame(1, 2, 0)];
        let other_queue = [frame(1, 1, 0), frame(1, 2, 1)];
        for (found, expected) in [
            (&whole[..1], &whole[..]),
            (&whole[..], &whole[..1]),
            (&whole[..], &other_queue[..]),
            (&whole[..], &[][..]),
        ] {
            assert!(matches!(verdict(found, expected), Verdict::Different(_)));
        }
    }

    #[test]
    fn another_hash_is_a_difference() {
        let one = frame(1, 1, 0);
        let mut two = one.clone();
        two.hash = Some(vec![4, 1, 2, 3, 4]);
        let Verdict::Different(text) = verdict(&[one], &[two]) else {
            panic!("not noticed");
        };
        assert!(text.contains("hash 0401020304"), "{text}");
    }
}
