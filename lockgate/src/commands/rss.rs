//! `lockgate rss`: which receive queue a flow is steered to.
//!
//! The same hash, key and table as the card's and the worker's, for one tuple given
//! by hand. Not here: hashing (`lockgate-rss`).

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use lockgate_rss::{HashKind, Input, Key, Table, Toeplitz};

use crate::cli::RssArgs;
use crate::error::Failure;

/// Entries of the indirection table, on 82574, 82576 and 82599 alike.
const TABLE_ENTRIES: usize = 128;

/// The hash of the tuple, its kind, its table entry and its queue.
///
/// # Errors
/// A usage failure when key or tuple are not well formed.
pub fn rss(args: &RssArgs) -> Result<String, Failure> {
    let key: Key = args.key.parse().map_err(|error: lockgate_rss::KeyError| {
        Failure::usage(
            format!("--key: {error}"),
            "write microsoft, symmetric or 80 hex digits",
        )
    })?;
    let input = parse_tuple(&args.tuple.join(" "))?;
    let hash = Toeplitz::new(&key).hash_of(&input);
    let table = Table::round_robin(TABLE_ENTRIES, args.queues);
    let index = hash.value as usize % table.len();
    Ok(format!(
        "hash   {:#010x}\nkind   {}\nentry  {index} of {}\nqueue  {} of {}\n",
        hash.value,
        hash.kind,
        table.len(),
        table.queue(hash.value),
        args.queues,
    ))
}

/// Reads `tcp ADDRESS:PORT > ADDRESS:PORT`, `udp` likewise, or `ip ADDRESS > ADDRESS`.
fn parse_tuple(text: &str) -> Result<Input, Failure> {
    let apart = text.replace("->", " ").replace('>', " ");
    let words: Vec<_> = apart.split_whitespace().collect();
    match words[..] {
        ["tcp", from, to] => ports(from, to, HashKind::Ipv4Tcp, HashKind::Ipv6Tcp),
        ["udp", from, to] => ports(from, to, HashKind::Ipv4Udp, HashKind::Ipv6Udp),
        ["ip", from, to] => addresses(from, to),
        ["tcp" | "udp" | "ip", _] => Err(wrong(
            "the tuple has one end only",
            "quote it, or the shell takes `>` for itself",
        )),
        _ => Err(wrong(
            format!("`{text}` is not a tuple"),
            "write for example 'tcp 66.9.149.187:2794 > 161.142.100.80:1766', \
             'udp [2001:db8::1]:53 > [2001:db8::2]:99' or 'ip 192.0.2.1 > 192.0.2.2'",
        )),
    }
}

fn ports(from: &str, to: &str, v4: HashKind, v6: HashKind) -> Result<Input, Failure> {
    let read = |text| {
        end::<SocketAddr>(
            text,
            "an address with a port, such as 192.0.2.1:80 or [2001:db8::1]:80",
        )
    };
    let (from, to) = (read(from)?, read(to)?);
    let ports = Some((from.port(), to.port()));
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Ok(Input::v4(from, to, ports, v4)),
        (IpAddr::V6(from), IpAddr::V6(to)) => Ok(Input::v6(from, to, ports, v6)),
        _ => Err(mixed()),
    }
}

fn addresses(from: &str, to: &str) -> Result<Input, Failure> {
    let read = |text: &str| {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        end::<IpAddr>(
            bare.unwrap_or(text),
            "an address without a port, such as 192.0.2.1",
        )
    };
    match (read(from)?, read(to)?) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Ok(Input::v4(from, to, None, HashKind::Ipv4)),
        (IpAddr::V6(from), IpAddr::V6(to)) => Ok(Input::v6(from, to, None, HashKind::Ipv6)),
        _ => Err(mixed()),
    }
}

fn end<T: FromStr>(text: &str, expected: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| {
        wrong(
            format!("`{text}` is no end of this flow"),
            format!("write {expected}"),
        )
    })
}

fn mixed() -> Failure {
    wrong(
        "one end is IPv4 and the other IPv6",
        "give both ends of one packet",
    )
}

fn wrong(message: impl Display, help: impl Display) -> Failure {
    Failure::usage(message.to_string(), help.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(queues: u8, tuple: &[&str]) -> Result<String, Failure> {
        rss(&RssArgs {
            key: "microsoft".to_owned(),
            queues,
            tuple: tuple.iter().map(|word| (*word).to_owned()).collect(),
        })
    }

    // Expected hashes: Microsoft, "Verifying the RSS Hash Calculation".
    #[test]
    fn the_published_vectors_come_out() {
        for (tuple, hash, kind) in [
            (
                "tcp 66.9.149.187:2794 > 161.142.100.80:1766",
                "0x51ccc178",
                "ipv4-tcp",
            ),
            ("ip 66.9.149.187 > 161.142.100.80", "0x323e8fc2", "ipv4"),
            (
                "tcp [3ffe:2501:200:1fff::7]:2794 > [3ffe:2501:200:3::1]:1766",
                "0x40207d3d",
                "ipv6-tcp",
            ),
            (
                "ip 3ffe:2501:200:1fff::7 > [3ffe:2501:200:3::1]",
                "0x2cc18cd5",
                "ipv6",
            ),
        ] {
            let text = print(4, &[tuple]).unwrap();
            let start = format!("hash   {hash}\nkind   {kind}\n");
            assert!(text.starts_with(&start), "{tuple}: {text}");
        }
    }

    #[test]
    fn the_queue_is_the_entry_of_the_low_seven_bits() {
        let tuple = "udp 66.9.149.187:2794 > 161.142.100.80:1766";
        let text = print(16, &[tuple]).unwrap();
        assert!(
            text.ends_with("entry  120 of 128\nqueue  8 of 16\n"),
            "{text}"
        );
    }

    #[test]
    fn a_tuple_may_come_as_one_word_or_as_several() {
        let one = print(2, &["ip 1.2.3.4 > 5.6.7.8"]).unwrap();
        for words in [
            &["ip", "1.2.3.4", ">", "5.6.7.8"][..],
            &["ip", "1.2.3.4->5.6.7.8"],
        ] {
            assert_eq!(print(2, words).unwrap(), one);
        }
    }

    #[test]
    fn what_is_no_tuple_is_refused_with_an_example() {
        for tuple in [
            "sctp 1.2.3.4:5 > 5.6.7.8:9",
            "tcp 1.2.3.4 > 5.6.7.8",
            "tcp 1.2.3.4:5 > 5.6.7.8:70000",
            "ip 1.2.3.4:5 > 5.6.7.8:9",
            "tcp 2001:db8::1:5 > 2001:db8::2:9",
            "ip 1.2.3.4 > 2001:db8::1",
            "tcp 1.2.3.4:5",
            "ip 1.2.3.4 > 5.6.7.8 > 9.9.9.9",
            ">",
        ] {
            let failure = print(1, &[tuple]).unwrap_err();
            assert_eq!(failure.status(), 2, "{tuple}");
            assert!(failure.help().is_some());
        }
    }
}
