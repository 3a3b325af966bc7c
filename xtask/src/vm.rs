//! `vm`: one policy on one of QEMU's cards in a guest, and on the model, side by side.
//!
//! Not here: the two runs and their comparison, which tests share
//! ([`lockgate_tests::guest`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use lockgate_tests::guest::compare::{Row, Verdict, compare};
use lockgate_tests::guest::run::{CardKind, Outcome, Request, in_guest, on_model};
use lockgate_tests::machine;

use crate::error::Error;
use crate::setup::setup;

/// `cargo xtask vm`.
#[derive(Args)]
pub(crate) struct VmArgs {
    /// Policy file
    policy: PathBuf,
    /// The card in the guest: QEMU's own, or the 82599 that `lockgate-nicmodel` serves
    #[arg(long, value_name = "CARD", default_value = "82576", value_parser = ["82574", "82576", "82599"])]
    card: String,
    /// Frames to replay, as `lockgate run` takes them; `wire` goes over the cable
    #[arg(long, value_name = "SOURCE=FILE", value_parser = parse_replay)]
    replay: Vec<(String, PathBuf)>,
    /// Write the captures of the guest into this folder
    #[arg(long, value_name = "DIR")]
    capture_dir: Option<PathBuf>,
    /// Write the counters of the guest as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
}

fn parse_replay(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((source, file)) if !source.is_empty() && !file.is_empty() => {
            Ok((source.into(), file.into()))
        }
        _ => Err("expected SOURCE=FILE".into()),
    }
}

pub(crate) fn vm(args: VmArgs) -> Result<(), Error> {
    setup()?;
    let lockgate = machine::build_lockgate().map_err(|source| Error::Start {
        command: "cargo build --release".into(),
        source,
    })?;
    let card = match args.card.as_str() {
        "82574" => CardKind::I82574,
        "82599" => CardKind::I82599,
        _ => CardKind::I82576,
    };
    let request = Request {
        lockgate,
        policy: args.policy,
        replays: args.replay,
        card,
    };
    // The model first: it is quick, and what is wrong with the policy shows here.
    let patience = Duration::from_secs(args.timeout);
    let model = on_model(&request, Instant::now() + patience)?;
    if model.status != 0 {
        eprintln!("{}", model.log.trim_end());
        return Err(Error::Status {
            place: "on the model",
            status: model.status,
        });
    }
    let begun = Instant::now();
    let guest = in_guest(&request, begun + patience)?;
    eprintln!("{}", guest.log);
    print!("{}", guest.summary);
    if let Some(folder) = &args.capture_dir {
        save_captures(&guest, folder)?;
    }
    if let Some(file) = &args.report {
        copy(&guest.folder.path().join("report.json"), file)?;
    }
    if guest.status != 0 {
        return Err(Error::Status {
            place: "in the guest",
            status: guest.status,
        });
    }
    let rows = compare(&guest, &model)?;
    println!(
        "\nthe guest against the model, after {:.1} s in QEMU:",
        begun.elapsed().as_secs_f64()
    );
    report(&rows)
}

fn report(rows: &[Row]) -> Result<(), Error> {
    let mut different = Vec::new();
    for row in rows {
        println!("  {row}");
        if matches!(row.verdict, Verdict::Different(_)) {
            different.push(row.name.as_str());
        }
    }
    if different.is_empty() {
        return Ok(());
    }
    Err(Error::Difference {
        captures: different.join(", "),
    })
}

fn save_captures(guest: &Outcome, folder: &Path) -> Result<(), Error> {
    let error = |source| Error::File {
        path: folder.into(),
        source,
    };
    fs::create_dir_all(folder).map_err(error)?;
    for entry in fs::read_dir(guest.folder.path()).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|ending| ending == "pcapng") {
            copy(&path, &folder.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(drop).map_err(|source| Error::File {
        path: to.into(),
        source,
    })
}
