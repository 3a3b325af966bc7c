//! Key and indirection table of RSS, which all families lay out alike.
//!
//! The function that sets them has its inverse beside it, for `read_back`.
//!
//! Source: datasheets of 82574, 82576 and 82599, chapters on RSS and registers. Not here: which
//! kinds of hash a field of MRQC turns on (the families).

use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::common::*;
use lockgate_rss::{HashKind, HashKinds, Key};
use lockgate_vmdq::RssPlan;

use crate::access::{RegisterWrite, Registers};
use crate::error::Error;

/// Key and indirection table of `rss`; a queue's number is at bit `shift` of its entry.
pub(crate) fn rss_settings(rss: &RssPlan, shift: u32) -> Vec<RegisterWrite> {
    let mut settings = Vec::new();
    for (at, bytes) in HashKeyWord::all().zip(rss.key.bytes().as_chunks().0) {
        settings.push(RegisterWrite::new(
            at,
            Rssrk::new(u32::from_le_bytes(*bytes)),
        ));
    }
    for (at, queues) in RetaWord::all().zip(rss.table.as_chunks().0) {
        let entries = queues.map(|queue| queue << shift);
        settings.push(RegisterWrite::new(
            at,
            Reta::from(u32::from_le_bytes(entries)),
        ));
    }
    settings
}

/// What the registers hold of what [`spread`] sets, for `kinds`.
pub(crate) fn read_rss(
    registers: &Registers,
    kinds: HashKinds,
    shift: u32,
) -> Result<RssPlan, Error> {
    let mut key = [0; Key::BYTES];
    let words = registers.read_all::<Rssrk>()?;
    for (bytes, word) in key.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.get().to_le_bytes();
    }
    let entries = registers.read_all::<Reta>()?.into_iter().map(u32::from);
    let table = entries
        .flat_map(u32::to_le_bytes)
        .map(|entry| entry >> shift)
        .collect();
    Ok(RssPlan {
        key: Key::new(key),
        kinds,
        table,
    })
}

/// The kinds whose fields, as `fields` sets them, are all in `mrqc`.
pub(crate) fn kinds_of<Mrqc: Into<u32>>(
    mrqc: Mrqc,
    fields: impl Fn(HashKinds) -> Mrqc,
) -> HashKinds {
    let mrqc = mrqc.into();
    let is_set = |kind: &HashKind| {
        let own = fields(HashKinds::NONE.with(*kind)).into();
        own != 0 && mrqc & own == own
    };
    let kinds = HashKind::ALL.into_iter().filter(is_set);
    kinds.fold(HashKinds::NONE, HashKinds::with)
}
