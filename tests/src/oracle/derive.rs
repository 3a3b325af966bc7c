//! Policies made from the addresses of a capture.

use std::collections::BTreeMap;

use super::{Groups, Scene, Tenant};

/// Tenants that a derived scene has.
const TENANTS: usize = 5;

/// Addresses that it gives away at most: an 82576 has 24 filters.
const HOSTS: usize = 20;

/// VLANs that it uses at most: an 82576 has 32 filters, one of them for VID 0.
const VLANS: usize = 24;

/// A scene in which some of the capture's hosts are tenants' and some nobody's.
///
/// The tenants differ in all that decides a frame's way: both queues, one way of
/// the wire only, broadcast off, groups listed or all.
pub fn derive(frames: &[Vec<u8>]) -> Scene {
    let mut hosts: BTreeMap<[u8; 6], BTreeMap<u16, usize>> = BTreeMap::new();
    let mut groups: BTreeMap<[u8; 6], usize> = BTreeMap::new();
    for frame in frames.iter().filter(|frame| frame.len() >= 14) {
        let vid = match frame[12..14] == [0x81, 0x00] && frame.len() >= 16 {
            true => u16::from_be_bytes([frame[14], frame[15]]) & 0xfff,
            false => 0,
        };
        for mac in [&frame[0..6], &frame[6..12]] {
            let mac: [u8; 6] = mac.try_into().expect("six bytes");
            if mac[0] & 1 == 0 && mac != [0; 6] {
                *hosts.entry(mac).or_default().entry(vid).or_default() += 1;
            } else if mac[0] & 1 == 1 && mac != [0xff; 6] {
                *groups.entry(mac).or_default() += 1;
            }
        }
    }
    let mut ranked: Vec<_> = hosts.into_iter().collect();
    ranked.sort_by_key(|(mac, vlans)| (std::cmp::Reverse(vlans.values().sum::<usize>()), *mac));
    let mut scene = Scene {
        mtu: 1500,
        tenants: Vec::new(),
        flows: vec![(0, 1), (1, 0), (0, 4), (3, 0), (4, 2)],
    };
    for i in 0..TENANTS {
        scene
            .tenants
            .push(Tenant::new(&format!("tenant-{i}"), Vec::new(), Vec::new()));
    }
    let mut used: Vec<u16> = Vec::new();
    for (rank, (mac, vlans)) in ranked.into_iter().take(HOSTS).enumerate() {
        // Every sixth host belongs to nobody.
        let Some(tenant) = scene.tenants.get_mut(rank % (TENANTS + 1)) else {
            continue;
        };
        tenant.macs.push(mac);
        for vid in vlans.into_keys().filter(|&vid| vid < 4095) {
            if !used.contains(&vid) && used.len() < VLANS {
                used.push(vid);
            }
            if used.contains(&vid) && !tenant.vlans.contains(&vid) {
                tenant.vlans.push(vid);
            }
        }
    }
    for tenant in &mut scene.tenants {
        if tenant.vlans.is_empty() {
            tenant.vlans.push(0);
        }
    }
    let groups: Vec<_> = groups.into_keys().collect();
    vary(&mut scene.tenants, &groups);
    scene
}

fn vary(tenants: &mut [Tenant], groups: &[[u8; 6]]) {
    tenants[0].queues = 2;
    tenants[0].groups = Groups::These(groups.iter().step_by(2).copied().take(8).collect());
    tenants[1].queues = 2;
    tenants[1].groups = Groups::All;
    tenants[2].speaks = false;
    tenants[3].hears = false;
    tenants[4].broadcast = false;
    tenants[4].kinds = vec!["ipv4-tcp", "ipv6"];
}
