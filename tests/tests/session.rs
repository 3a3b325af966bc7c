//! A running session as others see it: its figures while it lasts, what it tells, how it ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockgate::capture::replay::Replay;
use lockgate::capture::writer::CaptureWriter;
use lockgate::endpoints::Sources;
use lockgate::snapshot::{Phase, Snapshot};
use lockgate::supervisor::{Ending, Event, Options, Session, StopRequest};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_vmdq::{Plan, Reason};

/// Longest that anything here may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any lane holds.
const MANY: usize = 5000;

const A: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 0, 0xee];
const EVERYBODY: [u8; 6] = [0xff; 6];

/// Two partitions on one segment that may talk to each other.
fn plan() -> Arc<Plan> {
    Arc::new(cards::plan(
        r#"
[nic]
device = "model:82576"
workers = [0]
[[partition]]
name = "a"
macs = ["02:00:00:00:00:0a"]
queues = 2
[[partition]]
name = "b"
macs = ["02:00:00:00:00:0b"]
[[flow]]
from = "a"
to = "b"
[[flow]]
from = "b"
to = "a"
"#,
    ))
}

fn frame(dst: [u8; 6], src: [u8; 6]) -> Vec<u8> {
    let mut frame = [&dst[..], &src, &[0x12, 0x34]].concat();
    frame.resize(100, 0x5a);
    frame
}

/// A capture of `count` frames that begins with `frames` over and over.
fn capture(folder: &Path, name: &str, frames: &[Vec<u8>], count: usize) -> PathBuf {
    let mut capture = CaptureWriter::create(folder, name).expect("a folder");
    for frame in frames.iter().cycle().take(count) {
        capture
            .write(0, frame, None, None)
            .expect("room on the disk");
    }
    let path = capture.target().to_owned();
    capture.finish().expect("room on the disk");
    path
}

/// Frames from outside and from `a`, some of them for nobody.
fn busy(folder: &Path) -> Sources {
    let stranger = [2, 0, 0, 0, 0, 0x99];
    let arriving = [A, B, EVERYBODY, stranger].map(|dst| frame(dst, OUTSIDE));
    let leaving = [
        frame(B, A),
        frame(OUTSIDE, A),
        frame(EVERYBODY, A),
        frame(B, stranger),
    ];
    let wire = capture(folder, "arriving", &arriving, MANY);
    let from_a = capture(folder, "leaving", &leaving, MANY);
    Sources {
        wire: Some(Replay::open(&wire).expect("a capture")),
        partitions: vec![Some(Replay::open(&from_a).expect("a capture")), None],
        ..Sources::default()
    }
}

fn options(model: &Model, sources: Sources) -> Options {
    Options {
        device: "model:82576".to_owned(),
        model: Some(model.clone()),
        alarm: None,
        sources,
        captures: None,
        duration: None,
        stop: StopRequest::new().expect("descriptors are left"),
    }
}

fn start(sources: Sources) -> Session {
    let model = Model::i82576();
    Session::start(plan(), model.card(), options(&model, sources)).expect("it starts")
}

/// Waits for an event that `wanted` takes.
fn wait_for(session: &Session, wanted: impl Fn(&Event) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = session.events().recv_timeout(left).expect("it happens");
        if wanted(&event) {
            return;
        }
    }
}

/// Every count of a snapshot that can only rise.
fn counts(snapshot: &Snapshot) -> Vec<u64> {
    let wire = &snapshot.wire;
    let mut counts = vec![
        snapshot.elapsed_ns,
        wire.rx.frames,
        wire.rx.bytes,
        wire.tx.frames,
        wire.delivered,
        wire.copies,
        wire.drops.total(),
    ];
    for partition in &snapshot.partitions {
        let port = partition.port.expect("an endpoint of ours");
        counts.extend([
            partition.rx.frames,
            partition.tx.frames,
            port.taken,
            port.sent,
        ]);
        counts.push(partition.drops.total());
        counts.extend(&partition.queues);
    }
    counts.extend(snapshot.workers.iter().map(|worker| worker.passes));
    counts
}

#[track_caller]
fn assert_sound(snapshot: &Snapshot) {
    let wire = &snapshot.wire;
    let settled = wire.delivered + wire.drops.total();
    assert!(wire.rx.frames >= settled, "{wire:?}");
    for partition in &snapshot.partitions {
        let through_queues: u64 = partition.queues.iter().sum();
        assert!(partition.rx.frames >= through_queues, "{partition:?}");
    }
}

