//! What is wrong with an attachment, whatever the machine.

use crate::prelude::*;
use crate::{Attachment, AttachmentKind, InterfaceAddress, Service, Socket};

/// The longest name of a Linux interface, in bytes (IFNAMSIZ with the zero is 16).
const LONGEST_INTERFACE: usize = 15;
/// The most queue pairs of a virtual machine.
const MOST_QUEUES: u8 = 16;

/// What is wrong with it, in words that go on "attaches by"; `None`: nothing.
pub(super) fn flaw(attachment: &Attachment) -> Option<String> {
    let kind = &attachment.kind;
    let what = match kind {
        AttachmentKind::Pcap { replay } => blank("replay", replay.as_deref()),
        AttachmentKind::Reflect | AttachmentKind::Vf => None,
        AttachmentKind::VhostUser { socket, queues, .. } => {
            socket_flaw(socket).or_else(|| queues.and_then(queues_flaw))
        }
        AttachmentKind::Memif { socket, peer, .. } => {
            socket_flaw(socket).or_else(|| blank("peer", peer.as_deref()))
        }
        AttachmentKind::Tap { name, netns, owner } => interface_flaw(name)
            .or_else(|| blank("netns", netns.as_deref()))
            .or_else(|| blank("owner", owner.as_deref())),
        AttachmentKind::Stack { addresses, serve } => stack_flaw(addresses, serve),
        AttachmentKind::Lane { socket } => socket_flaw(socket),
    };
    let what = what.or_else(|| blank("user", attachment.user.as_deref()));
    what.map(|what| format!("{} with {what}", kind.name()))
}

fn blank(key: &str, value: Option<&str>) -> Option<String> {
    let blank = value?.trim().is_empty();
    blank.then(|| format!("an empty `{key}`"))
}

fn socket_flaw(socket: &Socket) -> Option<String> {
    let length = socket.path.len();
    if !(1..=Socket::LONGEST_PATH).contains(&length) || socket.path.contains('\0') {
        let longest = Socket::LONGEST_PATH;
        return Some(format!(
            "a `socket` of {length} bytes; paths have 1 to {longest}"
        ));
    }
    if socket.mode > 0o777 {
        return Some(format!("mode {:o}; permissions end at 777", socket.mode));
    }
    blank("owner", socket.owner.as_deref()).or_else(|| blank("group", socket.group.as_deref()))
}

fn queues_flaw(queues: u8) -> Option<String> {
    let fits = (1..=MOST_QUEUES).contains(&queues);
    (!fits).then(|| format!("{queues} queues; it has 1 to {MOST_QUEUES}"))
}

/// What the kernel refuses as an interface's name (dev_valid_name).
fn interface_flaw(name: &str) -> Option<String> {
    let length = (1..=LONGEST_INTERFACE).contains(&name.len());
    let odd = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    let fits = length && !name.contains(odd) && name != "." && name != "..";
    (!fits).then(|| format!("{name:?}, which is no interface's name: 1 to 15 plain characters"))
}

fn stack_flaw(addresses: &[InterfaceAddress], serve: &[Service]) -> Option<String> {
    if addresses.is_empty() {
        return Some("no address".into());
    }
    for (i, address) in addresses.iter().enumerate() {
        if address.prefix > address.longest_prefix() {
            let longest = address.longest_prefix();
            return Some(format!("{address}; a prefix ends at {longest}"));
        }
        if addresses[..i]
            .iter()
            .any(|earlier| earlier.address == address.address)
        {
            return Some(format!("{} twice", address.address));
        }
    }
    let twice = |(i, service): (usize, &Service)| serve[..i].contains(service);
    let at = serve.iter().enumerate().position(twice)?;
    Some(format!("{} twice", serve[at]))
}
