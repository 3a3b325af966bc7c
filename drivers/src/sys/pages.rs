//! Pages that a NIC may reach (under construction).

/// Zeroed, page-aligned, pinned-on-map memory.
#[derive(Debug)]
pub struct Pages {}

impl Pages {
    /// Zeroed pages for at least `bytes` bytes.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(_bytes: usize) -> std::io::Result<Self> {
        Ok(Self {})
    }
}
