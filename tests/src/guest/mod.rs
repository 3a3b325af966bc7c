//! A Linux guest that owns an emulated card through VFIO.

mod kernel;

pub use kernel::Kernel;
