//! Bind and unbind, run after run, and a run that is killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockgate_tests::guest::ADDRESS;

use super::Case;
use super::bench::{Bench, PROGRAM, SHORT, numbered, refused};

pub(crate) const CASES: &[Case] = &[
    ("bind and unbind", bind_and_unbind),
    ("run, stop, run again", run_again),
    ("kill -9 in full traffic, then start again", killed),
    ("a second process on the same card", second_process),
];

fn driver(bench: &Bench) -> String {
    let link = format!("/sys/bus/pci/devices/{ADDRESS}/driver");
    bench
        .run(&format!("basename $(readlink {link} || echo none)"))
        .text
}

fn bind_and_unbind(bench: &Bench) {
    assert_eq!(driver(bench), "vfio-pci");
    for _ in 0..3 {
        bench.ok(&format!("{PROGRAM} nic unbind {ADDRESS}"));
        assert_eq!(driver(bench), "none");
        refused(
            &bench.run(&bench.command("--duration 1")),
            &["lockgate nic bind"],
        );
        bench.ok(&format!("{PROGRAM} nic bind {ADDRESS}"));
        assert_eq!(driver(bench), "vfio-pci");
    }
}

/// One run in which every frame for blue arrives and red's leave.
fn whole_run(bench: &Bench) {
    bench.start();
    let left = bench.exchange(320);
    let report = bench.stop();
    assert_eq!(report["partitions"]["blue"]["rx_frames"], 320, "{report}");
    assert!(left > 50, "{left} frames of red's left");
    assert_eq!(bench.refused(), "", "the card stays in its domain");
}

fn run_again(bench: &Bench) {
    for _ in 0..3 {
        whole_run(bench);
    }
}

fn killed(bench: &Bench) {
    for _ in 0..3 {
        bench.start();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Both ways, all the while: before, at and after the moment of the kill.
            let feeder = scope.spawn(|| {
                let mut sent = 0;
                while !over.load(Ordering::Relaxed) {
                    let deadline = Instant::now() + Duration::from_millis(20);
                    let number = numbered(2, 9, sent);
                    sent += u32::from(bench.guest.emulator().send(&number, deadline).is_ok());
                    while bench.left(Duration::ZERO).is_some() {}
                }
                sent
            });
            thread::sleep(Duration::from_millis(700));
            bench.ok("kill -9 $pid; wait $pid; true");
            thread::sleep(Duration::from_millis(300));
            over.store(true, Ordering::Relaxed);
            assert!(feeder.join().expect("a feeder") > 100, "there was traffic");
        });
        assert_eq!(
            bench.refused(),
            "",
            "no DMA into memory that is not its own any more"
        );
        // The card is free, and what waited in the cable does no harm.
        bench.start();
        let settled = Instant::now() + SHORT;
        while !bench.guest.emulator().wire().is_empty() && Instant::now() < settled {
            thread::sleep(Duration::from_millis(10));
        }
        bench.stop();
        whole_run(bench);
    }
}

fn second_process(bench: &Bench) {
    bench.start();
    refused(
        &bench.run(&bench.command("--duration 1")),
        &["another process"],
    );
    bench.exchange(320);
    let report = bench.stop();
    assert_eq!(
        report["partitions"]["blue"]["rx_frames"], 320,
        "the first goes on: {report}"
    );
}
