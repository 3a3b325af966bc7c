//! `read_back`: it equals the plan, and any bit turned over behind the driver shows.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use lockgate_drivers::device::{Bar, Card};
use lockgate_drivers::{Queues, RingSizes, open};
use lockgate_tests::random::Random;
use lockgate_tests::subject::{Kind, Subject};

use super::{Feature, everywhere};

const SIZES: RingSizes = RingSizes { rx: 64, tx: 64 };

/// How many policies are tried on each device.
const POLICIES: u64 = 200;

/// First offset of registers, how many, stride.
type Block = (u32, u32, u32);

/// Registers that say who gets and who sends what, common to all families: RXCSUM, RFCTL,
/// MTA, RETA, RSSRK, MRQC (datasheets of 82574, 82576 and 82599).
const COMMON: [Block; 6] = [
    (0x5000, 1, 4),
    (0x5008, 1, 4),
    (0x5200, 128, 4),
    (0x5C00, 32, 4),
    (0x5C80, 10, 4),
    (0x5818, 1, 4),
];

/// RCTL, VFTA, RAL and RAH of both banks, VLVF, VMOLR, RPLOLR, VMVIR, VFRE, VFTE, VT_CTL,
/// DTXSWC, QDE, RLPML, UTA.
const IGB: [Block; 15] = [
    (0x0100, 1, 4),
    (0x5600, 128, 4),
    (0x5400, 32, 4),
    (0x54E0, 16, 4),
    (0x5D00, 32, 4),
    (0x5AD0, 8, 4),
    (0x5AF0, 1, 4),
    (0x3700, 8, 4),
    (0x0C8C, 1, 4),
    (0x0C90, 1, 4),
    (0x581C, 1, 4),
    (0x3500, 1, 4),
    (0x2408, 1, 4),
    (0x5004, 1, 4),
    (0xA000, 128, 4),
];

/// RCTL, VFTA, RAL and RAH, TCTL.
const E1000E: [Block; 4] = [
    (0x0100, 1, 4),
    (0x5600, 128, 4),
    (0x5400, 32, 4),
    (0x0400, 1, 4),
];

/// FCTRL, VLNCTRL, MCSTCTRL, HLREG0, MAXFRS, MFLCN, RDRXCTL, RXCTRL, MTQC; RAL and RAH,
/// MPSAR; VFTA, PFUTA; PFVLVF, PFVLVFB; PFVML2FLT, PFVMVIR, PSRTYPE, PFVFSPOOF; PFVFRE,
/// PFVFTE, PFDTXGSWC, PFVTCTL; GCR_EXT, GPIE; RQSMR. Of RTTDT1C and
/// RTTBCNRC, which another selects, the driver's own tests turn bits over.
const IXGBE: [Block; 25] = [
    (0x5080, 1, 4),
    (0x5088, 1, 4),
    (0x5090, 1, 4),
    (0x4240, 1, 4),
    (0x4268, 1, 4),
    (0x4294, 1, 4),
    (0x2F00, 1, 4),
    (0x3000, 1, 4),
    (0x8120, 1, 4),
    (0xA200, 256, 4),
    (0xA600, 256, 4),
    (0xA000, 128, 4),
    (0xF400, 128, 4),
    (0xF100, 64, 4),
    (0xF200, 128, 4),
    (0xF000, 64, 4),
    (0x8000, 64, 4),
    (0xEA00, 64, 4),
    (0x8200, 8, 4),
    (0x51E0, 2, 4),
    (0x8110, 2, 4),
    (0x8220, 1, 4),
    (0x51B0, 1, 4),
    (0x1_1050, 1, 4),
    (0x2300, 32, 4),
];

/// RTTDT1C and RTTBCNRC: what they read depends on what was written before.
const SELECTED: [u32; 2] = [0x4908, 0x4984];

/// A policy that uses most of what there is.
const POLICY: &str = r#"
[nic]
device = "model:82576"
workers = [0, 1]
[[partition]]
name = "red"
macs = ["02:00:00:00:00:01", "02:00:00:00:01:01"]
vlans = [10, 4094]
queues = 2
wire = "both"
multicast = ["01:00:5e:00:00:fb"]
rss = { key = "symmetric", hash = ["ipv4", "ipv4-tcp", "ipv6-tcp"] }
[[partition]]
name = "blue"
macs = ["02:00:00:00:00:02"]
vlans = [0, 20]
wire = "both"
[[partition]]
name = "deaf"
macs = ["02:00:00:00:00:03"]
vlans = [10]
wire = "out"
"#;

pub(crate) fn features() -> Vec<Feature> {
    vec![
        everywhere(
            "read-back equals the plan of 200 random policies",
            random_policies,
        ),
        everywhere("read-back notices any bit turned over", any_bit),
    ]
}

fn random_policies(kind: Kind) {
    let seed = Random::seed("LOCKGATE_SEED");
    println!("LOCKGATE_SEED={seed}");
    let mut random = Random::new(seed);
    let subject = Subject::new(kind);
    let mut nic = open(subject.card()).unwrap();
    for n in 0..POLICIES {
        let text = policy(&mut random, kind);
        let plan = kind.plan(&text);
        let queues = nic.start(&plan, SIZES).unwrap();
        let held = nic.read_back().unwrap();
        assert!(
            held == *plan.hardware(),
            "policy {n} of seed {seed}:\n{text}\n{held:?}"
        );
        drop(queues);
    }
}

