//! `bare`: the image without an operating system, in QEMU.
//!
//! Not here: the image (`examples/bare`), and starting it, which a test shares
//! ([`lockgate_tests::bare`]).

use std::fs;

use lockgate_tests::bare::{self, Bare, Ending};

use crate::error::Error;
use crate::setup;

pub(crate) fn bare() -> Result<(), Error> {
    setup::tools()?;
    let image = bare::build().map_err(|source| Error::Start {
        command: "cargo build, in examples/bare,".into(),
        source,
    })?;
    let path = bare::policy();
    let policy = fs::read(&path).map_err(|source| Error::File { path, source })?;
    let mut bare = Bare::start(&image, Some(&policy), "igb")?;
    let ended = match bare.ready() {
        Ok(()) => bare.quit()?,
        Err(_) => bare.wait()?,
    };
    println!("{}", ended.console.trim_end());
    match ended.ending {
        Ending::Asked => Ok(()),
        ending => Err(Error::Bare {
            problem: format!("the image ended so: {ending:?}"),
        }),
    }
}
