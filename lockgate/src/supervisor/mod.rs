//! The supervisor: one card under one plan, brought up, watched, served and taken down.
//!
//! A [`Session`] is started and then lives in threads of its own: the supervisor's, which
//! serves endpoints and looks after the card, and one for each worker. From outside it is
//! seen through [`Session::snapshot`] and [`Session::events`], and ended through a
//! [`StopRequest`]. Nothing of a running session is borrowed from whoever started it.
//!
//! Not here: what a worker does (`lockgate_dataplane`), what the far ends do
//! ([`crate::endpoints`]), where the options come from ([`crate::commands`]).

mod card;
pub mod control;
mod event_loop;
mod figures;
mod hugepages;
mod run;
mod session;
mod shut_lanes;
mod stop;
pub mod worker_loop;

use std::io;

use crate::error::Failure;

pub use event_loop::{Child, EventLoop, Ready};
pub use session::{Ending, Event, Options, Outcome, Session};
pub use stop::StopRequest;

fn no_thread(error: &io::Error) -> Failure {
    let help = "raise the limit on processes (`ulimit -u`, or the container's)";
    Failure::running(format!("cannot start a worker: {error}"), help)
}
