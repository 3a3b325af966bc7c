//! Our hashes against DPDK's: prints a section.
//!
//! Criterion measures; the table is made of its samples. Whoever adds a path adds a line
//! to [`ours`].

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use criterion::Criterion;
use lockgate_bench::recorded::median;
use lockgate_bench::table::{Row, table};
use lockgate_rss::{HashKind, Input, Key, Toeplitz, toeplitz};

/// Tuples that one call of a path hashes.
const TUPLES: usize = 32;
/// Turns of all paths, so that each is measured at different times.
const TURNS: usize = 15;
const YARDSTICK: &str = "`rte_thash_gfni`";

const TEXT: &str = "\
Nanoseconds per hash, 32 tuples of addresses and ports after another: 12 bytes for IPv4, 36 for \
IPv6. All know the length when they are compiled, but for `hash_of`, which is what \
the worker calls. `Toeplitz` multiplies by matrices where the processor has GFNI and \
AVX-512, which it asks when the key is prepared; the callers are built for any x86-64. *By \
tables* is its way on all other processors. DPDK's terms: `rte_softrss_be` takes tuples \
in the processor's byte \
order, whose conversion is not timed, and a converted key. `rte_thash_gfni` wants a matrix \
per byte of key from `rte_thash_complete_matrix`, 40 here, a tuple at most 4 bytes \
shorter than the key, and AVX-512 beside GFNI; its bulk form takes pointers and hashes \
two tuples at a time. Both are inline and built here for a processor that has \
them: a distribution's library says of itself that it does not. Median of 15 turns, quartiles in brackets; each turn is the \
median of Criterion's samples.
";

/// Hashes all tuples.
type Hash = Box<dyn FnMut(&mut [u32; TUPLES])>;

/// A way to hash, `None` where this machine or build does not have it.
type Path = (&'static str, Option<Hash>);

type Tuples<const N: usize> = [[u8; N]; TUPLES];

fn main() {
    let v4 = measure::<12>("ipv4", &inputs(ipv4));
    let v6 = measure::<36>("ipv6", &inputs(ipv6));
    let rows: Vec<Row> = v4
        .into_iter()
        .zip(v6)
        .map(|((name, v4), (_, v6))| Row {
            name,
            series: v4.zip(v6).map(|(a, b)| vec![a, b]),
        })
        .collect();
    // Behind what Criterion prints.
    println!("\n## Hash\n\n{TEXT}");
    println!("{}", table(&["IPv4", "IPv6"], &rows, YARDSTICK));
}

/// Our paths over inputs and the bytes in them.
fn ours<const N: usize>(inputs: [Input; TUPLES], tuples: Tuples<N>) -> Vec<Path> {
    let tables = Toeplitz::by_tables(&Key::MICROSOFT);
    let prepared = Toeplitz::new(&Key::MICROSOFT);
    let [again, bulk] = [prepared.clone(), prepared.clone()];
    let all = move |out: &mut [u32; TUPLES]| {
        let pairs = black_box(&tuples).iter().zip(out);
        pairs.for_each(|(tuple, out)| *out = bulk.hash(tuple));
    };
    vec![
        (
            "`toeplitz`",
            each(tuples, |tuple| toeplitz(&Key::MICROSOFT, tuple)),
        ),
        (
            "`Toeplitz::hash`",
            each(tuples, move |tuple| prepared.hash(tuple)),
        ),
        (
            "`Toeplitz::hash`, by tables",
            each(tuples, move |tuple| tables.hash(tuple)),
        ),
        ("`Toeplitz::hash`, all in one loop", Some(Box::new(all))),
        (
            "`Toeplitz::hash_of`",
            each(inputs, move |input| again.hash_of(input).value),
        ),
    ]
}

#[cfg(feature = "dpdk")]
fn peers<const N: usize>(tuples: Tuples<N>) -> Vec<Path> {
    use lockgate_bench::ffi::{Gfni, SoftRss};

    let key = Key::MICROSOFT.bytes();
    let soft = SoftRss::new(key);
    let mut words = SoftRss::convert(&tuples);
    let mut paths: Vec<Path> = vec![(
        "`rte_softrss_be`",
        Some(Box::new(move |out| {
            soft.hash::<N>(black_box(&mut words), out)
        })),
    )];
    let single = Gfni::new(key)
        .map(|gfni| -> Hash { Box::new(move |out| gfni.hash(black_box(&tuples), out)) });
    let bulk = Gfni::new(key)
        .map(|gfni| -> Hash { Box::new(move |out| gfni.hash_bulk(black_box(&tuples), out)) });
    paths.extend([(YARDSTICK, single), ("`rte_thash_gfni_bulk`", bulk)]);
    paths
}

#[cfg(not(feature = "dpdk"))]
fn peers<const N: usize>(_: Tuples<N>) -> Vec<Path> {
    ["`rte_softrss_be`", YARDSTICK, "`rte_thash_gfni_bulk`"]
        .map(|name| (name, None))
        .into()
}

/// A path that takes one after the other.
fn each<T: 'static>(items: [T; TUPLES], hash: impl Fn(&T) -> u32 + 'static) -> Option<Hash> {
    Some(Box::new(move |out| {
        for (out, item) in out.iter_mut().zip(black_box(&items)) {
            *out = hash(item);
        }
    }))
}

