//! Lockgate's data plane: workers, supervisor and the command line.
//!
//! The library holds everything that the binary `lockgate` does, so that tests can
//! reach it; `main` only dispatches and prints.
//!
//! Not here: policies (`lockgate-vmdq`), cards (`lockgate-drivers`), the model
//! (`lockgate-nicmodel`).
#![forbid(unsafe_code)]

pub mod capture;
pub mod cli;
pub mod commands;
pub mod cores;
pub mod draft;
pub mod edge;
pub mod error;
pub mod fabric;
pub mod pci;
pub mod plot;
pub mod replay;
pub mod report;
pub mod runtime;
pub mod source;
pub mod summary;
pub mod table;
pub mod tally;
pub mod terminal;
