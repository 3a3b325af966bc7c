//! Whether the hugepages of the machine were enough for a card's memory.
//!
//! The driver takes hugepages where it can get them and ordinary pages elsewhere; this
//! only tells, so that nobody wonders about the speed.

use std::fs;

/// Hugepages of 2 MiB that nobody has taken (Linux, admin-guide/mm/hugetlbpage).
const FREE: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";

/// Whether the card's memory, just taken, is or may be on ordinary pages: no hugepage is
/// left. On a kernel without hugepages there is nothing to say.
pub(super) fn ran_out() -> bool {
    fs::read_to_string(FREE).is_ok_and(|free| free.trim() == "0")
}
