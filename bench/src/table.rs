//! Tables of Markdown: a row for each contestant, and how it compares with one of them.

use std::fmt::Write;

use crate::samples::Spread;

/// One contestant and its measurements, a series for each column.
pub struct Row {
    /// What is measured.
    pub name: &'static str,
    /// Its measurements, in the order of the columns and of the turns; `None` if this
    /// machine does not have it.
    pub series: Option<Vec<Vec<f64>>>,
}

/// A table with two columns for each of `columns`: the measurements, and their ratio to
/// those of the row called `yardstick`.
pub fn table(columns: &[&str], rows: &[Row], yardstick: &str) -> String {
    let mut text = "| |".to_owned();
    for column in columns {
        let _ = write!(text, " {column} | to {yardstick} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|---|".repeat(columns.len()));
    let measure = rows.iter().find(|row| row.name == yardstick);
    let measure = measure.and_then(|row| row.series.as_ref());
    for row in rows {
        let _ = write!(text, "| {} |", row.name);
        for column in 0..columns.len() {
            let of = row.series.as_ref().and_then(|series| series.get(column));
            let to = measure.and_then(|series| series.get(column));
            let own = of.and_then(|of| Spread::of(of));
            let ratio = of.zip(to).and_then(|(of, to)| Spread::of_ratios(of, to));
            let _ = match (own, ratio) {
                (None, _) => write!(text, " missing | – |"),
                (Some(own), None) => write!(text, " {own} | – |"),
                (Some(own), Some(ratio)) => write!(text, " {own} | {ratio} |"),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_compared_with_the_yardstick_and_a_missing_one_says_so() {
        let rows = [
            Row {
                name: "ours",
                series: Some(vec![vec![2.0]]),
            },
            Row {
                name: "theirs",
                series: Some(vec![vec![4.0]]),
            },
            Row {
                name: "other",
                series: None,
            },
        ];
        let lines = "| | ns | to theirs |\n|---|---|---|\n\
            | ours | 2.00 (2.00 – 2.00) | 0.50 (0.50 – 0.50) |\n\
            | theirs | 4.00 (4.00 – 4.00) | 1.00 (1.00 – 1.00) |\n\
            | other | missing | – |\n";
        assert_eq!(table(&["ns"], &rows, "theirs"), lines);
        let alone = table(&["ns"], &rows, "other");
        assert!(
            alone.contains("| ours | 2.00 (2.00 – 2.00) | – |"),
            "{alone}"
        );
    }
}
