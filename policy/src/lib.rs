//! From policy text to a plan.
//!
//! [`Policy::parse`] reads the text, [`Policy::check`] resolves its names and defaults and asks
//! [`lockgate_vmdq::Plan::new`] whether what comes out is lawful. The rule: nothing is decided
//! here that a plan's bytes could get round; what this crate adds is the text, and a line and a
//! column for every refusal.
//!
//! ```
//! use lockgate_policy::{Place, Policy};
//! use lockgate_vmdq::{Capabilities, Machine};
//!
//! let text = r#"
//! [nic]
//! device = "model:82576"
//!
//! [[partition]]
//! name = "a"
//! macs = ["02:00:00:00:00:01"]
//!
//! [[partition]]
//! name = "b"
//! macs = ["02:00:00:00:00:01"]
//! "#;
//! let machine = Machine { cores: vec![0, 1] };
//! let errors = Policy::parse(text)
//!     .unwrap()
//!     .check(&Capabilities::I82576, &machine)
//!     .unwrap_err();
//! let error = errors.first();
//! assert_eq!(
//!     error.to_string(),
//!     "partitions `a` and `b` both own 02:00:00:00:00:01 on the untagged segment"
//! );
//! assert_eq!(error.help(), "change one address or VLAN");
//! assert_eq!(Place::of(text, error.at), Place { line: 11, column: 9 });
//! ```
//!
//! Not here: what is lawful and what a frame may do (`lockgate-vmdq`), and printing.
#![forbid(unsafe_code)]

mod attach;
mod check;
mod device;
mod error;
mod parse;
mod policy;

pub use device::{Device, NotADevice};
pub use error::{Place, PolicyError, PolicyErrorKind, PolicyErrors};
pub use policy::{
    At, CoreList, Flow, Levels, MulticastList, Nic, Partition, Policy, Tx, WireSection,
};
