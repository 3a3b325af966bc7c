//! What a register is: a 32-bit value with a name and a place in the BAR.
//!
//! Every register is either [`Stable`] or [`ClearsOnRead`], and never both, so
//! that an accessor can demand `&mut` for reads that change the card. One macro,
//! [`registers!`](crate::registers), declares them all.
//!
//! Not here: the registers themselves (the modules of each family, and the model
//! for those that no driver touches).

use crate::index::Index;

/// One register, or one array of like registers, of a card.
pub trait Register: Copy + From<u32> + Into<u32> {
    /// The datasheet's name.
    const NAME: &'static str;

    /// Which of an array; `()` for a register of which there is one.
    type Index: Index;

    /// Byte offset in the BAR of the first of the array.
    const BASE: u32;

    /// Bytes from one of the array to the next.
    const STRIDE: u32 = 4;

    /// Byte offset in the BAR of the register at `index`.
    fn offset(index: Self::Index) -> u32 {
        Self::BASE + Self::STRIDE * index.number()
    }
}

/// A register that may be read without changing the card.
pub trait Stable: Register {}

/// A register that reading returns to zero: it has one reader.
pub trait ClearsOnRead: Register {}

/// Declares registers, each with what reading does, its type, its datasheet name
/// and its place: a byte offset, or index type, first offset and stride, and a
/// function that gives the offset where the array has a gap.
///
/// One that is a plain number ends with `;`, others list their fields, lowest
/// bit first and gaps included, as `bitfield_struct::bitfield` takes them:
///
/// ```text
/// Stable Rdt("RDT", RxQueue, 0xC018, 0x40);
/// Stable Ctrl("CTRL", 0x0000) { pub full_duplex: bool, #[bits(31)] __: u32, }
/// ```
#[macro_export]
macro_rules! registers {
    (@place $type:ident, $name:literal, $base:literal) => {
        $crate::registers!(@place $type, $name, (), $base, 4);
    };
    (
        @place $type:ident, $name:literal,
        $index:ty, $base:literal, $stride:literal $(, $offset:path)?
    ) => {
        impl $crate::Register for $type {
            const NAME: &'static str = $name;
            type Index = $index;
            const BASE: u32 = $base;
            const STRIDE: u32 = $stride;
            $(fn offset(index: $index) -> u32 {
                $offset(index, Self::BASE)
            })?
        }
    };
    ($($(#[$doc:meta])* $reads:ident $type:ident($($place:tt)+) $body:tt)+) => {$(
        $crate::fields! { $(#[$doc])* $type(u32) $body }
        $crate::registers!(@place $type, $($place)+);
        impl $crate::$reads for $type {}
    )+};
}

/// Declares a value by its fields, or with `;` as a plain 32-bit number.
#[macro_export]
macro_rules! fields {
    ($(#[$doc:meta])* $type:ident(u32) ;) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $type(u32);

        impl $type {
            /// The register that holds `value`.
            pub const fn new(value: u32) -> Self {
                Self(value)
            }

            /// What the register holds.
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl From<u32> for $type {
            fn from(value: u32) -> Self {
                Self(value)
            }
        }

        impl From<$type> for u32 {
            fn from(register: $type) -> Self {
                register.0
            }
        }
    };
    ($(#[$doc:meta])* $type:ident($word:ident) { $($fields:tt)* }) => {
        $(#[$doc])*
        #[$crate::bitfield($word)]
        #[derive(PartialEq, Eq)]
        pub struct $type { $($fields)* }
    };
}

/// Declares a field that names kinds of something: all its bits, what holds any
/// value that is not listed, and the bits of each kind.
macro_rules! kinds {
    ($(#[$doc:meta])* $type:ident & $mask:literal, else $other:ident {
        $($(#[$kind_doc:meta])* $kind:ident = $bits:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($(#[$kind_doc])* $kind,)+
            /// A value that the datasheet leaves open, or that no driver here uses.
            $other(u8),
        }

        impl $type {
            /// The kind behind the bits of the field.
            pub const fn from_bits(bits: u8) -> Self {
                match bits {
                    $($bits => Self::$kind,)+
                    other => Self::$other(other),
                }
            }

            /// The bits of the field.
            pub const fn into_bits(self) -> u8 {
                match self {
                    $(Self::$kind => $bits,)+
                    Self::$other(other) => other & $mask,
                }
            }
        }
    };
}

pub(crate) use kinds;

/// Asserts name, first and last place of a register array against literals.
#[cfg(test)]
pub(crate) fn assert_place<R: Register>(name: &str, first: u32, last: u32) {
    let mut offsets = R::Index::all().map(R::offset);
    assert_eq!(R::NAME, name);
    assert_eq!(offsets.next(), Some(first), "{name}, first");
    assert_eq!(offsets.last().unwrap_or(first), last, "{name}, last");
}

/// Asserts that each field, filled with ones, is exactly the literal mask.
#[cfg(test)]
macro_rules! assert_fields {
    ($type:ident: $($with:ident($value:expr) = $mask:literal),+ $(,)?) => {$(
        assert_eq!(
            u32::from($type::from(0).$with($value)),
            $mask,
            concat!(stringify!($type), ".", stringify!($with))
        );
    )+};
}

#[cfg(test)]
pub(crate) use assert_fields;
