//! `guest-bench`: Lockgate and DPDK's testpmd on QEMU's cards in a guest, by turns.
//!
//! The rule: both get the same frames over the same cable, round after round, and what is
//! printed are medians over the rounds, as a section of Markdown.
//!
//! Not here: what a turn is ([`lockgate_tests::judges::Race`]).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use clap::Args;
use lockgate_tests::judges::{Device, Figures, Kind, Race, SIZES, WINDOW};

use crate::error::Error;
use crate::setup::setup;

/// The most turns of either program that may fail on one card.
const MOST_FAILED: u32 = 2;

/// `cargo xtask guest-bench`.
#[derive(Args)]
pub(crate) struct GuestBenchArgs {
    /// The card in the guest; both without it
    #[arg(long, value_name = "CARD", value_parser = ["82574", "82576"])]
    card: Option<String>,
    /// How often each of the two has the card
    #[arg(long, default_value_t = Self::default().rounds, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Frames of each size that a turn counts
    #[arg(long, default_value_t = Self::default().frames)]
    frames: usize,
    /// Single frames of each size that a turn times
    #[arg(long, default_value_t = Self::default().trips, value_parser = at_least_one)]
    trips: usize,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "expected a count".to_owned())
}

impl Default for GuestBenchArgs {
    fn default() -> Self {
        Self {
            card: None,
            rounds: 3,
            frames: 20_000,
            trips: 20_000,
        }
    }
}

/// Runs every card and prints.
pub(crate) fn guest_bench(args: &GuestBenchArgs) -> Result<(), Error> {
    setup()?;
    println!("{}", section(args));
    Ok(())
}

/// What the cards come to, as a section of Markdown.
pub(crate) fn section(args: &GuestBenchArgs) -> String {
    let mut text = format!(
        "## In a guest, beside testpmd\n\n\
         Each sends every frame back with its addresses swapped, one core each, through VFIO on \
         an emulated card and emulated cores (QEMU, TCG): the figures compare costs, they are \
         no speed of a card. {WINDOW} frames in flight for frames per second, one for round \
         trips ({} a turn). Medians of {} alternating rounds; above 1 Lockgate is the better.\n",
        args.trips, args.rounds
    );
    for (name, device) in [("82576", Device::QEMU_IGB), ("82574", Device::QEMU_E1000E)] {
        if args.card.as_ref().is_none_or(|card| card == name) {
            text += &card(device, args);
        }
    }
    text
}

fn card(device: Device, args: &GuestBenchArgs) -> String {
    let name = device.name;
    let (mut turns, mut failed) = ([Vec::new(), Vec::new()], [0, 0]);
    let mut guest = None;
    for round in 1..=args.rounds {
        let sides = turns.iter_mut().zip(&mut failed);
        for (kind, (turns, failed)) in [Kind::Lockgate, Kind::Testpmd].into_iter().zip(sides) {
            let figures = turn(&mut guest, &device, kind, args, failed);
            let medians: Vec<_> = figures
                .trips
                .iter()
                .map(|trips| micros(trips, 0.5))
                .collect();
            eprintln!(
                "{name}, round {round}: {kind:?} {:.0?} frames/s, round trip p50 {medians:.1?} µs",
                figures.rates
            );
            turns.push(figures);
        }
    }
    let mut text = format!("\n### {name}\n\n| | lockgate | testpmd | ratio |\n|---|--:|--:|--:|\n");
    for (at, size) in SIZES.into_iter().enumerate() {
        let [ours, theirs] = turns.each_ref().map(|turns| median(turns, |t| t.rates[at]));
        let ratio = ours / theirs;
        text += &format!(
            "| {size} B, frames/s there and back | {ours:.0} | {theirs:.0} | {ratio:.2} |\n"
        );
    }
    let [ours, theirs] = turns
        .each_ref()
        .map(|turns| turns.iter().map(|t| t.lost).sum::<usize>());
    text += &format!("| frames lost in all rounds | {ours} | {theirs} | |\n");
    let [ours, theirs] = failed;
    text += &format!("| turns that failed and were repeated | {ours} | {theirs} | |\n");
    for (at, size) in SIZES.into_iter().enumerate() {
        for (what, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let trip = |figures: &Figures| micros(&figures.trips[at], share);
            let [ours, theirs] = turns.each_ref().map(|turns| median(turns, trip));
            let ratio = theirs / ours;
            text += &format!(
                "| {size} B, round trip {what}, µs | {ours:.1} | {theirs:.1} | {ratio:.2} |\n"
            );
        }
    }
    text
}

/// One turn in `guest`, which is booted where there is none; once more in a new one where it
/// fails, since QEMU 10.0 at times ends in an assertion when the card changes hands.
fn turn(
    guest: &mut Option<Race>,
    device: &Device,
    kind: Kind,
    args: &GuestBenchArgs,
    failed: &mut u32,
) -> Figures {
    loop {
        let race = guest.get_or_insert_with(|| Race::boot(device.clone()));
        let turn = AssertUnwindSafe(|| race.turn(kind, args.frames, args.trips));
        match catch_unwind(turn) {
            Ok(figures) => return figures,
            Err(panic) if *failed == MOST_FAILED => resume_unwind(panic),
            Err(_) => (*failed, *guest) = (*failed + 1, None),
        }
    }
}

/// The value below which `share` of sorted `times` lie, in microseconds.
fn micros(times: &[Duration], share: f64) -> f64 {
    let last = times.len().saturating_sub(1);
    let at = (times.len() as f64 * share) as usize;
    times
        .get(at.min(last))
        .map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn median(turns: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = turns.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_of_the_right_place() {
        let turn = |rate| Figures {
            rates: vec![rate],
            ..Figures::default()
        };
        let rates = |turns: &[Figures]| median(turns, |turn| turn.rates[0]);
        assert_eq!(rates(&[turn(9.0), turn(1.0), turn(2.0)]), 2.0);
        assert_eq!(rates(&[turn(9.0), turn(1.0)]), 5.0);
        let times: Vec<_> = (1..=1000).map(Duration::from_micros).collect();
        assert_eq!(micros(&times, 0.5).round(), 501.0);
        assert_eq!(micros(&times, 0.999).round(), 1000.0);
    }
}
