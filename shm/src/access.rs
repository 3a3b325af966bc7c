//! Whether memory may be written.

/// Whether a region may be written: [`ReadWrite`] or [`ReadOnly`].
pub trait Access: Copy + Send + Sync + 'static {}

/// Access to memory that this process may read and write.
#[derive(Debug, Clone, Copy)]
pub enum ReadWrite {}

/// Access to memory that this process may read, and a store to which would end it.
#[derive(Debug, Clone, Copy)]
pub enum ReadOnly {}

impl Access for ReadWrite {}
impl Access for ReadOnly {}
