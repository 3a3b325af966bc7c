//! Policy text to [`Policy`].
//!
//! Reading is serde's; this file adds places, the forms that derive cannot express
//! and what the values may be. What contradicts something else is left to `check`.

use core::fmt::Display;

use lockgate_rss::{HashKind, HashKinds};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::prelude::*;
use crate::{
    At, BitRate, Device, Mac, Multicast, Policy, PolicyError, PolicyErrorKind as Kind, Segment,
};

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// The first item that is not TOML, not known or not well formed.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| {
            let message = error.message().replacen("field", "key", 1);
            Kind::Toml(message).at(error.span().map_or(0, |span| span.start))
        })
    }
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

/// A whole number from `LOW` to `HIGH`.
pub(crate) fn within<
    'de,
    D: Deserializer<'de>,
    T: TryFrom<u16>,
    const LOW: u16,
    const HIGH: u16,
>(
    from: D,
) -> Result<At<T>, D::Error> {
    let At { value, at } = At::<i64>::deserialize(from)?;
    let number = u16::try_from(value)
        .ok()
        .filter(|number| (LOW..=HIGH).contains(number));
    let number = number
        .and_then(|number| T::try_from(number).ok())
        .map(|value| At { value, at });
    number.ok_or_else(|| D::Error::custom(format!("{value} is not a number from {LOW} to {HIGH}")))
}

/// A string that `T` can be read from.
pub(crate) fn word<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    from: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = |right| D::Error::custom(format!("{text:?} is not right: {right}"));
    text.parse().map_err(wrong)
}

macro_rules! read_as_words {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                word(from)
            }
        }
    )*};
}

read_as_words!(Mac, Device, BitRate);

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(from)?;
        let vid = u16::try_from(number).ok().and_then(Self::new);
        vid.ok_or_else(|| D::Error::custom(format!("{number} is not a VLAN ID from 0 to 4094")))
    }
}

/// A list of the names of hash kinds.
pub(crate) fn hash<'de, D: Deserializer<'de>>(from: D) -> Result<HashKinds, D::Error> {
    #[derive(Deserialize)]
    struct Name(#[serde(deserialize_with = "word")] HashKind);

    let names = Vec::<Name>::deserialize(from)?;
    Ok(names
        .iter()
        .fold(HashKinds::NONE, |all, Name(kind)| all.with(*kind)))
}

impl<'de> Deserialize<'de> for Multicast {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Multicast;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of multicast addresses")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Multicast, E> {
                let all = (text == "all").then_some(Multicast::All);
                all.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Multicast, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Multicast::List)
            }
        }

        from.deserialize_any(Either)
    }
}
