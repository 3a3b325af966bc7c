//! The program: one Intel network card, cut into partitions under a policy.
//!
//! The library holds everything that the binary `lockgate` does, so that tests can
//! reach it; `main` only dispatches and prints. From outside to inside:
//!
//! - [`commands`]: a function for each command, from its arguments to what it prints;
//! - [`supervisor`]: a [`Session`](supervisor::Session), which is one card under one plan;
//! - [`wiring`]: whose lane is whose; [`endpoints`]: what sits at the far ends of lanes;
//! - [`snapshot`]: what a session has done so far; [`report`]: the same for people and
//!   programs; [`capture`]: files that are replayed and written.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use lockgate::endpoints::Sources;
//! use lockgate::supervisor::{Event, Options, Session, StopRequest};
//! use lockgate_nicmodel::Model;
//! use lockgate_policy::Policy;
//! use lockgate_vmdq::{Capabilities, Machine};
//!
//! let policy = Policy::parse(
//!     r#"
//!     [nic]
//!     device = "model:82576"
//!     workers = [0]
//!     [[partition]]
//!     name = "red"
//!     macs = ["02:00:00:00:00:01"]
//!     "#,
//! )?;
//! let plan = Arc::new(policy.check(&Capabilities::I82576, &Machine { cores: vec![0, 1] })?);
//!
//! let model = Model::i82576();
//! let options = Options {
//!     device: "model:82576".to_owned(),
//!     model: Some(model.clone()),
//!     alarm: None,
//!     sources: Sources::default(),
//!     captures: None,
//!     duration: None,
//!     stop: StopRequest::new()?,
//! };
//! let session = Session::start(plan, model.card(), options)?;
//! while !matches!(session.events().recv()?, Event::Ready { .. }) {}
//!
//! // A broadcast from outside, which everybody takes who is not asked otherwise.
//! let mut frame = [[0xff; 6], [2, 0, 0, 0, 0, 0xee]].concat();
//! frame.resize(60, 0);
//! model.receive(&frame);
//! while session.snapshot().partitions[0].rx.frames == 0 {
//!     std::thread::yield_now();
//! }
//!
//! session.request_stop();
//! let report = session.wait()?.report()?;
//! assert_eq!(report.partitions[0].rx_frames, 1);
//! # Ok(())
//! # }
//! ```
//!
//! Not here: policies (`lockgate-policy`), plans (`lockgate-vmdq`), cards
//! (`lockgate-drivers`), what a worker does with a frame (`lockgate-dataplane`), the models
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
