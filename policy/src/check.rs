//! A policy's way to a [`Plan`].
//!
//! The rule: this file resolves names, fills in what the text leaves out and knows places; every
//! refusal that concerns what is lawful is [`Plan::new`]'s, and is only given its place here.

use lockgate_vmdq::{
    Capabilities, FlowPart, FlowSpec, Machine, Multicast, Numbers, PartitionId, PartitionPart,
    PartitionSpec, Plan, PlanError, PlanErrorKind, PlanSpec, Segment, SpecPlace, WireSource,
    number_partitions,
};

use crate::{
    At, Flow, MulticastList, Partition, Policy, PolicyError, PolicyErrorKind as Kind, PolicyErrors,
};

impl Policy {
    /// Checks the whole policy against `card` and `machine`, and makes it a plan.
    ///
    /// # Errors
    /// All that is wrong of the first kind that is found: names before what is lawful, that
    /// before what the card holds, and that before what the machine has.
    pub fn check(&self, card: &Capabilities, machine: &Machine) -> Result<Plan, PolicyErrors> {
        self.plan(None, card, machine)
    }

    /// The same for a policy that takes the place of another while that runs: partitions which
    /// `before` has under the same name keep their number and, if the card is cut the same
    /// way, their pool; nobody else gets the number of a partition of `before`.
    ///
    /// # Errors
    /// As for [`Policy::check`]; also if so many names are new that no numbers are left.
    pub fn check_succeeding(
        &self,
        before: &Plan,
        card: &Capabilities,
        machine: &Machine,
    ) -> Result<Plan, PolicyErrors> {
        self.plan(Some(before), card, machine)
    }

    fn plan(
        &self,
        before: Option<&Plan>,
        card: &Capabilities,
        machine: &Machine,
    ) -> Result<Plan, PolicyErrors> {
        let mut spec = self.spec(before, card, machine)?;
        let missing_cores = spec.check_machine(machine);
        if card.layouts.is_empty() {
            // One more would have no queue of the card to serve.
            spec.workers.truncate(card.rx_queues.into());
        }
        let plan = Plan::new(spec, card).map_err(|refusals| self.place_all(refusals))?;
        missing_cores.map_err(|refusals| self.place_all(refusals))?;
        Ok(plan)
    }

    /// The policy with names resolved and defaults filled in.
    fn spec(
        &self,
        before: Option<&Plan>,
        card: &Capabilities,
        machine: &Machine,
    ) -> Result<PlanSpec, PolicyErrors> {
        let mut errors = Vec::new();
        let numbers = self.numbers(before, card)?;
        let workers = match &self.nic.workers {
            Some(cores) => values(cores),
            None => vec![machine.cores.first().copied().unwrap_or(0)],
        };
        let mut partitions = Vec::new();
        for (partition, numbers) in self.partitions.iter().zip(&numbers) {
            let level = self.level(partition, &mut errors);
            let cores = endpoint_cores(partition, &workers, machine);
            partitions.push(partition_spec(partition, *numbers, level, cores));
        }
        let flows = self.flows(&numbers, &mut errors);
        let wire = self.wire_source(&mut errors);
        match PolicyErrors::of(errors) {
            Some(errors) => Err(errors),
            None => Ok(PlanSpec {
                policy_hash: self.hash,
                device: self.nic.device.to_string(),
                mtu: *self.nic.mtu,
                poll: *self.nic.poll,
                workers,
                levels: values(&self.levels.order),
                partitions,
                flows,
                wire,
            }),
        }
    }

