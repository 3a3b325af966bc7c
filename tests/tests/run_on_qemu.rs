//! The whole data plane, in this process, on QEMU's card from outside: what every
//! partition gets, and what leaves, is byte for byte what the model makes of it.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lockgate::capture::replay::Replay;
use lockgate::commands::{LoadedPolicy, load};
use lockgate::endpoints::Sources;
use lockgate::supervisor::{Event, Options, Session, StopRequest};
use lockgate_tests::capture;
use lockgate_tests::guest::compare::{Verdict, compare};
use lockgate_tests::guest::run::{CardKind, Outcome, Request, on_model};
use lockgate_tests::machine::{build_lockgate, workspace};
use lockgate_tests::qemu::Qemu;
use lockgate_vmdq::{AttachmentKind, Plan};

/// Longest that anything here may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Receive rings: RDH, RDT and RXDCTL of queue `n` (82576 datasheet, chapter 8.10).
const RING: u32 = 0xC000;
const RING_STRIDE: u32 = 0x40;
const QUEUES: u32 = 16;

/// What the driver may keep back of a ring before it rings a doorbell.
const KEPT: u32 = 32;

/// Every enabled ring has room for a burst again.
fn drained(qemu: &Qemu) -> bool {
    (0..QUEUES).all(|n| {
        let register = |offset| qemu.read(RING + RING_STRIDE * n + offset);
        let size = register(0x08) / 16;
        let enabled = register(0x28) & 1 << 25 != 0;
        !enabled || (register(0x18) + size - register(0x10)) % size >= size - KEPT
    })
}

/// QEMU drops silently when a ring is full, so each burst waits for the one before.
fn feed(qemu: &Qemu, frames: &[Vec<u8>]) {
    let deadline = Instant::now() + PATIENCE;
    for burst in frames.chunks(128) {
        for frame in burst {
            qemu.send(frame).expect("QEMU takes frames");
        }
        qemu.settle().expect("QEMU has read them");
        while !drained(qemu) {
            assert!(
                Instant::now() < deadline,
                "the worker does not empty the rings"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What has left by the cable, until nothing more comes.
fn collect(qemu: &Qemu) -> Vec<Vec<u8>> {
    let mut left = Vec::new();
    while let Some(frame) = qemu
        .receive(Duration::from_millis(500))
        .expect("QEMU lives")
    {
        left.push(frame);
    }
    left
}

fn own_replays(loaded: &LoadedPolicy, plan: &Plan) -> Vec<Option<Replay>> {
    let own = plan
        .partitions()
        .iter()
        .map(|partition| match &partition.attachment.kind {
            AttachmentKind::Pcap { replay: Some(file) } => {
                Some(Replay::open(&loaded.folder().join(file)).expect("the example's capture"))
            }
            _ => None,
        });
    own.collect()
}

/// Runs `policy` on QEMU's card and stops once all has been seen.
fn outside(policy: &Path, wire: &Path) -> Outcome {
    let loaded = load(policy, None).expect("a policy");
    let plan = Arc::new(loaded.check().expect("a sound policy"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arriving: Vec<_> = capture::read(wire)
        .expect("a capture")
        .into_iter()
        .map(|frame| frame.bytes)
        .collect();
    let qemu = Qemu::igb();
    let options = Options {
        device: "qemu:igb".into(),
        model: None,
        alarm: None,
        sources: Sources {
            partitions: own_replays(&loaded, &plan),
            ..Sources::default()
        },
        captures: Some(folder.path().to_owned()),
        duration: Some(PATIENCE),
        stop: StopRequest::new().expect("a pair of sockets"),
    };
    let session = Session::start(plan, qemu.card(), options).expect("it starts");
    loop {
        let event = session.events().recv_timeout(PATIENCE);
        if let Event::Ready { link_up } = event.expect("the session begins") {
            assert!(link_up, "QEMU's card has a link");
            break;
        }
    }
    feed(&qemu, &arriving);
    let left = collect(&qemu);
    session.request_stop();
    let outcome = session.wait().expect("it runs");
    let report = outcome.report().expect("every frame is accounted for");
    assert!(report.accounts.balance());
    Outcome {
        status: 0,
        folder,
        summary: String::new(),
        log: String::new(),
        left,
    }
}

#[test]
fn every_partition_gets_from_qemus_card_what_the_model_gives_it() {
    let policy = workspace().join("examples/mils.toml");
    let wire = workspace().join("examples/mils.pcap");
    let request = Request {
        lockgate: build_lockgate().expect("it builds"),
        policy: policy.clone(),
        replays: Vec::new(),
        card: CardKind::I82576,
    };
    let model = on_model(&request, Instant::now() + PATIENCE).expect("a run");
    assert_eq!(model.status, 0, "{}", model.log);
    let qemu = outside(&policy, &wire);
    let rows = compare(&qemu, &model).expect("captures");
    assert!(
        rows.iter().map(|row| row.frames).sum::<usize>() > 5000,
        "too little to compare"
    );
    for row in rows {
        assert!(!matches!(row.verdict, Verdict::Different(_)), "{row}");
    }
}
