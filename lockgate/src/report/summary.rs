//! The summary that ends a run, for a person.
//!
//! Who got what, what was dropped and why, how long it took, and the account of
//! every frame. Figures of the built-in model carry the word "model".
//!
//! Not here: the same for programs ([`crate::report`]).

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::report::table::{Align, Table};
use crate::report::{Drops, PartitionReport, Report};
use crate::terminal;

/// Writes the summary of `report` to `out`, in colour if standard output takes it.
///
/// # Errors
/// Those of `out`.
pub fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    out.write_all(text(report, terminal::wants_colour()).as_bytes())
}

/// The summary of `report`.
pub fn text(report: &Report, colour: bool) -> String {
    let style = Style { colour };
    let mut text = title(report, style);
    for lines in [traffic(report), queues(report), drops(report)] {
        push_block(&mut text, style, &lines);
    }
    text.push('\n');
    text.push_str(&account(report, style));
    text
}

fn title(report: &Report, style: Style) -> String {
    let device = style.bold(&report.device);
    let seconds = report.elapsed_s;
    if report.is_model() {
        format!("{device}: {seconds:.3} s of the model, which is not the speed of a card\n")
    } else {
        format!("{device}: {seconds:.3} s\n")
    }
}

/// An empty line, a bold heading, the rest; nothing for a heading alone.
fn push_block(text: &mut String, style: Style, lines: &[String]) {
    if let [heading, rows @ ..] = lines
        && !rows.is_empty()
    {
        let _ = write!(text, "\n{}\n", style.bold(heading));
        for row in rows {
            let _ = writeln!(text, "{row}");
        }
    }
}

fn traffic(report: &Report) -> Vec<String> {
    let latency = match report.is_model() {
        true => "model latency p50",
        false => "latency p50",
    };
    let mut table = Table::new(&[
        ("partition", Align::Left),
        ("level", Align::Left),
        ("received", Align::Right),
        ("bytes", Align::Right),
        ("sent", Align::Right),
        ("bytes", Align::Right),
        (latency, Align::Right),
        ("p99", Align::Right),
        ("max", Align::Right),
    ]);
    for partition in &report.partitions {
        let times = &partition.latency_ns;
        // Without a frame, or without a lane: what is reflected is not waited for.
        let time = |ns| match times.max {
            0 => "-".to_owned(),
            _ => duration(ns),
        };
        table.row([
            partition.name.clone(),
            partition.level.clone().unwrap_or("-".to_owned()),
            count(partition.rx_frames),
            bytes(partition.rx_bytes),
            count(partition.tx_frames),
            bytes(partition.tx_bytes),
            time(times.p50),
            time(times.p99),
            time(times.max),
        ]);
    }
    let wire = &report.wire;
    table.row([
        "(wire)".to_owned(),
        String::new(),
        count(wire.rx_frames),
        bytes(wire.rx_bytes),
        count(wire.tx_frames),
        bytes(wire.tx_bytes),
    ]);
    table.lines()
}

/// Only partitions with more than one queue have something to tell.
fn queues(report: &Report) -> Vec<String> {
    let spread = |partition: &&PartitionReport| partition.queues.len() > 1;
    let mut table = Table::new(&[("partition", Align::Left), ("frames by queue", Align::Left)]);
    for partition in report.partitions.iter().filter(spread) {
        let frames: Vec<_> = partition
            .queues
            .iter()
            .enumerate()
            .map(|(queue, counts)| format!("{queue}: {}", count(counts.rx_frames)))
            .collect();
        // Sixteen queues do not fit one line.
        for (n, frames) in frames.chunks(4).enumerate() {
            let name = if n == 0 { &partition.name } else { "" };
            table.row([name.to_owned(), frames.join("   ")]);
        }
    }
    table.lines()
}

fn drops(report: &Report) -> Vec<String> {
    let mut table = Table::new(&[
        ("dropped from", Align::Left),
        ("frames", Align::Right),
        ("reason", Align::Left),
        ("", Align::Left),
    ]);
    let places = report
        .partitions
        .iter()
        .map(|partition| (partition.name.as_str(), &partition.drops));
    for (place, drops) in [("(wire)", &report.wire.drops)].into_iter().chain(places) {
        for (reason, frames) in largest_first(drops) {
            table.row([place, &count(frames), reason, explain(reason)]);
        }
    }
    table.lines()
}

fn largest_first(drops: &Drops) -> Vec<(&'static str, u64)> {
    let mut drops: Vec<_> = drops
        .iter()
        .map(|(reason, frames)| (*reason, *frames))
        .filter(|(_, frames)| *frames > 0)
        .collect();
    drops.sort_by_key(|(_, frames)| std::cmp::Reverse(*frames));
    drops
}

