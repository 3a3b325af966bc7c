//! Every unsafe line of the drivers.

mod pages;

pub use pages::Pages;
