//! Policy text to [`Policy`].
//!
//! Each function reads one table. What the policy calls unknown, missing or
//! malformed stops the reading at its place; what contradicts something else is
//! left to `check`.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use lockgate_rss::{HashKind, HashKinds, Key};
use toml::de::DeTable;

use crate::error::{PolicyError, PolicyErrorKind as Kind};
use crate::frame::Segment;
use crate::item::{Item, Section, Text};
use crate::mac::Mac;
use crate::partition::{Attach, Multicast, Rss, Tx, Wire};
use crate::policy::{At, Flow, Nic, Partition, Place, Policy, WireSource};

type Read<T> = Result<T, PolicyError>;

/// Longest policy, in bytes; finding the place of an item scans what is before it.
const LONGEST: usize = 256 * 1024;

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// The first item that is not TOML, not known or not well formed.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let start = Place { line: 1, column: 1 };
        if text.len() > LONGEST {
            return Err(Kind::TooLong { limit: LONGEST }.at(start));
        }
        let text = Text(text);
        let root = DeTable::parse(text.0).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            Kind::Syntax(error.message().into()).at(text.place(at))
        })?;
        let known = ["nic", "levels", "partition", "wire", "flow"];
        let root = Section::new("the policy", root.get_ref(), text, start, &known)?;
        Ok(Self {
            nic: nic(&root.need("nic")?)?,
            levels: root
                .get("levels")
                .map_or(Ok(Vec::new()), |item| levels(&item))?,
            partitions: tables(&root, "partition", partition)?,
            wire: root
                .get("wire")
                .map_or(Ok(WireSource::default()), |item| wire(&item))?,
            flows: tables(&root, "flow", flow)?,
        })
    }
}

fn tables<T>(root: &Section, key: &'static str, read: fn(&Item) -> Read<T>) -> Read<Vec<T>> {
    let Some(item) = root.get(key) else {
        return Ok(Vec::new());
    };
    let expected = || item.not("a list of tables, each headed by the name in double brackets");
    item.items()
        .ok_or_else(expected)?
        .map(|item| read(&item))
        .collect()
}

fn nic(item: &Item) -> Read<Nic> {
    let table = item.table("[nic]", &["device", "mtu", "workers"])?;
    let device = "\"model:82574\", \"model:82576\", \"model:82599\" or a PCI address such as \"0000:03:00.0\"";
    Ok(Nic {
        device: table.need("device")?.word(device, parsed)?,
        // The largest length field of a card has 16 bits, headers included.
        mtu: table.or("mtu", 1500, |item| item.number(68..=u16::MAX - 22))?,
        workers: table.get("workers").map(|item| cores(&item)).transpose()?,
    })
}

fn cores(item: &Item) -> Read<Vec<At<u16>>> {
    item.some("a list of at least one core", |core| {
        core.number(0..=u16::MAX)
    })
}

fn levels(item: &Item) -> Read<Vec<At<String>>> {
    let table = item.table("[levels]", &["order"])?;
    let expected = "a list of at least one level, lowest first";
    table
        .need("order")?
        .some(expected, |level| level.text("the name of a level"))
}

fn wire(item: &Item) -> Read<WireSource> {
    let replay = item.table("[wire]", &["replay"])?.get("replay");
    let replay = replay
        .map(|item| item.text("the path of a capture"))
        .transpose()?;
    Ok(WireSource { replay })
}

fn flow(item: &Item) -> Read<Flow> {
    let table = item.table("[[flow]]", &["from", "to", "downgrade"])?;
    let end = |key| table.need(key)?.text("the name of a partition");
    let reason = |item: Item| item.text("the reason why this flow may go down");
    Ok(Flow {
        from: end("from")?,
        to: end("to")?,
        downgrade: table.get("downgrade").map(reason).transpose()?,
    })
}

fn partition(item: &Item) -> Read<Partition> {
    let known = [
        "name",
        "level",
        "cores",
        "queues",
        "macs",
        "vlans",
        "wire",
        "broadcast",
        "multicast",
        "rss",
        "tx",
        "attach",
    ];
    let table = item.table("[[partition]]", &known)?;
    let level = |item: Item| item.text("the name of a level");
    Ok(Partition {
        name: table.need("name")?.word(NAME, name)?,
        level: table.get("level").map(level).transpose()?,
        cores: table.get("cores").map(|item| cores(&item)).transpose()?,
        queues: table.or("queues", 1, queues)?,
        macs: table
            .get("macs")
            .map_or(Ok(Vec::new()), |item| macs(&item))?,
        vlans: vlans(&table)?,
        wire: table
            .or("wire", Wire::Both, |item| item.word(WIRE, wire_access))?
            .value,
        broadcast: table.or("broadcast", true, Item::flag)?.value,
        multicast: table
            .get("multicast")
            .map_or(Ok(Multicast::None), |item| multicast(&item))?,
        rss: rss(&table)?,
        tx: tx(&table)?,
        attach: attach(&table)?,
    })
}

const NAME: &str =
    "a name of up to 64 letters, digits, `_`, `-` and `.`, not \"wire\", no dot first";
const WIRE: &str = "\"none\", \"in\", \"out\" or \"both\"";
const UNICAST: &str = "a unicast MAC address such as \"02:4c:47:00:00:02\"";
const GROUP: &str = "a multicast MAC address such as \"01:00:5e:00:00:fb\"";

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Partition names are file names of captures and keys of reports, where the
/// replay source "wire" has its own meaning.
fn name(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    let fits = fits && !text.starts_with('.') && text != "wire";
    fits.then(|| text.into())
}

