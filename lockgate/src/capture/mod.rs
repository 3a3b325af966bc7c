//! Captures: pcapng files that a run writes, pcap and pcapng files that it replays.
//!
//! A capture that is written is whole under its name or not there; one that is replayed
//! is checked from end to end before anything starts.
//!
//! Not here: which frames are captured or replayed ([`crate::endpoints`]).

pub mod replay;
pub mod writer;
