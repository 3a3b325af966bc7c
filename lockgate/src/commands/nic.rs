//! `lockgate nic`: which controllers there are, and handing one over and back.
//!
//! Whatever VFIO would refuse later is refused here first, with its remedy: a card
//! nobody knows, no IOMMU, an interface in use. Not here: sysfs ([`crate::pci`]).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use lockgate_drivers::device::DeviceId;
use lockgate_vmdq::PciAddress;

use crate::cli::NicCommand;
use crate::error::Failure;
use crate::pci::{Bus, PciFunction, VFIO};
use crate::report::table::{Align, Table};

/// Does one of the `nic` commands and says what it came to.
///
/// # Errors
/// A usage failure for a controller that cannot be had; a running failure when the
/// kernel does not do what was asked.
pub fn nic(command: &NicCommand) -> Result<String, Failure> {
    let bus = Bus::system();
    match command {
        NicCommand::List => list(&bus),
        NicCommand::Info(args) => info(&bus, &find(&bus, &args.address)?),
        NicCommand::Bind(args) => bind(&bus, &find(&bus, &args.address)?),
        NicCommand::Unbind(args) => unbind(&bus, &find(&bus, &args.address)?),
    }
}

/// The function at `address`.
///
/// # Errors
/// A usage failure if there is none.
pub fn look_up(bus: &Bus, address: PciAddress) -> Result<PciFunction, Failure> {
    bus.function(address)
        .map_err(|error| cannot_look(&error))?
        .ok_or_else(|| {
            Failure::usage(
                format!("there is no PCI device {address}"),
                "`lockgate nic list` shows the addresses of this machine",
            )
        })
}

/// The function that a person means: the domain may be left out, as `lspci` does.
fn find(bus: &Bus, text: &str) -> Result<PciFunction, Failure> {
    let with_domain = format!("0000:{text}");
    let address = text.parse().or_else(|_| with_domain.parse());
    let address = address.map_err(|_| {
        Failure::usage(
            format!("`{text}` is not a PCI address"),
            "write for example 0000:03:00.0 (`lockgate nic list`)",
        )
    })?;
    look_up(bus, address)
}

/// Which card is at `address`, and the IOMMU group that confines it, if VFIO has it.
///
/// # Errors
/// A usage failure for whatever stands in the way of opening it, the first that a
/// person can do something about.
pub fn ready(bus: &Bus, address: PciAddress) -> Result<(DeviceId, u32), Failure> {
    let function = look_up(bus, address)?;
    let group = check_confined(&function)?;
    let state = match function.driver.as_deref() {
        Some(VFIO) => return Ok((function.id, group)),
        Some(driver) => format!("{address} belongs to the kernel driver {driver}"),
        None => format!("{address} has no driver"),
    };
    Err(Failure::usage(
        state,
        format!("run `lockgate nic bind {address}`"),
    ))
}

fn list(bus: &Bus) -> Result<String, Failure> {
    let mut functions = bus.functions().map_err(|error| cannot_look(&error))?;
    functions.retain(|function| function.ethernet);
    if functions.is_empty() {
        return Ok("no Ethernet controller on the PCI bus; model:82576 needs none\n".to_owned());
    }
    let heading = ["address", "id", "card", "driver", "interface", "state"];
    let mut table = Table::new(&heading.map(|name| (name, Align::Left)));
    for function in &functions {
        table.row([
            function.address.to_string(),
            function.id.to_string(),
            card(function).unwrap_or("-").to_owned(),
            function.driver.clone().unwrap_or("-".to_owned()),
            or_dash(function.interfaces.join(" ")),
            state(function).to_owned(),
        ]);
    }
    Ok(table.lines().join("\n") + "\n")
}

fn info(bus: &Bus, function: &PciFunction) -> Result<String, Failure> {
    let companions = bus
        .companions(function)
        .map_err(|error| cannot_look(&error))?;
    let group = match function.group {
        None => "none".to_owned(),
        Some(group) if companions.is_empty() => format!("{group}, alone"),
        Some(group) => {
            let others: Vec<_> = companions.iter().map(|o| o.address.to_string()).collect();
            format!("{group}, shared with {}", others.join(" "))
        }
    };
    let card = lockgate_drivers::capabilities(function.id).map_or("-".to_owned(), |card| {
        let pools = card
            .layouts
            .iter()
            .map(|l| format!("{} pools of {} queues", l.pools, l.queues));
        let pools: Vec<_> = pools.collect();
        let pools = match pools.is_empty() {
            true => "software steering".to_owned(),
            false => pools.join(" or "),
        };
        format!(
            "{} ({}), {pools}, {} MAC and {} VLAN filters",
            card.card, card.family, card.macs, card.vlans
        )
    });
    Ok(format!(
        "address      {}\nid           {}\ncard         {card}\ndriver       {}\n\
         interface    {}\nIOMMU group  {group}\nstate        {}\n",
        function.address,
        function.id,
        function.driver.as_deref().unwrap_or("-"),
        or_dash(function.interfaces.join(" ")),
        state(function),
    ))
}

