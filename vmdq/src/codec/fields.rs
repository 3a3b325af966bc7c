//! Which fields each part of a plan is written as, in which order.
//!
//! One list for each type serves both ways, so that what is written is what is read. A change
//! here is a change of [`VERSION`](super::error::VERSION).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lockgate_rss::{HashKind, HashKinds, Key};

use super::error::DecodeError;
use super::reader::{Encode, Reader};
use crate::prelude::*;
use crate::{
    Attachment, AttachmentKind, BitRate, FlowSpec, InterfaceAddress, Mac, Multicast, PartitionId,
    PartitionSpec, PlanSpec, Poll, PoolId, Rss, Segment, Service, Side, Socket, Wait, Wire,
    WireSource,
};

/// A structure: its fields in the order of the list.
macro_rules! fields {
    ($type:ident { $($field:ident),* }) => {
        impl Encode for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                $(let $field = from.take()?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// A choice: the number of the variant, in one byte, then its fields.
macro_rules! choices {
    ($type:ident { $($number:literal = $variant:ident $(($value:ident))? $({ $($field:ident),* })?,)* }) => {
        impl Encode for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($value))? $({ $($field),* })? => {
                        out.push($number);
                        $($value.put(out);)?
                        $($($field.put(out);)*)?
                    })*
                }
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match from.take::<u8>()? {
                    $($number => {
                        $(let $value = from.take()?;)?
                        $($(let $field = from.take()?;)*)?
                        Ok(Self::$variant $(($value))? $({ $($field),* })?)
                    })*
                    _ => Err(from.malformed()),
                }
            }
        }
    };
}

/// A value that is a number of which not every one is lawful.
macro_rules! checked {
    ($type:ident as $number:ty, $put:expr, $take:expr) => {
        impl Encode for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let put: fn(&Self) -> $number = $put;
                put(self).put(out);
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let take: fn($number) -> Option<Self> = $take;
                take(from.take()?).ok_or_else(|| from.malformed())
            }
        }
    };
}

fields!(PlanSpec {
    policy_hash,
    device,
    mtu,
    poll,
    workers,
    levels,
    partitions,
    flows,
    wire
});
fields!(PartitionSpec {
    id,
    pool,
    name,
    level,
    cores,
    queues,
    macs,
    segments,
    wire,
    broadcast,
    multicast,
    rss,
    weight,
    rate,
    attachment
});
fields!(FlowSpec {
    from,
    to,
    downgrade
});
fields!(Rss { key, hash });
fields!(Attachment { kind, wait, user });
fields!(Socket {
    path,
    owner,
    group,
    mode
});
fields!(InterfaceAddress { address, prefix });

choices!(Poll { 0 = Spin, 1 = Adaptive, });
choices!(WireSource {
    0 = Nothing,
    1 = Replay(path),
    2 = Tap(name),
    3 = Interface(name),
});
choices!(Wire { 0 = None, 1 = In, 2 = Out, 3 = Both, });
choices!(Multicast { 0 = List(macs), 1 = All, });
choices!(AttachmentKind {
    0 = Pcap { replay },
    1 = Reflect,
    2 = VhostUser { socket, side, queues },
    3 = Memif { socket, id, peer },
    4 = Tap { name, netns, owner },
    5 = Stack { addresses, serve },
    6 = Lane { socket },
    7 = Vf,
});
choices!(Side { 0 = Listen, 1 = Connect, });
choices!(Service { 0 = Ping, 1 = Echo, 2 = Http, });
choices!(Wait { 0 = Auto, 1 = Spin, 2 = Yield, 3 = Sleep, });
choices!(IpAddr { 4 = V4(address), 6 = V6(address), });

checked!(PartitionId as u8, |id| id.index() as u8, |number| {
    PartitionId::new(number.into())
});
checked!(PoolId as u8, |pool| pool.index() as u8, |number| Some(
    PoolId::new(number)
));
checked!(Mac as [u8; 6], |mac| mac.octets(), |octets| Some(Mac::new(
    octets
)));
checked!(Segment as u16, |segment| segment.vid(), Segment::new);
checked!(BitRate as u64, |rate| rate.bits_per_second(), BitRate::new);
checked!(Key as [u8; Key::BYTES], |key| *key.bytes(), |bytes| Some(
    Key::new(bytes)
));
checked!(Ipv4Addr as [u8; 4], |address| address.octets(), |octets| {
    Some(octets.into())
});
checked!(Ipv6Addr as [u8; 16], |address| address.octets(), |octets| {
    Some(octets.into())
});
checked!(HashKinds as u8, kinds_to_bits, bits_to_kinds);

/// Bit `i` for kind `i` of [`HashKind::ALL`].
fn kinds_to_bits(kinds: &HashKinds) -> u8 {
    let all = HashKind::ALL.into_iter().enumerate();
    let set = all.filter(|(_, kind)| kinds.contains(*kind));
    set.fold(0, |bits, (i, _)| bits | 1 << i)
}

fn bits_to_kinds(bits: u8) -> Option<HashKinds> {
    let all = HashKind::ALL.into_iter().enumerate();
    let set = all.filter(|(i, _)| bits >> i & 1 == 1);
    let kinds = set.fold(HashKinds::NONE, |kinds, (_, kind)| kinds.with(kind));
    (kinds_to_bits(&kinds) == bits).then_some(kinds)
}