/// A sound policy for a card of `kind`.
fn policy(random: &mut Random, kind: Kind) -> String {
    let mtu = random.among(&[68, 576, 1500, 1501, 4000, 9000]);
    let workers = random.among(&["[0]", "[0, 1]", "[0, 1, 2]"]);
    let mut text = format!("[nic]\ndevice = 'model:82576'\nmtu = {mtu}\nworkers = {workers}\n");
    let count = 1 + random.below(if kind.has_pools() { 8 } else { 5 });
    let (key, queues) = (
        random.among(&["microsoft", "symmetric"]),
        1 + random.below(2),
    );
    let hash = random.among(&[
        "['ipv4']",
        "['ipv4', 'ipv4-tcp', 'ipv4-udp']",
        "['ipv6-tcp']",
    ]);
    for p in 0..count {
        let macs: Vec<_> = (0..1 + random.below(3))
            .map(|n| format!("'02:{:02x}:00:00:{p:02x}:{n:02x}'", random.below(256)))
            .collect();
        let vlans: Vec<_> = (0..random.below(5))
            .map(|n| 4 * (100 * p + n) % 4095)
            .collect();
        let groups: Vec<_> = (0..random.below(4))
            .map(|n| format!("'01:00:5e:{n:02x}:{:02x}:{:02x}'", random.below(256), n))
            .collect();
        let multicast = match random.below(8) {
            0 => "'all'".to_owned(),
            _ => format!("[{}]", groups.join(", ")),
        };
        let wire = random.among(&["both", "both", "in", "out", "none"]);
        let own = if random.below(2) == 0 { 1 } else { queues };
        write!(
            text,
            "[[partition]]\nname = 'p{p}'\nmacs = [{}]\nvlans = {vlans:?}\nqueues = {own}\n\
             wire = '{wire}'\nbroadcast = {}\nmulticast = {multicast}\n\
             rss = {{ key = '{key}', hash = {hash} }}\n",
            macs.join(", "),
            random.below(2) == 0,
        )
        .expect("memory");
        if random.below(3) == 0 {
            let rate = 10 + random.below(990);
            writeln!(text, "tx = {{ rate = '{rate}Mbit/s' }}").expect("memory");
        }
    }
    text
}

/// Registers as last read, so that a look at all of them costs one device nothing.
struct Remembered {
    bar: Arc<dyn Bar>,
    /// `None` while nothing is to be remembered.
    words: Mutex<Option<HashMap<u32, u32>>>,
}

impl Remembered {
    fn remember(&self, offset: u32, value: u32) {
        self.words
            .lock()
            .unwrap()
            .as_mut()
            .expect("it remembers")
            .insert(offset, value);
    }
}

impl Bar for Remembered {
    fn read(&self, offset: u32) -> u32 {
        match &mut *self.words.lock().unwrap() {
            None => self.bar.read(offset),
            Some(_) if SELECTED.contains(&offset) => self.bar.read(offset),
            Some(words) => *words.entry(offset).or_insert_with(|| self.bar.read(offset)),
        }
    }

    fn write(&self, offset: u32, value: u32) {
        self.bar.write(offset, value);
    }

    fn flush(&self) {
        self.bar.flush();
    }
}

fn any_bit(kind: Kind) {
    let subject = Subject::new(kind);
    let card = subject.card();
    let bar = Arc::new(Remembered {
        bar: card.bar.clone(),
        words: Mutex::default(),
    });
    let plan = kind.plan(POLICY);
    let mut nic = open(Card {
        bar: bar.clone(),
        ..subject.card()
    })
    .unwrap();
    let _queues: Queues = nic.start(&plan, SIZES).unwrap();
    *bar.words.lock().unwrap() = Some(HashMap::new());
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());

    let own: &[Block] = match kind.capabilities().family {
        "ixgbe" => &IXGBE,
        "igb" => &IGB,
        _ => &E1000E,
    };
    let blocks = COMMON.iter().chain(own);
    let offsets =
        blocks.flat_map(|&(first, count, stride)| (0..count).map(move |n| first + stride * n));
    let (mut noticed, mut not_kept) = (0, Vec::new());
    for offset in offsets {
        let before = card.bar.read(offset);
        for bit in 0..32 {
            card.bar.write(offset, before ^ 1 << bit);
            let held = card.bar.read(offset);
            if held == before {
                not_kept.push((offset, bit));
                continue;
            }
            bar.remember(offset, held);
            let same = nic.read_back().unwrap() == *plan.hardware();
            assert!(
                !same,
                "register {offset:#06x}, bit {bit}: {before:#010x} to {held:#010x}"
            );
            noticed += 1;
            card.bar.write(offset, before);
        }
        assert_eq!(
            card.bar.read(offset),
            before,
            "register {offset:#06x} is restored"
        );
        bar.remember(offset, before);
    }
    assert_eq!(&nic.read_back().unwrap(), plan.hardware());
    let words: usize = COMMON.iter().chain(own).map(|block| block.1 as usize).sum();
    println!(
        "{noticed} bits of {words} registers noticed; not kept: {}",
        not_kept.len()
    );
    // What a card does not keep cannot be held against it, but it must stay the exception.
    assert!(
        noticed > 2 * not_kept.len(),
        "{noticed} noticed, {} not kept",
        not_kept.len()
    );
}
