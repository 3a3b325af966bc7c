//! What a register is: a 32-bit value with a name and a place in the BAR.
//!
//! Every register is either [`Stable`] or [`ClearsOnRead`], and never both, so
//! that an accessor can demand `&mut` for reads that change the card.
//!
//! Not here: the registers themselves (the modules of each family).

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

/// Gives a bit-field type its place: `register!(Type, "NAME", base)` or
/// `register!(Type, "NAME", Index, base, stride)`; `clears` first marks one
/// that clears on read.
macro_rules! register {
    (clears $type:ident, $name:literal, $($place:tt)+) => {
        $crate::register::register!(@place $type, $name, $($place)+);
        impl $crate::ClearsOnRead for $type {}
    };
    (@place $type:ident, $name:literal, $base:expr) => {
        $crate::register::register!(@place $type, $name, (), $base, 4);
    };
    (@place $type:ident, $name:literal, $index:ty, $base:expr, $stride:expr) => {
        impl $crate::Register for $type {
            const NAME: &'static str = $name;
            type Index = $index;
            const BASE: u32 = $base;
            const STRIDE: u32 = $stride;
        }
    };
    ($type:ident, $name:literal, $($place:tt)+) => {
        $crate::register::register!(@place $type, $name, $($place)+);
        impl $crate::Stable for $type {}
    };
}

/// Declares registers that are one plain number, with their places as in
/// `register!`.
macro_rules! words {
    ($($(#[$doc:meta])* $($kind:ident)? : $type:ident, $name:literal, ($($place:tt)+);)+) => {$(
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

        $crate::register::register!($($kind)? $type, $name, $($place)+);
    )+};
}

pub(crate) use {register, words};

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
