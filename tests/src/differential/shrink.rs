//! The smallest program and frames that still show a difference.

use super::program::Program;

/// Drops what is not needed for `differs` to be true, until nothing more can go.
pub fn shrink(
    mut program: Program,
    mut frames: Vec<Vec<u8>>,
    mut differs: impl FnMut(&Program, &[Vec<u8>]) -> bool,
) -> (Program, Vec<Vec<u8>>) {
    let mut size = frames.len().div_ceil(2);
    while size > 0 && frames.len() > 1 {
        let mut at = 0;
        while at < frames.len() {
            let mut fewer = frames.clone();
            fewer.drain(at..(at + size).min(frames.len()));
            if differs(&program, &fewer) {
                frames = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    for simpler in SIMPLER {
        let mut candidate = program.clone();
        simpler(&mut candidate);
        if candidate != program && differs(&candidate, &frames) {
            program = candidate;
        }
    }
    for n in (0..program.addresses.len()).rev() {
        let mut candidate = program.clone();
        candidate.addresses.remove(n);
        if differs(&candidate, &frames) {
            program = candidate;
        }
    }
    (program, frames)
}

/// Ways to make a program simpler, each for itself.
const SIMPLER: [fn(&mut Program); 9] = [
    |p| p.vlans.clear(),
    |p| p.known_vlans.clear(),
    |p| p.groups.clear(),
    |p| p.buffers.fill(10),
    |p| p.strip = false,
    |p| p.inserted.fill(0),
    |p| p.kinds = 0,
    |p| p.longest = 9728,
    |p| p.parser = 0,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_is_left_is_what_makes_the_difference() {
        let program = Program::random(&mut Random::new(3));
        let frames: Vec<Vec<u8>> = (0..100).map(|n| vec![n; 20]).collect();
        let culprits =
            |frames: &[Vec<u8>]| frames.iter().filter(|f| [17, 60].contains(&f[0])).count();
        let (small, left) = shrink(program, frames, |_, frames| culprits(frames) == 2);
        assert_eq!(
            left.iter().map(|frame| frame[0]).collect::<Vec<_>>(),
            [17, 60]
        );
        assert!(small.vlans.is_empty() && small.addresses.is_empty());
    }
}
