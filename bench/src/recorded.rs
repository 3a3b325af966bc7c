//! What Criterion recorded of a benchmark.
//!
//! Criterion prints for people and keeps its samples in files; tables are made of those.

use std::env;
use std::fs;
use std::path::PathBuf;

use lockgate_tests::machine;
use serde_json::Value;

use crate::samples::Spread;

/// The median of the samples of benchmark `id` of `group`, in nanoseconds per iteration;
/// `None` if there is no record.
pub fn median(group: &str, id: &str) -> Option<f64> {
    let path = folder().join(group).join(id).join("new/sample.json");
    let text = fs::read_to_string(path).ok()?;
    median_of(&serde_json::from_str(&text).ok()?)
}

/// Where Criterion writes; it looks into the environment before it asks cargo.
fn folder() -> PathBuf {
    let named = env::var_os("CRITERION_HOME").map(PathBuf::from);
    named.unwrap_or_else(|| machine::target().join("criterion"))
}

/// Of two lists, iterations and nanoseconds.
fn median_of(record: &Value) -> Option<f64> {
    let list = |name: &str| -> Option<Vec<f64>> {
        record
            .get(name)?
            .as_array()?
            .iter()
            .map(Value::as_f64)
            .collect()
    };
    Spread::of_ratios(&list("times")?, &list("iters")?).map(|spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_times_over_iterations() {
        let record = serde_json::json!({ "iters": [1.0, 2.0, 10.0], "times": [5.0, 12.0, 70.0] });
        assert_eq!(median_of(&record), Some(6.0));
        assert_eq!(median_of(&serde_json::json!({ "iters": [1.0] })), None);
    }
}
