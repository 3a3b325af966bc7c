//! A policy in the tests' own words, and its reading.

use std::fmt::Write;

use super::{Fate, toeplitz};

/// Multicast that a tenant takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// These addresses, perhaps none.
    These(Vec<[u8; 6]>),
    /// Every one.
    All,
}

/// One partition.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub macs: Vec<[u8; 6]>,
    /// Its VIDs, 0 for the untagged segment.
    pub vlans: Vec<u16>,
    /// Whether it hears the wire.
    pub hears: bool,
    /// Whether it speaks on the wire.
    pub speaks: bool,
    /// Whether it takes broadcast.
    pub broadcast: bool,
    /// Its multicast.
    pub groups: Groups,
    /// Receive queues.
    pub queues: u32,
    /// The 40-byte key of its hash.
    pub key: [u8; 40],
    /// Kinds that are hashed, by the policy's names.
    pub kinds: Vec<&'static str>,
    /// Whether it sends back what it gets from the wire.
    pub reflects: bool,
}

/// Every kind of hash that a policy can name.
pub const KINDS: [&str; 6] = [
    "ipv4", "ipv4-tcp", "ipv4-udp", "ipv6", "ipv6-tcp", "ipv6-udp",
];

impl Tenant {
    /// A tenant with one queue, both ways of the wire, broadcast, no multicast and
    /// the key 0x6d5a….
    pub fn new(name: &str, macs: Vec<[u8; 6]>, vlans: Vec<u16>) -> Self {
        let mut key = [0x5a; 40];
        key.iter_mut().step_by(2).for_each(|byte| *byte = 0x6d);
        Self {
            name: name.to_owned(),
            macs,
            vlans,
            hears: true,
            speaks: true,
            broadcast: true,
            groups: Groups::These(Vec::new()),
            queues: 1,
            key,
            kinds: KINDS.to_vec(),
            reflects: false,
        }
    }

    fn takes(&self, dst: [u8; 6]) -> bool {
        self.macs.contains(&dst)
            || (dst == [0xff; 6] && self.broadcast)
            || (dst[0] & 1 == 1 && dst != [0xff; 6] && self.takes_group(dst))
    }

    fn takes_group(&self, dst: [u8; 6]) -> bool {
        match &self.groups {
            Groups::All => true,
            Groups::These(list) => list.contains(&dst),
        }
    }

    /// The receive queue and hash of a frame for this tenant.
    pub fn queue(&self, frame: &[u8]) -> (u32, Option<u32>) {
        let hash =
            toeplitz::input(frame, &self.kinds).map(|input| toeplitz::hash(&self.key, &input));
        (hash.map_or(0, |hash| hash % 128 % self.queues), hash)
    }
}

/// A whole policy.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Largest payload.
    pub mtu: usize,
    /// The partitions.
    pub tenants: Vec<Tenant>,
    /// Who may send to whom, by index.
    pub flows: Vec<(usize, usize)>,
}

struct Header {
    dst: [u8; 6],
    src: [u8; 6],
    vid: u16,
    tagged: bool,
    control: bool,
}

fn header(frame: &[u8]) -> Header {
    let at = |i: usize| frame.get(i).copied().unwrap_or(0);
    let word = |i: usize| u16::from_be_bytes([at(i), at(i + 1)]);
    let tagged = word(12) == 0x8100;
    Header {
        dst: std::array::from_fn(at),
        src: std::array::from_fn(|i| at(6 + i)),
        vid: if tagged { word(14) & 0xfff } else { 0 },
        tagged,
        control: word(if tagged { 16 } else { 12 }) == 0x8808,
    }
}

impl Scene {
    fn too_long(&self, frame: &[u8], header: &Header) -> bool {
        frame.len() > self.mtu + 14 + if header.tagged { 4 } else { 0 }
    }

