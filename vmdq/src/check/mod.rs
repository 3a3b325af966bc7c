//! Whether a specification is lawful.
//!
//! [`PlanSpec::check`] is what every plan has passed, whoever asked for it. What is wrong in the
//! specification itself is reported before what crosses a line, and that before what the card
//! cannot hold; all that is wrong of one kind is reported at once, in the specification's order.
//!
//! Not here: what concerns pairs (`levels`), limits of the card (`fit`), filters, which are
//! counted where they are made (`hardware`).

mod attachment;
mod fit;
mod levels;
mod lists;

pub(crate) use fit::Fit;

use crate::prelude::*;
use crate::{
    Capabilities, Machine, PartitionPart, PlanError, PlanErrorKind as Kind, PlanSpec, SpecPlace,
};

/// What is wrong; nothing is if it is empty.
pub(crate) type Refusals = Vec<PlanError>;

impl PlanSpec {
    /// Checks everything that does not need the card's filters; how it fits `card`, if it is
    /// lawful.
    pub(crate) fn check(&self, card: &Capabilities) -> Result<Fit, Refusals> {
        let mut refusals = lists::check(self, card);
        refuse(&mut refusals)?;
        let graph = levels::Graph::new(self);
        graph.check_segments(&mut refusals);
        refuse(&mut refusals)?;
        graph.check_ways_down(&mut refusals);
        refuse(&mut refusals)?;
        Fit::new(self, card)
    }

    /// Refuses every core that `machine` does not have.
    ///
    /// A plan is lawful without the machine, since it may be made on another; who runs it asks.
    ///
    /// # Errors
    /// One for each user of such a core; at least one.
    pub fn check_machine(&self, machine: &Machine) -> Result<(), Vec<PlanError>> {
        let missing = |core: &u16| !machine.cores.contains(core);
        let refuse = |user: String, core: u16, at: SpecPlace| {
            let cores = machine.cores.clone();
            Kind::NoSuchCore { user, core, cores }.at(at)
        };
        let mut refusals = Vec::new();
        if let Some(at) = self.workers.iter().position(missing) {
            refusals.push(refuse(
                "a worker".into(),
                self.workers[at],
                SpecPlace::Worker(at),
            ));
        }
        for (partition, spec) in self.partitions.iter().enumerate() {
            if let Some(at) = spec.cores.iter().position(missing) {
                let part = PartitionPart::Core(at);
                let user = format!("partition `{}`", spec.name);
                refusals.push(refuse(
                    user,
                    spec.cores[at],
                    SpecPlace::Partition { partition, part },
                ));
            }
        }
        refuse_all(refusals)
    }
}

/// Ends a phase: what it found, if that is anything.
fn refuse(refusals: &mut Refusals) -> Result<(), Refusals> {
    refuse_all(core::mem::take(refusals))
}

fn refuse_all(refusals: Refusals) -> Result<(), Refusals> {
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}
