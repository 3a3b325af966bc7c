//! Builds the shim over DPDK, if the feature asks for it.
//!
//! The rule: without the feature nothing is looked for, so that the workspace builds on
//! a machine that has no DPDK.

fn main() {
    #[cfg(feature = "dpdk")]
    shim::build();
}

#[cfg(feature = "dpdk")]
mod shim {
    use std::process::Command;

    /// What the vector hash needs beyond DPDK's own flags. It is built with these, and
    /// its caller asks first whether this processor has the instructions.
    const VECTOR: [&str; 7] = [
        "-mgfni",
        "-mavx512f",
        "-mavx512bw",
        "-mavx512dq",
        "-mavx512vl",
        "-mavx512vbmi",
        "-DALLOW_EXPERIMENTAL_API",
    ];

    /// Files, and flags of their own.
    const FILES: [(&str, &[&str]); 2] = [("ring", &[]), ("hash", &VECTOR)];

    /// The two libraries that the shim calls; all others would be loaded for nothing.
    const LIBRARIES: [&str; 2] = ["rte_hash", "rte_ring"];

    pub(crate) fn build() {
        println!("cargo::rerun-if-changed=shim");
        let flags = pkg_config(&["--cflags", "libdpdk"]);
        for (name, own) in FILES {
            let mut build = cc::Build::new();
            build.opt_level(3).file(format!("shim/{name}.c"));
            for flag in flags.iter().map(String::as_str).chain(own.iter().copied()) {
                build.flag(flag);
            }
            // Of DPDK's headers, which are not ours to mend.
            build
                .flag("-Wno-unused-parameter")
                .flag("-Wno-sign-compare");
            build.compile(&format!("lockgate_{name}"));
        }
        for place in pkg_config(&["--libs-only-L", "libdpdk"]) {
            println!(
                "cargo::rustc-link-search=native={}",
                place.trim_start_matches("-L")
            );
        }
        for library in LIBRARIES {
            println!("cargo::rustc-link-lib=dylib={library}");
        }
    }

    fn pkg_config(arguments: &[&str]) -> Vec<String> {
        let found = Command::new("pkg-config").args(arguments).output();
        let found = found.expect("pkg-config starts: install it, or leave the feature out");
        assert!(
            found.status.success(),
            "install libdpdk-dev, or leave the feature out"
        );
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        text.split_whitespace().map(str::to_owned).collect()
    }
}
