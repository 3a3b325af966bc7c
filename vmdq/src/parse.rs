//! Policy text to [`Policy`].
//!
//! Reading is serde's; this file adds places, the forms that derive cannot express
//! and what the values may be. What contradicts something else is left to `check`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display};
use core::str::FromStr;

use lockgate_rss::{HashKind, HashKinds};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use toml::Spanned;

use crate::device::Device;
use crate::error::{PolicyError, PolicyErrorKind as Kind};
use crate::frame::Segment;
use crate::mac::Mac;
use crate::partition::Multicast;
use crate::policy::{At, Place, Policy};
use crate::rate::BitRate;

/// Longest policy, in bytes; finding the place of an error scans the text.
const LONGEST: usize = 256 * 1024;

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// The first item that is not TOML, not known or not well formed.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > LONGEST {
            return Err(Kind::TooLong(LONGEST).at(0).in_text(""));
        }
        let mut policy: Self = toml::from_str(text).map_err(|error| {
            let message = error.message().replacen("field", "key", 1);
            let span = error.span().unwrap_or(0..0);
            let at = span.start + item(text.get(span).unwrap_or(""), &message);
            let kind = match message.starts_with("unknown key") {
                true => Kind::UnknownKey,
                false => Kind::Toml,
            };
            kind(message).at(at).in_text(text)
        })?;
        policy.text = text.into();
        Ok(policy)
    }
}

/// Where in `list` the value stands that `message` calls wrong: serde knows only
/// the place of the list.
fn item(list: &str, message: &str) -> usize {
    let Some((value, _)) = message.split_once(" is not ") else {
        return 0;
    };
    let value = value.trim_matches('"');
    let goes_on = |c: char| c == ':' || c.is_alphanumeric();
    let whole = |at: &usize| !list[at + value.len()..].starts_with(goes_on);
    let found = list.match_indices(value).map(|(at, _)| at).find(whole);
    found.map_or(0, |at| at - usize::from(list[..at].ends_with(['"', '\''])))
}

impl Place {
    /// The place of byte `offset` of `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.split('\n').count() as u32;
        let last = before.rsplit('\n').next().unwrap_or("");
        Self { line, column: last.chars().count() as u32 + 1 }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = Spanned::<T>::deserialize(from)?;
        Ok(Self { at: read.span().start, value: read.into_inner() })
    }
}

/// A whole number from `LOW` to `HIGH`.
pub(crate) fn within<'de, D, T, const LOW: u16, const HIGH: u16>(from: D) -> Result<At<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u16>,
{
    let At { value, at } = At::<i64>::deserialize(from)?;
    let number = u16::try_from(value).ok().filter(|number| (LOW..=HIGH).contains(number));
    let read = number.and_then(|number| T::try_from(number).ok());
    let wrong = || D::Error::custom(format!("{value} is not a number from {LOW} to {HIGH}"));
    Ok(At { value: read.ok_or_else(wrong)?, at })
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
    let names = Vec::<String>::deserialize(from)?;
    names.iter().try_fold(HashKinds::NONE, |all, name| {
        let wrong = |right| D::Error::custom(format!("{name:?} is not right: {right}"));
        Ok(all.with(name.parse::<HashKind>().map_err(wrong)?))
    })
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
                all.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Multicast, A::Error> {
                let mut macs = Vec::new();
                while let Some(mac) = list.next_element()? {
                    macs.push(mac);
                }
                Ok(Multicast::List(macs))
            }
        }

        from.deserialize_any(Either)
    }
}
