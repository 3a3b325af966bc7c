//! The guest itself: it boots, owns its card through VFIO behind an IOMMU, and
//! gives files back.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lockgate_tests::guest::{ADDRESS, Guest, Spec};

const SHORT: Duration = Duration::from_secs(20);

#[test]
fn a_guest_gives_its_card_to_vfio_and_files_to_the_host() {
    let mut spec = Spec::new("igb");
    spec.programs
        .push(("/bin/ls".into(), "/bin/host-ls".into()));
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    spec.files.push(file.clone());
    let begun = Instant::now();
    let guest = Guest::boot(&spec, begun + Duration::from_secs(60)).unwrap();
    eprintln!("up after {:?}", begun.elapsed());

    let device = format!("/sys/bus/pci/devices/{ADDRESS}");
    let id = guest.succeed(&format!("cat {device}/vendor {device}/device"), SHORT);
    assert_eq!(id.unwrap(), "0x8086\n0x10c9");
    guest
        .succeed(
            &format!(
                "echo vfio-pci >{device}/driver_override && echo {ADDRESS} >/sys/bus/pci/drivers_probe"
            ),
            SHORT,
        )
        .unwrap();
    let group = guest.succeed(&format!("basename $(readlink {device}/iommu_group)"), SHORT);
    let group = group.unwrap();
    let listed = guest.succeed("host-ls /dev/vfio", SHORT).unwrap();
    assert!(listed.lines().any(|line| line == group), "{listed}");
    let alone = guest.succeed(&format!("ls {device}/iommu_group/devices"), SHORT);
    assert_eq!(alone.unwrap(), ADDRESS);

    let failed = guest.run("cat /no/such/file", SHORT).unwrap();
    assert_eq!(failed.status, 1);
    assert!(failed.text.contains("No such file"), "{}", failed.text);

    guest
        .succeed(&format!("cp {} /out/", file.display()), SHORT)
        .unwrap();
    guest.succeed("seq 1 100000 >/out/numbers", SHORT).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        guest.fetch("/out", folder.path(), SHORT).unwrap();
    }
    let copy = std::fs::read(folder.path().join("Cargo.toml")).unwrap();
    assert_eq!(copy, std::fs::read(file).unwrap());
    let numbers = std::fs::read_to_string(folder.path().join("numbers")).unwrap();
    assert_eq!(numbers.lines().count(), 100_000);
    guest.shut_down(SHORT).unwrap();
    eprintln!("off after {:?}", begun.elapsed());
}

#[test]
fn a_guest_whose_kernel_panics_is_quoted() {
    let mut spec = Spec::new("igb");
    spec.kernel_options = "rdinit=/no/init".into();
    let deadline = Instant::now() + Duration::from_secs(60);
    let error = Guest::boot(&spec, deadline).err().unwrap().to_string();
    assert!(error.contains("QEMU ended"), "{error}");
    assert!(error.contains("Kernel panic"), "{error}");
}
