//! `bare`: the image without an operating system, in QEMU, frame by frame beside the oracle.
//!
//! Not here: the image (`examples/bare`), and steering and judging it, which a test shares
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
    let text = fs::read_to_string(&path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    let plan = bare::compile(&text).map_err(|reason| Error::Policy { path, reason })?;
    let mut bare = Bare::start(&image, Some(&plan), "igb")?;
    if bare.ready().is_err() {
        let ended = bare.wait()?;
        return Err(Error::Bare {
            problem: format!("the image ended before it was ready: {}", ended.console),
        });
    }
    let outcome = bare::drive(bare, &bare::scene(), &bare::steps())?;
    println!("{}", outcome.ended.console.trim_end());
    println!(
        "\n{:<5} {:<30} {:<24} {:<24}",
        "from", "frame", "oracle", "image"
    );
    for row in &outcome.rows {
        println!("{row}");
    }
    let wrong = outcome.rows.iter().filter(|row| !row.agrees).count();
    if wrong == 0 && outcome.ended.ending == Ending::Asked {
        return Ok(());
    }
    let ending = outcome.ended.ending;
    Err(Error::Bare {
        problem: format!("{wrong} rows are wrong, and the image ended so: {ending:?}"),
    })
}