    /// The numbers of the partitions, in their order.
    fn numbers(
        &self,
        before: Option<&Plan>,
        card: &Capabilities,
    ) -> Result<Vec<Numbers>, PolicyError> {
        let limit = card.most_partitions();
        if let Some(extra) = self.partitions.get(limit) {
            let kind = PlanErrorKind::TooManyPartitions {
                name: extra.name.value.clone(),
                number: limit + 1,
                card: card.card,
                limit,
            };
            return Err(Kind::Plan(kind).at(extra.name.at));
        }
        let names: Vec<_> = self.partitions.iter().map(|p| p.name.as_str()).collect();
        let queues = self.partitions.iter().map(|p| *p.queues).max();
        let layout = card.layout_for(names.len(), queues.unwrap_or(1));
        // If there is no such layout any will do: the plan is refused.
        let layout = layout.or(card.layouts.first().copied());
        let numbers = number_partitions(&names, layout, before);
        numbers.ok_or_else(|| Kind::NoNumbers.at(self.nic.device.at))
    }

    fn level(&self, partition: &Partition, errors: &mut Vec<PolicyError>) -> Option<u16> {
        let level = partition.level.as_ref()?;
        let mut known = self.levels.order.iter();
        let found = known.position(|known| known.value == level.value);
        let found = found.and_then(|found| u16::try_from(found).ok());
        if found.is_none() {
            let (name, text) = (partition.name.value.clone(), level.value.clone());
            errors.push(Kind::UnknownLevel { name, level: text }.at(level.at));
        }
        found
    }

    fn flows(&self, numbers: &[Numbers], errors: &mut Vec<PolicyError>) -> Vec<FlowSpec> {
        let mut find = |name: &At<String>| -> Option<PartitionId> {
            let mut named = self.partitions.iter().zip(numbers);
            let found = named.find(|(partition, _)| partition.name.value == name.value);
            if found.is_none() {
                let text = name.value.clone();
                errors.push(Kind::UnknownPartition { name: text }.at(name.at));
            }
            found.map(|(_, numbers)| numbers.id)
        };
        let mut flows = Vec::new();
        for Flow {
            from,
            to,
            downgrade,
        } in &self.flows
        {
            let ends = (find(from), find(to));
            if let (Some(from), Some(to)) = ends {
                let downgrade = downgrade.as_ref().map(|reason| reason.value.clone());
                flows.push(FlowSpec {
                    from,
                    to,
                    downgrade,
                });
            }
        }
        flows
    }

    fn wire_source(&self, errors: &mut Vec<PolicyError>) -> WireSource {
        let given = [
            ("replay", &self.wire.replay),
            ("tap", &self.wire.tap),
            ("interface", &self.wire.interface),
        ];
        let given: Vec<_> = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_ref()?)))
            .collect();
        if let [(first, one), (second, other), ..] = given[..] {
            let mut error = Kind::WireTwice { first, second }.at(one.at.max(other.at));
            error.also = Some(one.at.min(other.at));
            errors.push(error);
        }
        let text = |value: &At<String>| value.value.clone();
        match given.first() {
            None => WireSource::Nothing,
            Some(("replay", path)) => WireSource::Replay(text(path)),
            Some(("tap", name)) => WireSource::Tap(text(name)),
            Some((_, name)) => WireSource::Interface(text(name)),
        }
    }

    fn place_all(&self, refusals: Vec<PlanError>) -> PolicyErrors {
        let errors = refusals.into_iter().map(|refusal| self.place(refusal));
        let errors = PolicyErrors::of(errors.collect());
        // A plan is never refused without a reason.
        errors.unwrap_or_else(|| Kind::Plan(PlanErrorKind::NoPartition).at(0).into())
    }

    /// A refusal with its places in the text.
    fn place(&self, refusal: PlanError) -> PolicyError {
        PolicyError {
            at: self.offset(refusal.at),
            also: refusal.also.map(|also| self.offset(also)),
            kind: Box::new(Kind::Plan(*refusal.kind)),
        }
    }

    /// Where the text says what is at `place`; for a default, where it could.
    fn offset(&self, place: SpecPlace) -> usize {
        let workers = self.nic.workers.as_ref();
        let found = match place {
            SpecPlace::Whole => Some(0),
            SpecPlace::Mtu => Some(self.nic.mtu.at),
            SpecPlace::Workers => workers.map(|cores| cores.at),
            SpecPlace::Worker(i) => workers.and_then(|cores| at(cores, i)),
            SpecPlace::Level(i) => at(&self.levels.order, i),
            SpecPlace::Partition { partition, part } => {
                let partition = self.partitions.get(partition);
                partition.map(|partition| part_offset(partition, part))
            }
            SpecPlace::Flow { flow, part } => {
                let flow = self.flows.get(flow);
                flow.map(|flow| flow_offset(flow, part))
            }
            SpecPlace::Wire => self.wire.replay.as_ref().map(|replay| replay.at),
        };
        found.unwrap_or(self.nic.device.at)
    }
}