fn explain(reason: &str) -> &'static str {
    match reason {
        "runt" => "shorter than an Ethernet header",
        "oversize" => "longer than the mtu allows",
        "control-frame" => "pause and other MAC control stays outside",
        "unknown-vlan" => "no partition is on that VLAN",
        "unknown-mac" => "nobody there takes the address",
        "not-permitted" => "its owner may not receive from the wire",
        "spoofed-mac" => "the source address is not its own",
        "foreign-vlan" => "the VLAN is not its own",
        "flow-denied" => "no flow lets it go there",
        "ring-full" => "not fetched in time",
        "link-down" => "the wire took nothing: its link was down",
        _ => "",
    }
}

fn account(report: &Report, style: Style) -> String {
    let accounts = &report.accounts;
    let sum = format!(
        "{} received = {} delivered + {} dropped",
        count(accounts.received),
        count(accounts.delivered),
        count(accounts.dropped),
    );
    let copies = match accounts.copies {
        0 => String::new(),
        copies => format!(", and {} more copies delivered", count(copies)),
    };
    if accounts.balance() {
        format!("every frame accounted for: {sum}{copies}\n")
    } else {
        let words = format!("the account does not balance: {sum}");
        format!("{}\n", style.red(&words))
    }
}

/// Thousands apart: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three figures and a unit: `345 B`, `12.3 kB`.
fn bytes(n: u64) -> String {
    scaled(n, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// Three figures and a unit: `345 ns`, `12.3 µs`.
pub(crate) fn duration(ns: u64) -> String {
    scaled(ns, &["ns", "µs", "ms", "s"])
}

fn scaled(n: u64, units: &[&str]) -> String {
    let mut value = n as f64;
    let mut unit = 0;
    // 999.5 would print as four figures.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit_name = units.get(unit).copied().unwrap_or_default();
    let places = match value {
        _ if unit == 0 || value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.places$} {unit_name}")
}

#[derive(Clone, Copy)]
struct Style {
    colour: bool,
}

impl Style {
    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Accounts, Latency, QueueReport, WireReport};

    fn report() -> Report {
        let secret = PartitionReport {
            name: "secret".to_owned(),
            level: Some("secret".to_owned()),
            rx_frames: 1_234,
            rx_bytes: 1_234_567,
            tx_frames: 7,
            tx_bytes: 420,
            drops: Drops::from([("flow-denied", 3), ("ring-full", 0)]),
            queues: vec![
                QueueReport { rx_frames: 1_000 },
                QueueReport { rx_frames: 234 },
            ],
            latency_ns: Latency {
                p50: 870,
                p90: 900,
                p99: 12_345,
                p999: 99_999,
                max: 1_000_000,
            },
        };
        Report {
            schema: Report::SCHEMA,
            device: "model:82576".to_owned(),
            elapsed_s: 0.5,
            wire: WireReport {
                rx_frames: 1_300,
                drops: Drops::from([("unknown-mac", 66)]),
                ..WireReport::default()
            },
            partitions: vec![secret],
            accounts: Accounts {
                received: 1_310,
                delivered: 1_241,
                dropped: 69,
                copies: 0,
            },
        }
    }

    #[test]
    fn a_summary_says_who_got_what_what_was_dropped_and_that_it_adds_up() {
        let expected = "\
model:82576: 0.500 s of the model, which is not the speed of a card

  partition  level   received    bytes  sent  bytes  model latency p50      p99      max
  secret     secret     1,234  1.23 MB     7  420 B             870 ns  12.3 µs  1.00 ms
  (wire)                1,300      0 B     0    0 B

  partition  frames by queue
  secret     0: 1,000   1: 234

  dropped from  frames  reason
  (wire)            66  unknown-mac  nobody there takes the address
  secret             3  flow-denied  no flow lets it go there

every frame accounted for: 1,310 received = 1,241 delivered + 69 dropped
";
        assert_eq!(text(&report(), false), expected);
        assert!(expected.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn figures_of_a_card_do_not_carry_the_word_model() {
        let mut report = report();
        report.device = "0000:03:00.0".to_owned();
        assert!(!text(&report, false).contains("model"));
    }

    #[test]
    fn an_account_that_does_not_balance_says_so() {
        let mut report = report();
        report.accounts.delivered -= 1;
        assert!(text(&report, false).contains("the account does not balance"));
    }

    #[test]
    fn every_reason_is_explained() {
        for reason in lockgate_vmdq::Reason::ALL {
            assert_ne!(explain(reason.name()), "", "{}", reason.name());
        }
    }

    #[test]
    fn numbers_keep_three_figures() {
        for (n, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_999, "10.0 µs"),
            (99_950, "100 µs"),
            (999_999, "1.00 ms"),
            (u64::MAX, "18446744074 s"),
        ] {
            assert_eq!(duration(n), text);
        }
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123), "123");
    }
}
