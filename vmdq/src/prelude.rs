//! What `std` would bring into every file, for a crate without it, and `fmt`.

pub(crate) use alloc::boxed::Box;
pub(crate) use alloc::string::String;
pub(crate) use alloc::vec::Vec;
pub(crate) use alloc::{format, vec};
pub(crate) use core::fmt;
pub(crate) use core::str::FromStr;