    /// What becomes of a frame from the wire.
    pub fn from_wire(&self, frame: &[u8]) -> Fate {
        if frame.len() < 14 {
            return Fate::Dropped("runt");
        }
        let h = header(frame);
        let there = |t: &&Tenant| t.vlans.contains(&h.vid);
        let all = || self.tenants.iter();
        if self.too_long(frame, &h) {
            Fate::Dropped("oversize")
        } else if h.control {
            Fate::Dropped("control-frame")
        } else if !all().any(|t| there(&t)) {
            Fate::Dropped("unknown-vlan")
        } else if !all().filter(there).any(|t| t.takes(h.dst)) {
            Fate::Dropped("unknown-mac")
        } else {
            let takers = all().enumerate();
            let to: Vec<_> = takers
                .filter(|(_, t)| there(t) && t.takes(h.dst) && t.hears)
                .map(|(i, _)| i)
                .collect();
            match to.is_empty() {
                true => Fate::Dropped("not-permitted"),
                false => Fate::Goes { to, wire: false },
            }
        }
    }

    /// What becomes of a frame that tenant `from` sends.
    pub fn from_tenant(&self, from: usize, frame: &[u8]) -> Fate {
        if frame.len() < 14 {
            return Fate::Dropped("runt");
        }
        let h = header(frame);
        let sender = &self.tenants[from];
        let reserved = h.dst[..5] == [0x01, 0x80, 0xc2, 0, 0] && h.dst[5] <= 0x0f;
        if self.too_long(frame, &h) {
            return Fate::Dropped("oversize");
        } else if h.control || reserved {
            return Fate::Dropped("control-frame");
        } else if !sender.macs.contains(&h.src) {
            return Fate::Dropped("spoofed-mac");
        } else if !sender.vlans.contains(&h.vid) {
            return Fate::Dropped("foreign-vlan");
        }
        let mut to = Vec::new();
        let mut owned = false;
        for (i, tenant) in self.tenants.iter().enumerate() {
            if tenant.vlans.contains(&h.vid) && tenant.takes(h.dst) {
                owned |= tenant.macs.contains(&h.dst);
                if self.flows.contains(&(from, i)) {
                    to.push(i);
                }
            }
        }
        let wire = sender.speaks && !owned;
        match to.is_empty() && !wire {
            true => Fate::Dropped("flow-denied"),
            false => Fate::Goes { to, wire },
        }
    }

    /// The policy file for `device`.
    pub fn policy(&self, device: &str) -> String {
        let mut text = format!("[nic]\ndevice = \"{device}\"\nmtu = {}\n", self.mtu);
        for tenant in &self.tenants {
            write_tenant(&mut text, tenant).expect("a string takes all");
        }
        for &(from, to) in &self.flows {
            let (from, to) = (&self.tenants[from].name, &self.tenants[to].name);
            write!(text, "[[flow]]\nfrom = \"{from}\"\nto = \"{to}\"\n")
                .expect("a string takes all");
        }
        text
    }
}

fn write_tenant(text: &mut String, tenant: &Tenant) -> std::fmt::Result {
    let wire = match (tenant.hears, tenant.speaks) {
        (true, true) => "both",
        (true, false) => "in",
        (false, true) => "out",
        (false, false) => "none",
    };
    let groups = match &tenant.groups {
        Groups::All => "\"all\"".to_owned(),
        Groups::These(list) => macs(list),
    };
    let key: String = tenant
        .key
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    writeln!(
        text,
        "[[partition]]\nname = \"{}\"\nqueues = {}",
        tenant.name, tenant.queues
    )?;
    writeln!(
        text,
        "macs = {}\nvlans = {:?}",
        macs(&tenant.macs),
        tenant.vlans
    )?;
    writeln!(text, "wire = \"{wire}\"\nbroadcast = {}", tenant.broadcast)?;
    writeln!(text, "multicast = {groups}")?;
    if tenant.reflects {
        writeln!(text, "attach = {{ kind = \"reflect\" }}")?;
    }
    writeln!(
        text,
        "rss = {{ key = \"{key}\", hash = {:?} }}",
        tenant.kinds
    )
}

/// A TOML list of addresses.
fn macs(list: &[[u8; 6]]) -> String {
    let each: Vec<_> = list
        .iter()
        .map(|mac| {
            let octets: Vec<_> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("\"{}\"", octets.join(":"))
        })
        .collect();
    format!("[{}]", each.join(", "))
}
