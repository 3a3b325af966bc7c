//! The counters, for a program: one JSON object on the second serial line.
//!
//! Names and nesting are those of `lockgate run --report`, of which this is a part.

use core::fmt::{self, Display};

use lockgate_dataplane::stats::{Drops, PartitionStats, Traffic, WorkerStats};
use lockgate_vmdq::{Plan, Reason};

/// What one worker counted under one plan.
pub(crate) struct Report<'r> {
    pub(crate) plan: &'r Plan,
    pub(crate) stats: &'r WorkerStats,
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = &self.stats.wire;
        f.write_str("{\"wire\":")?;
        write_traffic(f, &wire.rx, &wire.tx, &wire.drops)?;
        f.write_str(",\"partitions\":{")?;
        for (n, partition) in self.plan.partitions().iter().enumerate() {
            let counted = self.stats.partitions.get(partition.id.index());
            let Some(PartitionStats { rx, tx, drops, .. }) = counted else {
                continue;
            };
            let comma = if n > 0 { "," } else { "" };
            // The checker lets no name through that JSON would have to escape.
            write!(f, "{comma}\"{}\":", partition.name)?;
            write_traffic(f, rx, tx, drops)?;
        }
        f.write_str("}}")
    }
}

fn write_traffic(
    f: &mut fmt::Formatter<'_>,
    rx: &Traffic,
    tx: &Traffic,
    drops: &Drops,
) -> fmt::Result {
    let (rx_frames, rx_bytes) = (rx.frames.get(), rx.bytes.get());
    let (tx_frames, tx_bytes) = (tx.frames.get(), tx.bytes.get());
    write!(
        f,
        "{{\"rx_frames\":{rx_frames},\"rx_bytes\":{rx_bytes},\
         \"tx_frames\":{tx_frames},\"tx_bytes\":{tx_bytes},\"drops\":{{"
    )?;
    let counted = Reason::ALL
        .into_iter()
        .filter(|&reason| drops.get(reason) > 0);
    for (n, reason) in counted.enumerate() {
        let comma = if n > 0 { "," } else { "" };
        write!(f, "{comma}\"{}\":{}", reason.name(), drops.get(reason))?;
    }
    f.write_str("}}")
}
