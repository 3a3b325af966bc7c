//! The commands, and what they share: a policy that has been read, the card it is
//! for, and the machine it runs on.
//!
//! Each command is a function from its arguments to what it prints or the
//! [`Failure`] it ends with. Not here: words into arguments ([`crate::cli`]).

pub mod bench;
pub mod check;
pub mod compile;
mod console;
mod describe;
mod inputs;
mod loaded;
pub mod nic;
pub mod plan;
mod reflect;
mod residual;
pub mod rss;
pub mod run;

pub use loaded::{LoadedPolicy, load};

use crate::cli::Command;
use crate::error::Failure;
use crate::terminal;

/// Does what was asked for.
///
/// # Errors
/// Whatever the command ends with.
pub fn execute(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Bench(command) => terminal::print(&bench::bench(command)?),
        Command::Check(args) => terminal::print(&check::check(args)?),
        Command::Compile(args) => terminal::print(&compile::compile(args)?),
        Command::Plan(args) => terminal::print(&plan::plan(args)?),
        Command::Nic(command) => terminal::print(&nic::nic(command)?),
        Command::Rss(args) => terminal::print(&rss::rss(args)?),
    }
}
