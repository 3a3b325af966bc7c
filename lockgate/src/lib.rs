//! Lockgate's data plane: workers, supervisor and the command line.
//!
//! The library holds everything that the binary `lockgate` does, so that tests can
//! reach it; `main` only dispatches and prints.
//!
//! Not here: policies (`lockgate-vmdq`), cards (`lockgate-drivers`), the model
//! (`lockgate-nicmodel`).
#![forbid(unsafe_code)]

pub mod atomic_file;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod endpoints;
pub mod error;
pub mod model;
pub mod pci;
pub mod report;
pub mod snapshot;
pub mod source;
pub mod supervisor;
pub mod terminal;
pub mod wiring;