fn wire_access(text: &str) -> Option<Wire> {
    [Wire::None, Wire::In, Wire::Out, Wire::Both]
        .into_iter()
        .find(|wire| wire.name() == text)
}

fn queues(item: &Item) -> Read<At<u8>> {
    let At { value, place } = item.number(1..=16)?;
    Ok(At {
        value: value as u8,
        place,
    })
}

fn macs(item: &Item) -> Read<Vec<At<Mac>>> {
    let own = |mac: &Mac| !mac.is_multicast() && mac.as_u64() != 0;
    item.list("a list of MAC addresses", |item| {
        item.word(UNICAST, |text| parsed(text).filter(own))
    })
}

fn multicast(item: &Item) -> Read<Multicast> {
    if item.as_str() == Some("all") {
        return Ok(Multicast::All);
    }
    let group = |mac: &Mac| mac.is_multicast() && !mac.is_broadcast();
    let macs = item.list("\"all\" or a list of multicast MAC addresses", |item| {
        item.word(GROUP, |text| parsed(text).filter(group))
    })?;
    Ok(if macs.is_empty() {
        Multicast::None
    } else {
        Multicast::List(macs)
    })
}

fn vlans(table: &Section) -> Read<Vec<At<Segment>>> {
    let untagged = At {
        value: Segment::UNTAGGED,
        place: table.place(),
    };
    let segment = |item: &Item| {
        let At { value, place } = item.number(0..=4094)?;
        let value = Segment::new(value).ok_or_else(|| item.not("a VLAN ID"))?;
        Ok(At { value, place })
    };
    let Some(item) = table.get("vlans") else {
        return Ok(Vec::from([untagged]));
    };
    if item.is_number() {
        return Ok(Vec::from([segment(&item)?]));
    }
    let list = item.list("a list of VLAN IDs", segment)?;
    let place = item.place();
    Ok(if list.is_empty() {
        Vec::from([At { place, ..untagged }])
    } else {
        list
    })
}

fn rss(partition: &Section) -> Read<At<Rss>> {
    let default = Rss {
        key: Key::MICROSOFT,
        hash: HashKinds::ALL,
    };
    partition.or("rss", default, |item| {
        let table = item.table("rss", &["key", "hash"])?;
        let key = |item: &Item| item.word("\"microsoft\", \"symmetric\" or 80 hex digits", parsed);
        let hash = |item: &Item| {
            let expected = "a list of ipv4, ipv4-tcp, ipv4-udp, ipv6, ipv6-tcp and ipv6-udp";
            let kinds = item.list(expected, |item| item.word(expected, parsed::<HashKind>))?;
            let value = kinds
                .iter()
                .fold(HashKinds::NONE, |all, kind| all.with(kind.value));
            Ok(At {
                value,
                place: item.place(),
            })
        };
        let key = table.or("key", Key::MICROSOFT, key)?.value;
        let hash = table.or("hash", HashKinds::ALL, hash)?.value;
        Ok(At {
            value: Rss { key, hash },
            place: item.place(),
        })
    })
}

fn tx(partition: &Section) -> Read<At<Tx>> {
    partition.or(
        "tx",
        Tx {
            weight: 1,
            rate: None,
        },
        |item| {
            let table = item.table("tx", &["weight", "rate"])?;
            let weight = table.or("weight", 1, |item| item.number(1..=1000))?.value;
            let rate = |item: &Item| {
                let rate = item.word(
                    "a rate such as \"200Mbit/s\", of whole bits per second",
                    parsed,
                )?;
                Ok(At {
                    value: Some(rate.value),
                    place: rate.place,
                })
            };
            let At { value: rate, place } = table.or("rate", None, rate)?;
            Ok(At {
                value: Tx { weight, rate },
                place,
            })
        },
    )
}

fn attach(partition: &Section) -> Read<At<Attach>> {
    partition.or("attach", Attach::Pcap { replay: None }, |item| {
        let kinds = "\"pcap\", \"memif\", \"vhost-user\" or \"tap\"";
        let any = item.table("attach", &["kind", "replay", "socket", "name"])?;
        let kind = any.need("kind")?;
        let keys = |key| item.table("attach", &["kind", key]);
        let socket = || keys("socket")?.need("socket")?.text("the path of a socket");
        let value = match kind.as_str() {
            Some("pcap") => {
                let replay = keys("replay")?.get("replay");
                let replay = replay
                    .map(|item| item.text("the path of a capture"))
                    .transpose()?;
                Attach::Pcap {
                    replay: replay.map(|path| path.value),
                }
            }
            Some("memif") => Attach::Memif {
                socket: socket()?.value,
            },
            Some("vhost-user") => Attach::VhostUser {
                socket: socket()?.value,
            },
            Some("tap") => {
                let name = keys("name")?.need("name")?;
                Attach::Tap {
                    name: name.word(INTERFACE, interface)?.value,
                }
            }
            _ => return Err(kind.not(kinds)),
        };
        Ok(At {
            value,
            place: item.place(),
        })
    })
}

const INTERFACE: &str = "an interface name of up to 15 letters, digits, `_`, `-` and `.`";

fn interface(text: &str) -> Option<String> {
    name(text).filter(|name| name.len() < 16)
}
