//! What a partition's lane is joined to.
//!
//! Plain data with the policy file's keys; the kinds that this build of the program can serve
//! are the program's affair. The rule: paths, names and users are carried as text, and what can
//! be wrong with them without a look at the machine is refused in `check`.
//!
//! Not here: the endpoints that do it.

use core::net::IpAddr;

use crate::prelude::*;

/// An attachment: its kind and what every kind takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// What the lane is joined to.
    pub kind: AttachmentKind,
    /// How the endpoint waits for frames.
    pub wait: Wait,
    /// The user that the endpoint runs as, by name or number; `None`: one of its own.
    pub user: Option<String>,
}

/// What a lane is joined to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentKind {
    /// Nothing: deliveries are only captured, frames come from a capture if one is named.
    Pcap {
        /// Capture whose frames it sends, relative to the file that the plan was read from.
        replay: Option<String>,
    },
    /// Nothing: the worker sends each frame back to where it came from.
    Reflect,
    /// A virtual machine, by vhost-user.
    VhostUser {
        /// Where they meet.
        socket: Socket,
        /// Who listens there.
        side: Side,
        /// Queue pairs, 1 to 16; `None`: as many as the partition has receive queues.
        queues: Option<u8>,
    },
    /// A program that speaks memif (VPP, DPDK).
    Memif {
        /// Where they meet.
        socket: Socket,
        /// Number of the interface on that socket.
        id: u32,
        /// The user that the peer must run as; `None`: whoever may open the socket.
        peer: Option<String>,
    },
    /// A TAP interface of the host's kernel.
    Tap {
        /// Its name, 1 to 15 characters.
        name: String,
        /// The network namespace that it is moved to; `None`: the program's.
        netns: Option<String>,
        /// The user that may open it; `None`: nobody else.
        owner: Option<String>,
    },
    /// A network stack of Lockgate's own.
    Stack {
        /// Its addresses, at least one.
        addresses: Vec<InterfaceAddress>,
        /// What it answers, beside ARP and neighbour discovery.
        serve: Vec<Service>,
    },
    /// A program of the tenant's own, which is handed the lane.
    Lane {
        /// Where it asks for it.
        socket: Socket,
    },
    /// A whole virtual function, for a guest.
    Vf,
}

impl Default for AttachmentKind {
    fn default() -> Self {
        Self::Pcap { replay: None }
    }
}

impl AttachmentKind {
    /// Its name in a policy file, `"vhost-user"`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pcap { .. } => "pcap",
            Self::Reflect => "reflect",
            Self::VhostUser { .. } => "vhost-user",
            Self::Memif { .. } => "memif",
            Self::Tap { .. } => "tap",
            Self::Stack { .. } => "stack",
            Self::Lane { .. } => "lane",
            Self::Vf => "vf",
        }
    }

    /// The socket that it meets its peer at; `None` if it needs none.
    pub const fn socket(&self) -> Option<&Socket> {
        match self {
            Self::VhostUser { socket, .. } | Self::Memif { socket, .. } | Self::Lane { socket } => {
                Some(socket)
            }
            _ => None,
        }
    }

    /// The interface or socket that two partitions cannot have both; `None` if there is none.
    pub(crate) fn exclusive(&self) -> Option<&str> {
        match self {
            Self::Tap { name, .. } => Some(name),
            _ => self.socket().map(|socket| socket.path.as_str()),
        }
    }
}

/// A Unix socket, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its path, 1 to 107 bytes.
    pub path: String,
    /// The user that owns it, by name or number; `None`: the program's.
    pub owner: Option<String>,
    /// Its group, by name or number; `None`: the program's.
    pub group: Option<String>,
    /// Its permissions, at most 0o777.
    pub mode: u16,
}

impl Socket {
    /// The longest path of a Unix socket on Linux, in bytes (unix(7): 108 with the zero).
    pub const LONGEST_PATH: usize = 107;

    /// Permissions where a policy names none.
    pub const DEFAULT_MODE: u16 = 0o660;

    /// The socket at `path`, with the program's owner and group.
    pub fn at(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            owner: None,
            group: None,
            mode: Self::DEFAULT_MODE,
        }
    }
}

/// Who listens at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// The endpoint.
    #[default]
    Listen,
    /// The peer.
    Connect,
}

/// What a stack answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Echo requests.
    Ping,
    /// TCP and UDP port 7.
    Echo,
    /// A page about the partition.
    Http,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::Ping, Self::Echo, Self::Http];

    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Echo => "echo",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An address of an interface, and the network that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network: at most 32, or 128 for IPv6.
    pub prefix: u8,
}

impl InterfaceAddress {
    /// The longest prefix of an address of this family.
    pub const fn longest_prefix(self) -> u8 {
        match self.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The text is no address with a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an interface's address has its network's bits, as in 10.20.0.1/24 or fd20::1/64")]
pub struct NotAnInterfaceAddress;

impl FromStr for InterfaceAddress {
    type Err = NotAnInterfaceAddress;

    fn from_str(text: &str) -> Result<Self, NotAnInterfaceAddress> {
        let (address, bits) = text.split_once('/').ok_or(NotAnInterfaceAddress)?;
        let plain = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
        let prefix = bits.parse().ok().filter(|_| plain);
        let read = Self {
            address: address.parse().map_err(|_| NotAnInterfaceAddress)?,
            prefix: prefix.ok_or(NotAnInterfaceAddress)?,
        };
        if read.prefix <= read.longest_prefix() {
            Ok(read)
        } else {
            Err(NotAnInterfaceAddress)
        }
    }
}

/// How an endpoint waits for frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// As its cores allow: it yields on a worker's core, and spins then sleeps on its own.
    #[default]
    Auto,
    /// It looks again at once.
    Spin,
    /// It lets others have the core between looks.
    Yield,
    /// It sleeps until it is woken.
    Sleep,
}

impl Wait {
    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Spin => "spin",
            Self::Yield => "yield",
            Self::Sleep => "sleep",
        }
    }
}
