//! Plans as bytes.
//!
//! One form only: everything has one encoding, so that a plan's bytes can be hashed, measured
//! and compared. Numbers are little-endian; texts and lists have their length before them, in
//! four bytes; an option is 0, or 1 and the value; a choice is its number and its fields.
//!
//! ```text
//! 0   8  magic
//! 8   2  version
//! 10  4  length of the whole in bytes
//! 14     card's name, its fingerprint (8 bytes), then the fields of PlanSpec in their order
//! ```
//!
//! The rule: [`Plan::decode`] believes nothing. What it accepts has passed the same checks as a
//! policy, and encodes to the same bytes again; time and memory grow with the length of the
//! input and with nothing that is written in it.
//!
//! Not here: which field has which bytes (`fields`), and files.

mod error;
mod fields;
mod reader;

use error::VERSION;
use reader::{Encode, Reader};

pub use error::DecodeError;

use crate::prelude::*;
use crate::{Capabilities, Plan, PlanSpec};

/// What a plan's bytes begin with: no text, and broken by whatever changes line ends.
const MAGIC: [u8; 8] = *b"LGPLAN\r\n";
/// Where the length stands.
const LENGTH_AT: usize = MAGIC.len() + 2;

impl Plan {
    /// The most bytes that a plan is decoded from.
    pub const LONGEST_ENCODING: usize = 1 << 20;

    /// Whether `bytes` begin as a plan does; it may be broken all the same.
    pub fn is_encoded(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The plan in its one byte form.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.spec(), self.card())
    }

    /// The plan that [`Plan::encode`] makes `bytes` of. Nothing in them is believed: all that
    /// is derived is derived again, and all that a policy's check refuses is refused.
    ///
    /// # Errors
    /// [`DecodeError`], for every input that is not the encoding of a lawful plan on a card
    /// that this program knows.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let decoded = decode(bytes)?;
        Self::new(decoded.spec, decoded.card).map_err(|refusals| {
            let first = refusals.into_iter().next();
            first.map_or(DecodeError::NotAPlan, |first| DecodeError::Unlawful {
                first,
            })
        })
    }
}

/// The bytes of a specification, lawful or not.
fn encode(spec: &PlanSpec, card: &Capabilities) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    VERSION.put(&mut out);
    0_u32.put(&mut out);
    String::from(card.card).put(&mut out);
    card.fingerprint().put(&mut out);
    spec.put(&mut out);
    let length = (out.len() as u32).to_le_bytes();
    out[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length);
    out
}

/// A specification as it was read, lawful or not.
struct Decoded {
    spec: PlanSpec,
    card: &'static Capabilities,
}

fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if !Plan::is_encoded(bytes) {
        return Err(DecodeError::NotAPlan);
    }
    let mut reader = Reader::new(bytes);
    reader.skip(MAGIC.len())?;
    let found: u16 = reader.take()?;
    // First of all: another version may have anything behind it.
    if found != VERSION {
        return Err(DecodeError::Version { found });
    }
    if bytes.len() > Plan::LONGEST_ENCODING {
        return Err(DecodeError::TooLong);
    }
    let said: u32 = reader.take()?;
    if said as usize != bytes.len() {
        let found = bytes.len();
        return Err(DecodeError::Length { said, found });
    }
    let name: String = reader.take()?;
    let card = Capabilities::of(&name).ok_or(DecodeError::UnknownCard { card: name })?;
    if reader.take::<u64>()? != card.fingerprint() {
        return Err(DecodeError::OtherLimits { card: card.card });
    }
    let spec = reader.take()?;
    reader.end()?;
    Ok(Decoded { spec, card })
}

#[cfg(test)]
mod tests;