/// Where the text of a partition says `part`; its name if it does not.
fn part_offset(partition: &Partition, part: PartitionPart) -> usize {
    let written = |at: usize| Some(at).filter(|at| *at != 0);
    let found = match part {
        PartitionPart::Id | PartitionPart::Pool | PartitionPart::Name => None,
        PartitionPart::Level => partition.level.as_ref().map(|level| level.at),
        PartitionPart::Cores => partition.cores.as_ref().map(|cores| cores.at),
        PartitionPart::Core(i) => partition.cores.as_ref().and_then(|cores| at(cores, i)),
        PartitionPart::Queues => written(partition.queues.at),
        PartitionPart::Mac(i) => at(&partition.macs, i),
        PartitionPart::Segments => None,
        PartitionPart::Segment(i) => at(&partition.vlans, i),
        PartitionPart::Multicast(i) => at(partition.multicast.listed(), i),
        PartitionPart::Weight => written(partition.tx.weight.at),
        PartitionPart::Rate => partition.tx.rate.map(|rate| rate.at),
        PartitionPart::Attachment => Some(partition.attachment_at()),
    };
    found.unwrap_or(partition.name.at)
}

fn flow_offset(flow: &Flow, part: FlowPart) -> usize {
    match part {
        FlowPart::From => flow.from.at,
        FlowPart::To => flow.to.at,
        FlowPart::Downgrade => flow.downgrade.as_ref().map_or(flow.from.at, |why| why.at),
    }
}

fn at<T>(items: &[At<T>], i: usize) -> Option<usize> {
    items.get(i).map(|item| item.at)
}

fn values<T: Clone>(items: &[At<T>]) -> Vec<T> {
    items.iter().map(|item| item.value.clone()).collect()
}

/// The cores that the policy names, else those without a worker, else all.
fn endpoint_cores(partition: &Partition, workers: &[u16], machine: &Machine) -> Vec<u16> {
    if let Some(cores) = &partition.cores {
        return values(cores);
    }
    let free = machine.cores.iter().copied();
    let free: Vec<u16> = free.filter(|core| !workers.contains(core)).collect();
    if !free.is_empty() {
        free
    } else if !machine.cores.is_empty() {
        machine.cores.clone()
    } else {
        workers.to_vec()
    }
}

fn partition_spec(
    partition: &Partition,
    numbers: Numbers,
    level: Option<u16>,
    cores: Vec<u16>,
) -> PartitionSpec {
    let segments: Vec<Segment> = partition.segments().map(|on| on.value).collect();
    PartitionSpec {
        id: numbers.id,
        pool: numbers.pool,
        name: partition.name.value.clone(),
        level,
        cores,
        queues: *partition.queues,
        macs: values(&partition.macs),
        segments,
        wire: partition.wire,
        broadcast: partition.broadcast,
        multicast: match &partition.multicast {
            MulticastList::All => Multicast::All,
            MulticastList::List(macs) => Multicast::List(values(macs)),
        },
        rss: partition.rss,
        weight: *partition.tx.weight,
        rate: partition.tx.rate.map(|rate| rate.value),
        attachment: partition.attachment().clone(),
    }
}
