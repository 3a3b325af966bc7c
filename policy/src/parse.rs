//! Policy text to [`Policy`].
//!
//! Reading is serde's; this file adds places, the forms that derive cannot express
//! and what the values may be. What contradicts something else is left to `check`.

use std::fmt::{self, Display};
use std::str::FromStr;

use lockgate_rss::{HashKind, HashKinds, Key};
use lockgate_vmdq::{BitRate, Mac, Poll, Rss, Segment, Wire};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::policy::{CoreList, MulticastList};
use crate::{At, Device, Policy, PolicyErrorKind as Kind, PolicyErrors};

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// The first item that is not TOML, not known or not well formed; all that is wrong with
    /// attachments.
    pub fn parse(text: &str) -> Result<Self, PolicyErrors> {
        let mut policy: Self = toml::from_str(text).map_err(|error| {
            let message = in_words(error.message());
            Kind::Toml { message }.at(error.span().map_or(0, |span| span.start))
        })?;
        policy.hash = Sha256::digest(text.as_bytes()).into();
        policy.read_attachments()?;
        Ok(policy)
    }
}

/// The reader's message in words of the policy file instead of those of Rust's types.
fn in_words(message: &str) -> String {
    let mut words = message.to_owned();
    for (theirs, ours) in [
        ("unknown field", "unknown key"),
        ("missing field", "missing key"),
        ("duplicate field", "duplicate key"),
        ("unknown variant", "unknown value"),
        ("a sequence", "a list"),
        ("sequence", "list"),
        (": map", ": table"),
        ("a map", "a table"),
    ] {
        words = words.replacen(theirs, ours, 1);
    }
    words
}

/// An item of a list. The reader of TOML gives an error inside a tuple struct the
/// place of the item, and else that of the list.
#[derive(Deserialize)]
struct Item<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = Spanned::<Item<T>>::deserialize(from)?;
        Ok(Self {
            at: read.span().start,
            value: read.into_inner().0,
        })
    }
}

/// A whole number, whatever is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number))
            }
        }

        from.deserialize_i64(Number)
    }
}

/// A whole number from `LOW` to `HIGH`.
#[derive(Debug, Clone, Copy)]
struct Within<const LOW: u16, const HIGH: u16>(u16);

impl<'de, const LOW: u16, const HIGH: u16> Deserialize<'de> for Within<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Whole(value) = Whole::deserialize(from)?;
        let number = u16::try_from(value).ok();
        let number = number.filter(|number| (LOW..=HIGH).contains(number));
        let wrong = || D::Error::custom(format!("{value} is not a number from {LOW} to {HIGH}"));
        number.map(Self).ok_or_else(wrong)
    }
}

/// The number `read`, in a type that it fits.
fn narrow<T: TryFrom<u16> + Default, const LOW: u16, const HIGH: u16>(
    read: At<Within<LOW, HIGH>>,
) -> At<T> {
    At {
        value: T::try_from(read.value.0).unwrap_or_default(),
        at: read.at,
    }
}

/// A whole number from `LOW` to `HIGH`, both of which fit a `T`.
pub(crate) fn within<'de, D, T, const LOW: u16, const HIGH: u16>(from: D) -> Result<At<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u16> + Default,
{
    At::<Within<LOW, HIGH>>::deserialize(from).map(narrow)
}

/// A list of cores.
pub(crate) fn cores<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CoreList>, D::Error> {
    type Core = Within<0, { u16::MAX }>;
    let read = Option::<At<Vec<At<Core>>>>::deserialize(from)?;
    Ok(read.map(|list| At {
        at: list.at,
        value: list.value.into_iter().map(narrow).collect(),
    }))
}

/// A string that `T` can be read from.
fn word<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = |right| D::Error::custom(format!("{text:?} is not right: {right}"));
    text.parse().map_err(wrong)
}

/// A value that is read from a string.
struct Word<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        word(from).map(Self)
    }
}

impl<T> At<Word<T>> {
    fn read(self) -> At<T> {
        At {
            value: self.value.0,
            at: self.at,
        }
    }
}

/// A device.
pub(crate) fn device<'de, D: Deserializer<'de>>(from: D) -> Result<At<Device>, D::Error> {
    At::<Word<Device>>::deserialize(from).map(At::read)
}

/// A rate.
pub(crate) fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<At<BitRate>>, D::Error> {
    let read = Option::<At<Word<BitRate>>>::deserialize(from)?;
    Ok(read.map(At::read))
}

/// A list of addresses.
pub(crate) fn macs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<At<Mac>>, D::Error> {
    let read = Vec::<At<Word<Mac>>>::deserialize(from)?;
    Ok(read.into_iter().map(At::read).collect())
}

/// A list of segments.
pub(crate) fn segments<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<At<Segment>>, D::Error> {
    let read = Vec::<At<Vlan>>::deserialize(from)?;
    let segment = |at: At<Vlan>| At {
        value: at.value.0,
        at: at.at,
    };
    Ok(read.into_iter().map(segment).collect())
}

struct Vlan(Segment);

impl<'de> Deserialize<'de> for Vlan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Whole(number) = Whole::deserialize(from)?;
        let vid = u16::try_from(number).ok().and_then(Segment::new);
        let wrong = || D::Error::custom(format!("{number} is not a VLAN ID from 0 to 4094"));
        vid.map(Self).ok_or_else(wrong)
    }
}

/// A list of the names of hash kinds.
fn hash<'de, D: Deserializer<'de>>(from: D) -> Result<HashKinds, D::Error> {
    #[derive(Deserialize)]
    struct Name(#[serde(deserialize_with = "word")] HashKind);

    let names = Vec::<Name>::deserialize(from)?;
    Ok(names
        .iter()
        .fold(HashKinds::NONE, |all, Name(kind)| all.with(*kind)))
}

impl<'de> Deserialize<'de> for MulticastList {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = MulticastList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of multicast addresses")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<MulticastList, E> {
                let all = (text == "all").then_some(MulticastList::All);
                all.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<MulticastList, A::Error> {
                macs(SeqAccessDeserializer::new(list)).map(MulticastList::List)
            }
        }

        from.deserialize_any(Either)
    }
}

/// [`Wire`] as it is written.
#[derive(Deserialize)]
#[serde(remote = "Wire", rename_all = "kebab-case", expecting = "a string")]
pub(crate) enum WireWord {
    None,
    In,
    Out,
    Both,
}

/// [`Poll`] as it is written.
#[derive(Deserialize)]
#[serde(remote = "Poll", rename_all = "kebab-case", expecting = "a string")]
enum PollWord {
    Spin,
    Adaptive,
}

/// How the workers wait.
pub(crate) fn poll<'de, D: Deserializer<'de>>(from: D) -> Result<At<Poll>, D::Error> {
    #[derive(Deserialize)]
    struct Named(#[serde(with = "PollWord")] Poll);

    let read = At::<Named>::deserialize(from)?;
    Ok(At {
        value: read.value.0,
        at: read.at,
    })
}

/// [`Rss`] as it is written.
#[derive(Deserialize)]
#[serde(remote = "Rss", deny_unknown_fields, expecting = "a table")]
pub(crate) struct RssTable {
    #[serde(default = "default_key", deserialize_with = "word")]
    key: Key,
    #[serde(default = "default_hash", deserialize_with = "hash")]
    hash: HashKinds,
}

fn default_key() -> Key {
    Rss::default().key
}

fn default_hash() -> HashKinds {
    Rss::default().hash
}
