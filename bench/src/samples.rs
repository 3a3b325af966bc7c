//! What a series of measurements comes to: its median and its quartiles.
//!
//! Quartiles and not extremes, because on a shared machine the worst measurement says
//! who else was there.

use std::fmt;

/// Median and quartiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// A quarter of the measurements are below.
    pub low: f64,
    /// Half of them are below.
    pub median: f64,
    /// A quarter of them are above.
    pub high: f64,
}

impl Spread {
    /// Of `samples`; `None` if there are none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| sorted.get((sorted.len().checked_sub(1)? * quarter + 2) / 4);
        Some(Self {
            low: *at(1)?,
            median: *at(2)?,
            high: *at(3)?,
        })
    }

    /// Of the ratio of measurements taken side by side.
    pub fn of_ratios(of: &[f64], to: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = of.iter().zip(to).map(|(of, to)| of / to).collect();
        Self::of(&ratios)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = *self;
        let digits = if median < 20.0 { 2 } else { 1 };
        write!(f, "{median:.digits$} ({low:.digits$} – {high:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_measurements_and_the_order_does_not_matter() {
        let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(
            spread,
            Some(Spread {
                low: 2.0,
                median: 3.0,
                high: 4.0
            })
        );
        assert_eq!(
            Spread::of(&[7.0]),
            Some(Spread {
                low: 7.0,
                median: 7.0,
                high: 7.0
            })
        );
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_taken_turn_by_turn() {
        let ratio = Spread::of_ratios(&[2.0, 40.0, 6.0], &[1.0, 20.0, 3.0]).unwrap();
        assert_eq!((ratio.low, ratio.high), (2.0, 2.0));
    }
}