fn bind(bus: &Bus, function: &PciFunction) -> Result<String, Failure> {
    let address = function.address;
    if function.driver.as_deref() == Some(VFIO) {
        return Ok(format!("{address} is with {VFIO} already\n"));
    }
    check_bindable(bus, function)?;
    let result = bus.rebind(address, Some(VFIO));
    if let Ok(Some(driver)) = &result
        && driver == VFIO
    {
        let before = function.driver.as_deref().unwrap_or("no driver");
        return Ok(format!("{address} went from {before} to {VFIO}\n"));
    }
    // Its old driver shall not miss it for a hand-over that did not happen.
    let _ = bus.rebind(address, None);
    Err(match result {
        Err((path, error)) => cannot_write(&path, &error),
        Ok(_) => Failure::running(
            format!("{VFIO} did not take {address}"),
            "the kernel log may say why (`dmesg`)",
        ),
    })
}

fn unbind(bus: &Bus, function: &PciFunction) -> Result<String, Failure> {
    let address = function.address;
    if function.driver.as_deref() != Some(VFIO) {
        return Err(Failure::usage(
            format!("{address} is not with {VFIO}"),
            "there is nothing to give back",
        ));
    }
    if function.group.is_some_and(in_use) {
        return Err(Failure::usage(
            format!("{address} is in use"),
            "end the program that runs on it first",
        ));
    }
    match bus.rebind(address, None) {
        Err((path, error)) => Err(cannot_write(&path, &error)),
        Ok(Some(driver)) => Ok(format!("{address} went from {VFIO} to {driver}\n")),
        Ok(None) => Ok(format!(
            "{address} left {VFIO}; no kernel driver claims it\n"
        )),
    }
}

/// Refuses what could not be handed over, before it is taken from its driver.
fn check_bindable(bus: &Bus, function: &PciFunction) -> Result<(), Failure> {
    check_confined(function)?;
    let up = |name: &&String| bus.is_up(function, name);
    if let Some(interface) = function.interfaces.iter().find(up) {
        return Err(Failure::usage(
            format!("{} is in use as {interface}", function.address),
            format!("take the interface down first: ip link set {interface} down"),
        ));
    }
    if !bus.has_driver(VFIO) {
        return Err(Failure::usage(
            format!("the kernel has no {VFIO}"),
            format!("load it: modprobe {VFIO}"),
        ));
    }
    Ok(())
}

/// Refuses a card without a driver here, and one that nothing confines; says what
/// confines it.
fn check_confined(function: &PciFunction) -> Result<u32, Failure> {
    let PciFunction { address, id, .. } = function;
    if card(function).is_none() {
        return Err(unknown_card(*address, *id));
    }
    function.group.ok_or_else(|| {
        Failure::usage(
            format!("{address} is behind no IOMMU: it could reach all memory"),
            "switch VT-d or AMD-Vi on in the firmware, and boot with intel_iommu=on",
        )
    })
}

/// The failure of naming a card that Lockgate has no driver for.
pub fn unknown_card(address: PciAddress, id: DeviceId) -> Failure {
    Failure::usage(
        format!("{address} is {id}, which Lockgate has no driver for"),
        "use a controller that `lockgate nic list` does not call unknown",
    )
}

/// What remains to be done before Lockgate can run on `function`.
fn state(function: &PciFunction) -> &'static str {
    if card(function).is_none() {
        "unknown card"
    } else if function.group.is_none() {
        "no IOMMU"
    } else if function.driver.as_deref() == Some(VFIO) {
        "ready"
    } else {
        "to be bound"
    }
}

fn card(function: &PciFunction) -> Option<&'static str> {
    lockgate_drivers::capabilities(function.id).map(|card| card.card)
}