/// The nanoseconds per hash of every path, one for each turn.
fn measure<const N: usize>(
    name: &str,
    inputs: &[Input; TUPLES],
) -> Vec<(&'static str, Option<Vec<f64>>)> {
    let tuples: Tuples<N> = inputs.map(|input| input.bytes().try_into().expect("N bytes"));
    let expected = tuples.map(|tuple| toeplitz(&Key::MICROSOFT, &tuple));
    let mut paths = ours(*inputs, tuples);
    paths.extend(peers(tuples));
    for (path, hash) in &mut paths {
        let mut out = [0; TUPLES];
        if let Some(hash) = hash {
            hash(&mut out);
            assert_eq!(out, expected, "{path} hashes wrongly");
        }
    }
    let group = format!("hash-{name}");
    run(&group, &mut paths);
    paths
        .into_iter()
        .enumerate()
        .map(|(place, (path, hash))| {
            let turns = (0..TURNS).map(|turn| {
                let recorded = median(&group, &id(place, turn));
                recorded.expect("Criterion recorded it") / TUPLES as f64
            });
            (path, hash.map(|_| turns.collect()))
        })
        .collect()
}

/// Lets Criterion measure every path, turn by turn.
fn run(group: &str, paths: &mut [Path]) {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .nresamples(1000)
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(100));
    let mut group = criterion.benchmark_group(group);
    for turn in 0..TURNS {
        for (place, (_, hash)) in paths.iter_mut().enumerate() {
            let Some(hash) = hash else {
                continue;
            };
            let mut out = [0; TUPLES];
            group.bench_function(id(place, turn), |bencher| {
                bencher.iter(|| hash(black_box(&mut out)));
            });
        }
    }
    group.finish();
}

/// What Criterion calls a turn of a path.
fn id(place: usize, turn: usize) -> String {
    format!("{place}-{turn}")
}

/// Inputs without a pattern, the same in every run.
fn inputs(input: impl Fn([u64; 5]) -> Input) -> [Input; TUPLES] {
    let mut state = 1_u64;
    std::array::from_fn(|_| {
        // The upper bits of Knuth's MMIX generator.
        input(std::array::from_fn(|_| {
            let mut next = || {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                state >> 32
            };
            next() << 32 | next()
        }))
    })
}

fn ipv4([addresses, ports, ..]: [u64; 5]) -> Input {
    let (src, dst) = halves(addresses);
    Input::v4(
        Ipv4Addr::from(src),
        Ipv4Addr::from(dst),
        Some(both(ports)),
        HashKind::Ipv4Tcp,
    )
}

fn ipv6([a, b, c, d, ports]: [u64; 5]) -> Input {
    let address = |high: u64, low: u64| Ipv6Addr::from(u128::from(high) << 64 | u128::from(low));
    Input::v6(
        address(a, b),
        address(c, d),
        Some(both(ports)),
        HashKind::Ipv6Tcp,
    )
}

fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn both(word: u64) -> (u16, u16) {
    ((word >> 16) as u16, word as u16)
}