#[test]
fn snapshots_under_traffic_are_sound_and_no_count_ever_falls() {
    let folder = tempfile::tempdir().expect("a folder");
    let session = start(busy(folder.path()));
    let mut last = session.snapshot();
    let mut moving = 0;
    while !matches!(last.phase, Phase::Ended) {
        let next = session.snapshot();
        assert_sound(&next);
        let (before, after) = (counts(&last), counts(&next));
        let falls = before
            .iter()
            .zip(&after)
            .position(|(before, after)| after < before);
        assert_eq!(falls, None, "{before:?} {after:?}");
        moving += usize::from(before != after);
        last = next;
    }
    assert!(moving > 10, "only {moving} looks saw anything move");
    session.wait().expect("it runs");
}

#[test]
fn the_report_says_what_the_last_snapshot_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = start(busy(folder.path())).wait().expect("it runs");
    let (end, report) = (&outcome.snapshot, outcome.report().expect("it adds up"));
    assert_eq!((outcome.ending, end.phase), (Ending::Drained, Phase::Ended));
    assert_eq!(report.wire.rx_frames, end.wire.rx.frames);
    assert_eq!(report.wire.tx_bytes, end.wire.tx.bytes);
    assert_eq!(
        report.wire.drops.values().sum::<u64>(),
        end.wire.drops.total()
    );
    for (partition, figures) in report.partitions.iter().zip(&end.partitions) {
        assert_eq!(partition.rx_frames, figures.rx.frames);
        assert_eq!(partition.tx_frames, figures.tx.frames);
        assert_eq!(partition.drops.values().sum::<u64>(), figures.drops.total());
        let queues = partition.queues.iter().map(|queue| queue.rx_frames);
        assert!(queues.eq(figures.queues.iter().copied()));
        assert_eq!(figures.queues.iter().sum::<u64>(), figures.rx.frames);
        // Who was given a frame has taken it out of the lane.
        let port = figures.port.expect("an endpoint of ours");
        assert_eq!(
            (port.taken, port.latency),
            (figures.rx.frames, partition.latency_ns)
        );
    }
    assert!(report.accounts.balance());
}

#[test]
fn replays_at_full_speed_lose_nothing_to_a_full_ring() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = start(busy(folder.path())).wait().expect("it runs");
    let each = MANY as u64 / 4;
    let [a, b] = &outcome.snapshot.partitions[..] else {
        panic!("two partitions");
    };
    assert_eq!(a.rx.frames, 2 * each);
    assert_eq!(b.rx.frames, 4 * each);
    assert_eq!(a.port.expect("an endpoint").sent, MANY as u64);
    assert_eq!(a.drops.get(Reason::SpoofedMac), each);
    for partition in [a, b] {
        assert_eq!(partition.drops.get(Reason::RingFull), 0);
    }
}

#[test]
fn a_request_to_stop_that_comes_before_the_start_is_not_lost() {
    let model = Model::i82576();
    let options = options(&model, Sources::default());
    options.stop.request();
    let begun = Instant::now();
    let session = Session::start(plan(), model.card(), options).expect("it starts");
    let outcome = session.wait().expect("it ends");
    assert_eq!(outcome.ending, Ending::Stopped);
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn without_a_replay_a_session_lasts_until_it_is_asked_to_stop() {
    let session = start(Sources::default());
    wait_for(&session, |event| {
        matches!(event, Event::Ready { link_up: true })
    });
    assert_eq!(session.snapshot().phase, Phase::Running);
    session.request_stop();
    assert_eq!(session.wait().expect("it ends").ending, Ending::Stopped);
}

#[test]
fn a_cable_that_is_pulled_out_is_told_of() {
    let model = Model::i82576();
    let options = options(&model, Sources::default());
    let session = Session::start(plan(), model.card(), options).expect("it starts");
    wait_for(&session, |event| matches!(event, Event::Ready { .. }));
    model.set_link(false);
    wait_for(&session, |event| *event == Event::LinkChanged { up: false });
    assert!(!session.snapshot().card.link_up);
}

#[test]
fn a_card_that_is_pulled_out_ends_the_session_with_a_failure() {
    let model = Model::i82576();
    let options = options(&model, Sources::default());
    let session = Session::start(plan(), model.card(), options).expect("it starts");
    wait_for(&session, |event| matches!(event, Event::Ready { .. }));
    model.unplug();
    let failure = session.wait().expect_err("the card is gone");
    assert_eq!(failure.status(), 1);
}
