//! A partition that reflects, through VFIO on QEMU's cards: every frame comes back, whole and
//! in order, from every slot of the rings.
//!
//! Not here: the same on the models, against the oracle (`captures`), and how fast it is
//! (`cargo xtask guest-bench`).

use lockgate_tests::judges::{Device, Kind, Race};

/// More than any ring holds, so that every slot has had frames of each size.
const FRAMES: usize = 1_500;

#[test]
fn every_frame_that_is_reflected_in_a_guest_comes_back() {
    for device in [Device::QEMU_IGB, Device::QEMU_E1000E] {
        let name = device.name;
        let figures = Race::boot(device).turn(Kind::Lockgate, FRAMES, 10);
        assert_eq!(figures.lost, 0, "of {name}");
        assert_eq!(figures.trips.iter().map(Vec::len).sum::<usize>(), 20);
    }
}
