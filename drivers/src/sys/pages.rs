//! Pages that a NIC may reach (under construction).

/// Zeroed, page-aligned, pinned-on-map memory.
#[derive(Debug)]
pub struct Pages {}
