//! Lockgate beside its peers: what the benches share.
//!
//! Each bench is a program that prints a section of Markdown, which starts at the first
//! line with `## `; `cargo xtask bench` collects them. The rule: a figure stands beside
//! its peers' from the same run on the same cores, turn by turn, because a ratio means
//! something on a machine that others use too and a time alone does not. A peer that
//! this machine lacks is a row that says so.
//!
//! Not here: what is measured (`benches/`).

pub mod card;
pub mod channel;
pub mod contest;
#[expect(unsafe_code, reason = "the processor's clock, and peers written in C")]
pub mod ffi;
pub mod machine;
pub mod path;
pub mod recorded;
pub mod samples;
pub mod table;
pub mod traffic;
pub mod travel;
