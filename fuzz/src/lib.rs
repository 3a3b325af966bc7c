//! What each fuzz target does with its bytes.
//!
//! The one rule: a target takes any bytes and may only return. What it calls may refuse
//! them; a panic, a loop without end and memory without bound are findings, and so is an
//! answer that contradicts itself.
//!
//! Not here: the fuzzer (`targets/`, one file for each), and starting it (`cargo xtask fuzz`).
//!
//! ```
//! lockgate_fuzz::policy(b"[nic]\ndevice = \"model:82576\"\n");
//! ```
#![forbid(unsafe_code)]

mod bytes;
mod capture;
mod descriptors;
mod lane;
mod plan;
mod policy;
mod vfio_user;

pub use capture::capture;
pub use descriptors::descriptors;
pub use lane::lane;
pub use plan::plan;
pub use policy::policy;
pub use vfio_user::vfio_user;