/// Whether a process holds the group: giving a function back would wait for it.
fn in_use(group: u32) -> bool {
    let device = PathBuf::from(format!("/dev/vfio/{group}"));
    let open = File::options().read(true).write(true).open(device);
    open.is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy)
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn cannot_look(error: &io::Error) -> Failure {
    Failure::running(
        format!("cannot read the PCI bus: {error}"),
        "mount sysfs at /sys",
    )
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => "run as root",
        _ => "the kernel log may say why (`dmesg`)",
    };
    Failure::running(format!("cannot write {}: {error}", path.display()), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pci::tests::{address, bus};
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_card_is_not_handed_over_while_something_stands_in_the_way() {
        let (folder, bus) = bus();
        let card = folder.path().join("devices/0000:03:00.0");
        let refusal = || check_bindable(&bus, &look_up(&bus, address()).unwrap()).err();
        let words = || refusal().map_or(String::new(), |failure| failure.to_string());

        assert!(words().contains("modprobe vfio-pci"), "{}", words());
        fs::create_dir(folder.path().join("drivers/vfio-pci")).unwrap();
        assert_eq!(words(), "");

        fs::write(card.join("net/eth0/flags"), "0x1003\n").unwrap();
        assert!(words().contains("in use as eth0"), "{}", words());
        fs::remove_file(card.join("iommu_group")).unwrap();
        assert!(words().contains("no IOMMU"), "{}", words());
        fs::write(card.join("vendor"), "0x10ec\n").unwrap();
        assert!(words().contains("10ec:10c9"), "{}", words());
    }

    #[test]
    fn a_card_is_ready_once_nothing_stands_between_it_and_vfio() {
        let (folder, bus) = bus();
        let root = folder.path();
        let card = root.join("devices/0000:03:00.0");
        let refusal = || {
            let failure = ready(&bus, address()).unwrap_err();
            assert_eq!(failure.status(), 2);
            (
                failure.message().to_owned(),
                failure.help().unwrap().to_owned(),
            )
        };
        let bind = "run `lockgate nic bind 0000:03:00.0`";

        let (message, help) = refusal();
        assert!(
            message.ends_with("belongs to the kernel driver igb") && help == bind,
            "{message}"
        );
        fs::remove_file(card.join("driver")).unwrap();
        let (message, help) = refusal();
        assert!(
            message.ends_with("has no driver") && help == bind,
            "{message}"
        );
        symlink("../../drivers/vfio-pci", card.join("driver")).unwrap();
        let (id, group) = ready(&bus, address()).unwrap();
        assert_eq!((id.to_string().as_str(), group), ("8086:10c9", 7));

        // What VFIO makes up for a card that nothing confines is no group.
        fs::write(root.join("groups/7/name"), "vfio-noiommu\n").unwrap();
        assert!(refusal().1.contains("intel_iommu=on"));
        fs::remove_file(card.join("iommu_group")).unwrap();
        assert!(refusal().1.contains("intel_iommu=on"));
        fs::write(card.join("device"), "0x1572\n").unwrap();
        assert!(
            refusal()
                .0
                .contains("is 8086:1572, which Lockgate has no driver for")
        );
        fs::remove_dir_all(&card).unwrap();
        assert!(
            refusal()
                .0
                .starts_with("there is no PCI device 0000:03:00.0")
        );
    }

    #[test]
    fn a_hand_over_that_did_not_happen_is_taken_back() {
        let (folder, bus) = bus();
        fs::create_dir(folder.path().join("drivers/vfio-pci")).unwrap();
        let failure = bind(&bus, &look_up(&bus, address()).unwrap()).unwrap_err();
        assert_eq!(failure.status(), 1);
        let wish = folder.path().join("devices/0000:03:00.0/driver_override");
        assert_eq!(fs::read_to_string(wish).unwrap(), "\n");
    }

    #[test]
    fn only_what_vfio_has_can_be_given_back() {
        let (_folder, bus) = bus();
        let failure = unbind(&bus, &look_up(&bus, address()).unwrap()).unwrap_err();
        assert_eq!(failure.status(), 2);
    }

    #[test]
    fn the_domain_may_be_left_out() {
        let (_folder, bus) = bus();
        assert_eq!(find(&bus, "03:00.0").unwrap().address, address());
        for text in ["03:00.1", "eth0", ""] {
            assert_eq!(find(&bus, text).unwrap_err().status(), 2, "{text:?}");
        }
    }

    #[test]
    fn a_list_says_what_remains_to_be_done_with_each_card() {
        let (folder, bus) = bus();
        let text = list(&bus).unwrap();
        assert!(
            text.contains("82576  igb     eth0       to be bound"),
            "{text}"
        );
        let none = Bus::at(&folder.path().join("none"));
        assert!(list(&none).unwrap().starts_with("no Ethernet controller"));
    }
}
