//! Drivers for Intel controllers.

pub mod device;
pub mod sys;
