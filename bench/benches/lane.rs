//! The lane against DPDK's ring, crossbeam's queue and `rtrb`: prints a section.

use lockgate_bench::channel::{CHANNELS, Channel, Ends, YARDSTICK};
use lockgate_bench::contest::{Measure, contest};
use lockgate_bench::ffi::cycles;
use lockgate_bench::machine::two_cores;
use lockgate_bench::table::{Row, table};
use lockgate_bench::travel::{alternating, one_way, round_trip};

const TURNS: usize = 25;
const BURSTS: [usize; 4] = [1, 8, 32, 64];
/// A multiple of every burst. A turn takes some milliseconds, less than a scheduler's slice.
const FRAMES: usize = 1 << 17;
const TRIPS: usize = 10_000;

const TEXT: &str = "\
Frames of 60 bytes, copied once on either side; 1024 slots each. `rte_ring` has one \
producer and one consumer, takes elements of 16 bytes in bulk, and copies 64 bytes into and out of \
buffers as far apart as the lane's. crossbeam and `rtrb` hold the 64 bytes in their elements and \
could not carry a longer frame. The lane copies as many bytes as a frame has, a number \
that the compiler does not know. Median, quartiles in brackets, of 25 turns; the ratio \
is of measurements of the same turn.
";

fn main() {
    println!("## Lane\n\n{TEXT}");
    let cores = two_cores();
    match cores {
        Some(cores) => between_cores(cores),
        None => println!("This machine has one core: frames between two were not measured.\n"),
    }
    println!("### Both ends on one core, bursts of 32\n");
    if cycles().is_none() {
        println!("This processor has no time-stamp counter.");
        return;
    }
    let core = cores.map_or(0, |cores| cores[0]);
    let column = measure_all(|_, mut ends| {
        Box::new(move || alternating(&mut ends, 32, FRAMES / 32, core).unwrap_or(f64::NAN))
    });
    let heading = ["cycles of the time-stamp counter per frame"];
    println!("{}", table(&heading, &rows(&[column]), YARDSTICK));
}

fn between_cores(cores: [usize; 2]) {
    println!("### One way between two pinned cores\n");
    let columns = BURSTS.map(|burst| {
        measure_all(|_, mut ends| Box::new(move || one_way(&mut ends, burst, FRAMES, cores)))
    });
    let names = BURSTS.map(|burst| format!("ns per frame, burst {burst}"));
    let names = names.each_ref().map(String::as_str);
    println!("{}", table(&names, &rows(&columns), YARDSTICK));
    println!("### There and back, one frame in flight\n");
    let column = measure_all(|channel, mut there| {
        let mut back = (channel.back)().expect("it opened a moment ago");
        Box::new(move || round_trip(&mut there, &mut back, TRIPS, cores))
    });
    println!("{}", table(&["ns"], &rows(&[column]), YARDSTICK));
}

/// The series of each channel, `None` for one that this machine lacks.
type Column = Vec<Option<Vec<f64>>>;

fn measure_all(measure: impl Fn(&'static Channel, Ends) -> Measure<'static>) -> Column {
    let contestants = CHANNELS
        .iter()
        .map(|channel| Some(measure(channel, (channel.open)()?)));
    contest(contestants.collect(), TURNS)
}

fn rows(columns: &[Column]) -> Vec<Row> {
    let row = |(place, channel): (usize, &Channel)| Row {
        name: channel.name,
        series: columns.iter().map(|column| column[place].clone()).collect(),
    };
    CHANNELS.iter().enumerate().map(row).collect()
}
