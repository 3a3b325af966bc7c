//! The bytes of a capture, in order.
//!
//! Nothing is read past the end of the file as it was when it was opened: a record
//! that claims more is [`CaptureError::Truncated`], found before any memory is set aside.
//!
//! Not here: what the bytes mean.

use std::io::{self, BufReader, Read, Seek};

use super::error::CaptureError;

/// The byte order of numbers in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }

    /// `N` numbers in a row; `bytes` is four times as long.
    pub(super) fn words<const N: usize>(self, bytes: &[u8]) -> [u32; N] {
        let mut words = [0; N];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = self.u32(*bytes);
        }
        words
    }
}

/// A capture file, read forwards.
#[derive(Debug)]
pub(super) struct Input<R> {
    inner: BufReader<R>,
    size: u64,
    at: u64,
    record: u64,
}

impl<R: Read + Seek> Input<R> {
    /// `inner` at its start, of `size` bytes.
    pub(super) fn new(inner: R, size: u64) -> Self {
        Self {
            inner: BufReader::with_capacity(64 * 1024, inner),
            size,
            at: 0,
            record: 0,
        }
    }

    pub(super) fn into_inner(self) -> R {
        self.inner.into_inner()
    }

    /// The first four bytes, zeros where there are none; only before any read.
    pub(super) fn peek_magic(&mut self) -> io::Result<[u8; 4]> {
        let mut magic = Vec::with_capacity(4);
        self.inner.by_ref().take(4).read_to_end(&mut magic)?;
        self.inner.rewind()?;
        let mut bytes = [0; 4];
        bytes[..magic.len()].copy_from_slice(&magic);
        Ok(bytes)
    }

    /// Marks the start of a record; false at the end of the file.
    pub(super) fn begin_record(&mut self) -> bool {
        self.record = self.at;
        self.at < self.size
    }

    /// Where the present record began, in bytes.
    pub(super) fn record(&self) -> u64 {
        self.record
    }

    /// Fails unless the record has `bytes` more bytes.
    pub(super) fn expect(&self, bytes: u64) -> Result<(), CaptureError> {
        if bytes > self.size.saturating_sub(self.at) {
            return Err(CaptureError::Truncated {
                at: self.record,
                size: self.size,
            });
        }
        Ok(())
    }

    /// Fills `into`.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<(), CaptureError> {
        self.expect(into.len() as u64)?;
        self.inner.read_exact(into).map_err(CaptureError::Read)?;
        self.at += into.len() as u64;
        Ok(())
    }

    /// Reads `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CaptureError> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    /// Passes over `bytes` bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), CaptureError> {
        self.expect(bytes)?;
        let step = i64::try_from(bytes).map_err(|_| CaptureError::Truncated {
            at: self.record,
            size: self.size,
        })?;
        self.inner.seek_relative(step).map_err(CaptureError::Read)?;
        self.at += bytes;
        Ok(())
    }

    /// The present record contradicts its format.
    pub(super) fn damaged(&self, what: &'static str) -> CaptureError {
        CaptureError::Damaged {
            at: self.record,
            what,
        }
    }
}
