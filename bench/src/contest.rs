//! Contestants measured turn by turn.
//!
//! Whatever else the machine does then falls on all alike, and the ratio of two
//! measurements of one turn is worth more than that of two averages.

/// Something that can be measured again and again; each call measures it once.
pub type Measure<'m> = Box<dyn FnMut() -> f64 + 'm>;

/// Measures each of `contestants` once per turn, `turns` times after one that does not
/// count. What is `None` stays `None`.
pub fn contest(contestants: Vec<Option<Measure<'_>>>, turns: usize) -> Vec<Option<Vec<f64>>> {
    let mut contestants: Vec<_> = contestants
        .into_iter()
        .map(|measure| measure.map(|m| (m, Vec::new())))
        .collect();
    for turn in 0..=turns {
        for (measure, series) in contestants.iter_mut().flatten() {
            let measured = measure();
            if turn > 0 {
                series.push(measured);
            }
        }
    }
    contestants
        .into_iter()
        .map(|contestant| contestant.map(|(_, series)| series))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn contestants_take_turns_and_the_first_turn_does_not_count() {
        let order = RefCell::new(String::new());
        let note = |name: char| -> Option<Measure<'_>> {
            let order = &order;
            Some(Box::new(move || {
                order.borrow_mut().push(name);
                order.borrow().len() as f64
            }))
        };
        let measured = contest(vec![note('a'), None, note('b')], 2);
        assert_eq!(*order.borrow(), "ababab");
        assert_eq!(measured, [Some(vec![3.0, 5.0]), None, Some(vec![4.0, 6.0])]);
    }
}
