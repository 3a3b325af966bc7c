//! Messages of the vfio-user protocol as they are on the socket.
//!
//! A request is read whole or the connection ends: its size is bounded before anything
//! is allocated, and what it carries is read through [`Request::word`] and
//! [`Request::quad`], which check. Numbers are in the host's byte order.
//!
//! Not here: what a request means ([`super::device`]).
//!
//! Source: the vfio-user protocol specification, version 0.1 ("Header").

use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

/// Bytes of a header.
const HEADER: usize = 16;

/// The most bytes that one message may transfer to or from a region: what no client's
/// configuration space exceeds.
pub(crate) const MOST_DATA: usize = 64 << 10;

/// The most bytes of a message.
const MOST: usize = HEADER + 64 + MOST_DATA;

/// The most file descriptors of a message.
pub(crate) const MOST_FILES: usize = 16;

/// The bits of the flags that say whether it is a reply, and a reply.
const TYPE: u32 = 0xF;
const REPLY: u32 = 1;
const NO_REPLY: u32 = 1 << 4;
const ERROR: u32 = 1 << 5;

/// One request of a client.
#[derive(Debug)]
pub(crate) struct Request {
    id: u16,
    pub(crate) command: u16,
    flags: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) files: Vec<OwnedFd>,
}

impl Request {
    /// A request as if it had come.
    #[cfg(test)]
    pub(crate) fn new(command: u16, payload: Vec<u8>, files: Vec<OwnedFd>) -> Self {
        Self {
            id: 0,
            command,
            flags: 0,
            payload,
            files,
        }
    }

    /// The 4-byte number at byte `at` of the payload.
    pub(crate) fn word(&self, at: usize) -> Result<u32, Errno> {
        let bytes = self.payload.get(at..).and_then(<[u8]>::first_chunk);
        bytes
            .map(|bytes| u32::from_ne_bytes(*bytes))
            .ok_or(Errno::INVAL)
    }

    /// The 8-byte number at byte `at` of the payload.
    pub(crate) fn quad(&self, at: usize) -> Result<u64, Errno> {
        let bytes = self.payload.get(at..).and_then(<[u8]>::first_chunk);
        bytes
            .map(|bytes| u64::from_ne_bytes(*bytes))
            .ok_or(Errno::INVAL)
    }

    /// The payload from byte `at` on.
    pub(crate) fn rest(&self, at: usize) -> Result<&[u8], Errno> {
        self.payload.get(at..).ok_or(Errno::INVAL)
    }
}

/// Reads the next request; `None` when the client has gone.
///
/// # Errors
/// `InvalidData` for a message that is none; else the operating system's.
pub(crate) fn receive(stream: &UnixStream) -> io::Result<Option<Request>> {
    let mut header = [0; HEADER];
    let Some(files) = receive_header(stream, &mut header)? else {
        return Ok(None);
    };
    let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let word = |at: usize| {
        u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (size, flags) = (word(4) as usize, word(8));
    if !(HEADER..=MOST).contains(&size) {
        return Err(invalid(format!(
            "a message of {size} bytes: {HEADER} to {MOST} are allowed"
        )));
    }
    if flags & TYPE != 0 {
        return Err(invalid("a message that is no request".into()));
    }
    let mut payload = vec![0; size - HEADER];
    let mut stream = stream;
    stream.read_exact(&mut payload)?;
    Ok(Some(Request {
        id: half(0),
        command: half(2),
        flags,
        payload,
        files,
    }))
}

/// Reads a header and the descriptors that come with it; `None` at the end.
fn receive_header(
    stream: &UnixStream,
    header: &mut [u8; HEADER],
) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut files = Vec::new();
    let mut filled = 0;
    while let Some(rest) = header.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(rest)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let message = match rustix::net::recvmsg(stream, &mut slices, &mut ancillary, flags) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                files.extend(received);
            }
        }
        match message.bytes {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => filled += bytes,
        }
        if files.len() > MOST_FILES {
            return Err(invalid(format!(
                "more than {MOST_FILES} descriptors with one message"
            )));
        }
    }
    Ok(Some(files))
}

/// Answers a request, unless it wants no answer.
///
/// # Errors
/// The operating system's.
pub(crate) fn reply(
    mut stream: &UnixStream,
    request: &Request,
    answer: Result<Vec<u8>, Errno>,
) -> io::Result<()> {
    if request.flags & NO_REPLY != 0 {
        return Ok(());
    }
    let (flags, error, payload) = match answer {
        Ok(payload) => (REPLY, 0, payload),
        Err(error) => (REPLY | ERROR, error.raw_os_error(), Vec::new()),
    };
    let size = (HEADER + payload.len()) as u32;
    let mut message = Vec::with_capacity(HEADER + payload.len());
    message.extend(request.id.to_ne_bytes());
    message.extend(request.command.to_ne_bytes());
    message.extend(size.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(error.to_ne_bytes());
    message.extend(payload);
    stream.write_all(&message)
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with a header as given and nothing behind it.
    fn header(size: u32, flags: u32) -> Vec<u8> {
        let words = [9 << 16 | 7, size, flags, 0];
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn a_request_is_read_whole_and_answered_under_its_number() {
        let (mut client, server) = UnixStream::pair().unwrap();
        client.write_all(&header(20, 0)).unwrap();
        client.write_all(&[1, 2, 3, 4]).unwrap();
        let request = receive(&server).unwrap().unwrap();
        assert_eq!(
            (request.command, &request.payload[..]),
            (9, &[1, 2, 3, 4][..])
        );
        assert_eq!(request.word(0), Ok(u32::from_ne_bytes([1, 2, 3, 4])));
        assert_eq!(request.word(1), Err(Errno::INVAL));
        assert_eq!(request.quad(usize::MAX), Err(Errno::INVAL));
        reply(&server, &request, Ok(vec![5])).unwrap();
        reply(&server, &request, Err(Errno::EXIST)).unwrap();
        let mut answers = [0; 33];
        client.read_exact(&mut answers).unwrap();
        assert_eq!(answers[..17], [&header(17, 1)[..], &[5]].concat());
        assert_eq!(answers[17..29], header(16, 0x21)[..12]);
        drop(client);
        assert!(receive(&server).unwrap().is_none());
    }

    #[test]
    fn a_message_that_is_none_ends_the_connection() {
        for (size, flags) in [(15, 0), (u32::MAX, 0), (16, 1), (16, 15)] {
            let (mut client, server) = UnixStream::pair().unwrap();
            client.write_all(&header(size, flags)).unwrap();
            let error = receive(&server).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{size} {flags}");
        }
        for cut in [15, 18] {
            let (mut client, server) = UnixStream::pair().unwrap();
            client
                .write_all(&[header(20, 0), vec![0; 4]].concat()[..cut])
                .unwrap();
            drop(client);
            assert_eq!(
                receive(&server).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
        }
    }

    #[test]
    fn who_wants_no_answer_gets_none() {
        let (mut client, server) = UnixStream::pair().unwrap();
        client.write_all(&header(16, NO_REPLY)).unwrap();
        let request = receive(&server).unwrap().unwrap();
        reply(&server, &request, Ok(vec![])).unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}
