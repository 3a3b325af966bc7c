//! Plans in their byte form, as a file or a control socket brings them.

use lockgate_vmdq::Plan;

/// Decodes `data`. What is accepted has one byte form, which decodes to itself.
///
/// # Panics
/// When an accepted plan comes out otherwise than it went in.
pub fn plan(data: &[u8]) {
    let Ok(plan) = Plan::decode(data) else {
        return;
    };
    assert_eq!(plan.encode(), data, "one canonical form");
}
