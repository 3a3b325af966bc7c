//! TOML items with their places: the small reader under `parse`.
//!
//! Every item knows its key and its table, so that an error can name them. Nothing
//! here knows what a policy is.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{PolicyError, PolicyErrorKind as Kind};
use crate::policy::{At, Place};

/// The text of a policy, to turn byte offsets into places.
#[derive(Clone, Copy)]
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl Text<'_> {
    /// The place of byte `offset`.
    pub(crate) fn place(self, offset: usize) -> Place {
        let before = self.0.get(..offset).unwrap_or(self.0);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let last = before.rsplit('\n').next().unwrap_or("");
        let column = last.chars().count() + 1;
        Place {
            line: line as u32,
            column: column as u32,
        }
    }
}

/// One table of the file.
pub(crate) struct Section<'a, 't> {
    name: &'static str,
    entries: &'a DeTable<'t>,
    text: Text<'t>,
    place: Place,
}

impl<'a, 't> Section<'a, 't> {
    /// A table that may only have the keys in `known`.
    pub(crate) fn new(
        name: &'static str,
        entries: &'a DeTable<'t>,
        text: Text<'t>,
        place: Place,
        known: &[&str],
    ) -> Result<Self, PolicyError> {
        let strange = entries
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()));
        if let Some(key) = strange.min_by_key(|key| key.span().start) {
            let (at, key) = (key.span().start, key.get_ref().to_string());
            let known = known.join(", ");
            return Err(Kind::UnknownKey {
                table: name,
                key,
                known,
            }
            .at(text.place(at)));
        }
        Ok(Self {
            name,
            entries,
            text,
            place,
        })
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The item under `key`, if there is one.
    pub(crate) fn get(&self, key: &'static str) -> Option<Item<'a, 't>> {
        let value = self.entries.get(key)?;
        Some(Item {
            key,
            value,
            text: self.text,
        })
    }

    /// The item under `key`.
    pub(crate) fn need(&self, key: &'static str) -> Result<Item<'a, 't>, PolicyError> {
        let missing = || {
            Kind::MissingKey {
                table: self.name,
                key,
            }
            .at(self.place)
        };
        self.get(key).ok_or_else(missing)
    }

    /// What `read` makes of the item under `key`, or `default` at the table's place.
    pub(crate) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Item<'a, 't>) -> Result<At<T>, PolicyError>,
    ) -> Result<At<T>, PolicyError> {
        let place = self.place;
        self.get(key).map_or(
            Ok(At {
                value: default,
                place,
            }),
            |item| read(&item),
        )
    }
}

/// One value of the file.
pub(crate) struct Item<'a, 't> {
    key: &'static str,
    value: &'a Spanned<DeValue<'t>>,
    text: Text<'t>,
}

impl<'a, 't> Item<'a, 't> {
    /// Where the value begins.
    pub(crate) fn place(&self) -> Place {
        self.text.place(self.value.span().start)
    }

    /// The error that the value is not `expected`.
    pub(crate) fn not(&self, expected: impl Into<String>) -> PolicyError {
        let found = match self.value.get_ref() {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let expected = expected.into();
        Kind::BadValue {
            key: self.key,
            expected,
            found,
        }
        .at(self.place())
    }

    fn at<T>(&self, value: Option<T>, expected: impl Into<String>) -> Result<At<T>, PolicyError> {
        let place = self.place();
        value
            .map(|value| At { value, place })
            .ok_or_else(|| self.not(expected))
    }

    /// A string that `read` accepts.
    pub(crate) fn word<T>(
        &self,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<At<T>, PolicyError> {
        self.at(self.value.get_ref().as_str().and_then(read), expected)
    }

    /// A string with something in it.
    pub(crate) fn text(&self, expected: &str) -> Result<At<String>, PolicyError> {
        self.word(expected, |text| {
            (!text.trim().is_empty()).then(|| text.to_owned())
        })
    }

    /// A whole number in `range`.
    pub(crate) fn number(&self, range: RangeInclusive<u16>) -> Result<At<u16>, PolicyError> {
        let read = self.value.get_ref().as_integer();
        let read = read.and_then(|n| u16::from_str_radix(n.as_str(), n.radix()).ok());
        let (first, last) = (range.start(), range.end());
        let expected = format!("a whole number from {first} to {last}");
        self.at(read.filter(|n| range.contains(n)), expected)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self) -> Result<At<bool>, PolicyError> {
        self.at(self.value.get_ref().as_bool(), "true or false")
    }

    /// A list, each item read by `read`, none twice.
    pub(crate) fn list<T: PartialEq>(
        &self,
        expected: &str,
        read: impl Fn(&Self) -> Result<At<T>, PolicyError>,
    ) -> Result<Vec<At<T>>, PolicyError> {
        let items = self.items().ok_or_else(|| self.not(expected))?;
        let mut all: Vec<At<T>> = Vec::new();
        for item in items {
            let next = read(&item)?;
            if let Some(first) = all.iter().find(|first| first.value == next.value) {
                let value = self.text.0.get(item.value.span()).unwrap_or("a value");
                let kind = Kind::Repeated {
                    key: self.key,
                    value: value.to_owned(),
                };
                return Err(kind.at(next.place).and(first.place));
            }
            all.push(next);
        }
        Ok(all)
    }

    /// A list with at least one item.
    pub(crate) fn some<T: PartialEq>(
        &self,
        expected: &str,
        read: impl Fn(&Self) -> Result<At<T>, PolicyError>,
    ) -> Result<Vec<At<T>>, PolicyError> {
        let all = self.list(expected, read)?;
        if all.is_empty() {
            Err(self.not(expected))
        } else {
            Ok(all)
        }
    }

    /// The items of a list, or of an array of tables.
    pub(crate) fn items(&self) -> Option<impl Iterator<Item = Self> + use<'a, 't>> {
        let Self { key, value, text } = *self;
        let items = value.get_ref().as_array()?;
        Some(items.iter().map(move |value| Self { key, value, text }))
    }

    /// A table named `name` with no keys but those in `known`.
    pub(crate) fn table(
        &self,
        name: &'static str,
        known: &[&str],
    ) -> Result<Section<'a, 't>, PolicyError> {
        let entries = self.value.get_ref().as_table();
        let entries = entries.ok_or_else(|| self.not("a table"))?;
        Section::new(name, entries, self.text, self.place(), known)
    }

    /// The string, if it is one.
    pub(crate) fn as_str(&self) -> Option<&'a str> {
        self.value.get_ref().as_str()
    }

    /// Whether it is a whole number.
    pub(crate) fn is_number(&self) -> bool {
        self.value.get_ref().is_integer()
    }
}
