//! Builds with a sanitizer in them, each in a target folder of its own.
//!
//! The toolchain has the sanitizers' runtimes and keeps their switches for nightlies, so
//! they are unlocked by `RUSTC_BOOTSTRAP`. The standard library is as it came, without
//! instrumentation: what it does to memory by itself is not watched, what of it is generic
//! or inlined is compiled with our crates and is.

use std::path::PathBuf;
use std::process::Command;

use lockgate_tests::machine;

use crate::checks::cargo;

/// Sanitizers need a target named, so that build scripts do without them.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A kind of instrumented build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// AddressSanitizer, and the coverage counters that a fuzzer steers by. Unit tests carry
    /// the counters as well, so that both share one build of every crate.
    Address,
    /// ThreadSanitizer.
    Thread,
    /// The crate `loom` in the place of the standard library's atomics.
    Loom,
}

impl Build {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
            Self::Loom => "loom",
        }
    }

    /// Where it is built.
    pub(crate) fn folder(self) -> PathBuf {
        machine::target().join(self.name())
    }

    fn flags(self) -> String {
        let flags: &[&str] = match self {
            Self::Address => &[
                "-Zsanitizer=address",
                "-Cpasses=sancov-module",
                "-Cllvm-args=-sanitizer-coverage-level=4",
                "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
                "-Cllvm-args=-sanitizer-coverage-pc-table",
                "-Cllvm-args=-sanitizer-coverage-trace-compares",
                "--cfg=fuzzing",
            ],
            // The standard library is not built with it, and need not be: what both sides call
            // is the same.
            Self::Thread => &[
                "-Zsanitizer=thread",
                "-Cunsafe-allow-abi-mismatch=sanitizer",
            ],
            Self::Loom => &["--cfg=loom"],
        };
        flags.join(" ")
    }

    /// Cargo with `subcommand`, in this kind of build.
    pub(crate) fn cargo(self, subcommand: &str) -> Command {
        let mut command = cargo();
        command.arg(subcommand);
        if self != Self::Loom {
            command.args(["--target", TARGET]);
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command.env("CARGO_TARGET_DIR", self.folder());
        command.env("RUSTFLAGS", self.flags());
        command.env("ASAN_OPTIONS", OPTIONS);
        command
    }
}

/// Leaks are not looked for: memory that a card may still reach is leaked on purpose.
pub(crate) const OPTIONS: &str = "detect_leaks=0";
