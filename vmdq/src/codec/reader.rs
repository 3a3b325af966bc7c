//! Values to bytes and back.
//!
//! The rule: [`Encode::take`] reads what [`Encode::put`] writes and nothing else, and every
//! value has at least one byte, so that a list is never longer than what is left of the input.

use super::error::DecodeError;
use crate::prelude::*;

/// What has a byte form.
pub(super) trait Encode: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads a value; an error for bytes that no value is written as.
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// Bytes that are read from the front.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads a value.
    pub(super) fn take<T: Encode>(&mut self) -> Result<T, DecodeError> {
        T::take(self)
    }

    /// Reads `count` bytes.
    pub(super) fn skip(&mut self, count: usize) -> Result<&'b [u8], DecodeError> {
        let end = self.at.checked_add(count);
        let read = end.and_then(|end| self.bytes.get(self.at..end));
        let read = read.ok_or(DecodeError::Truncated { at: self.at })?;
        self.at += count;
        Ok(read)
    }

    /// That the byte before is not one that is written there.
    pub(super) fn malformed(&self) -> DecodeError {
        let at = self.at.saturating_sub(1);
        DecodeError::Malformed { at }
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(DecodeError::Malformed { at: self.at })
        }
    }

    /// Reads the length of a text or list.
    fn length(&mut self) -> Result<usize, DecodeError> {
        let length = self.take::<u32>()? as usize;
        if length > self.bytes.len() - self.at {
            return Err(DecodeError::Truncated { at: self.at });
        }
        Ok(length)
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(from.skip(N)?);
        Ok(bytes)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Encode for $number {
            fn put(&self, out: &mut Vec<u8>) {
                self.to_le_bytes().put(out);
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_le_bytes(from.take()?))
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64);

impl Encode for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.take::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(from.malformed()),
        }
    }
}

impl Encode for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = from.length()?;
        let bytes = from.skip(length)?;
        let text = core::str::from_utf8(bytes);
        text.map(Self::from).map_err(|_| from.malformed())
    }
}

impl<T: Encode> Encode for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if from.take::<bool>()? {
            from.take().map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        for item in self {
            item.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = from.length()?;
        (0..length).map(|_| from.take()).collect()
    }
}
