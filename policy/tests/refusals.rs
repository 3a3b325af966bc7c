//! Every refusal: what it says, where it points, what it advises.
//!
//! In the policies below `«` stands where the error must point and `»` where the
//! other side is; both are removed before the policy is read.

use lockgate_policy::{Place, Policy, PolicyError, PolicyErrorKind as Kind, PolicyErrors};
use lockgate_vmdq::{Capabilities, Machine, PlanErrorKind};

const NIC: &str = "[nic]\ndevice = 'model:82576'\n";

/// The place of `mark` in `text`, as an editor shows it, and the text without it.
fn cut(text: &str, mark: char) -> (Option<Place>, String) {
    let place = text.lines().enumerate().find_map(|(line, content)| {
        let column = content.chars().filter(|c| *c == mark || !"«»".contains(*c));
        let column = column.take_while(|c| *c != mark).count();
        content.contains(mark).then_some(Place {
            line: line + 1,
            column: column + 1,
        })
    });
    (place, text.replace(mark, ""))
}

fn judge(text: &str, card: &Capabilities) -> Result<(), PolicyErrors> {
    let machine = Machine {
        cores: vec![0, 1, 2, 5],
    };
    Policy::parse(text)?.check(card, &machine).map(|_| ())
}

/// Asserts the refusal of `text`: its places, and `says` in its message.
#[track_caller]
fn refused_on(card: &Capabilities, text: &str, says: &[&str]) -> PolicyError {
    let (at, _) = cut(text, '«');
    let (also, text) = cut(text, '»');
    let text = text.replace('«', "");
    let errors = judge(&text, card).expect_err("the policy was accepted");
    let error = errors.first().clone();
    let message = error.to_string();
    for part in says {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    let place = |offset| Place::of(&text, offset);
    assert_eq!(Some(place(error.at)), at, "{message:?} points elsewhere");
    assert_eq!(error.also.map(place), also, "the other side of {message:?}");
    assert!(
        !error.help().is_empty() && !message.contains('\n'),
        "{message:?}"
    );
    error
}

/// The same for what follows `[nic]` of an 82576.
#[track_caller]
fn refused(rest: &str, says: &[&str]) -> Kind {
    *refused_on(&Capabilities::I82576, &format!("{NIC}{rest}"), says).kind
}

#[track_caller]
fn accepted(rest: &str) {
    if let Err(errors) = judge(&format!("{NIC}{rest}"), &Capabilities::I82576) {
        panic!("{errors} at byte {}", errors.first().at);
    }
}

macro_rules! kind {
    ($kind:expr, $pattern:pat) => {
        let kind = $kind;
        assert!(
            matches!(kind, $pattern),
            "{kind:?} is no {}",
            stringify!($pattern)
        );
    };
}

/// Line and column of what is wrong with `text` alone.
fn parse_error(text: &str) -> (usize, usize) {
    let errors = Policy::parse(text).expect_err("the policy was read");
    let error = errors.first();
    assert_eq!(error.also, None);
    let Place { line, column } = Place::of(text, error.at);
    (line, column)
}

#[test]
fn places_are_lines_and_columns_from_one() {
    assert_eq!(
        parse_error("[nic]\ndevice = 'model:82576'\n\n  mtux = 3\n"),
        (4, 3)
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    assert_eq!(parse_error("[nic]\ndevice = 'häuß' \nmtu = 1"), (2, 10));
    assert_eq!(parse_error("[nic]\r\n# ä\r\nmtux = 3"), (3, 1));
    assert_eq!(parse_error("wire = {replay = 'äöü', rapley = 1}"), (1, 25));
}

#[test]
fn what_is_no_toml_is_refused_where_it_ceases_to_be() {
    kind!(refused("mtu = «= 4", &["extra `=`"]), Kind::Toml { .. });
    kind!(
        refused("mtu = 1500\n«mtu = 1500", &["duplicate key"]),
        Kind::Toml { .. }
    );
    let empty = refused_on(&Capabilities::I82576, "«", &["missing key `nic`"]);
    kind!(*empty.kind, Kind::Toml { .. });
}

#[test]
fn unknown_keys_are_refused_in_every_table() {
    for (text, key) in [
        ("«mtux = 3", "mtux"),
        ("[«nik]", "nik"),
        ("[levels]\norder = ['a']\n«ordre = 3", "ordre"),
        ("[[partition]]\nname = 'a'\n«maks = []", "maks"),
        (
            "[[partition]]\nname = 'a'\nrss = { «kee = 'symmetric' }",
            "kee",
        ),
        ("[[partition]]\nname = 'a'\ntx = { «wait = 3 }", "wait"),
        ("[wire]\n«play = 'x'", "play"),
        ("[[flow]]\nfrom = 'a'\nto = 'b'\n«via = 'c'", "via"),
    ] {
        let says = format!("unknown key `{key}`, expected");
        kind!(refused(text, &[&says]), Kind::Toml { .. });
    }
}

#[test]
fn an_attachment_has_the_keys_of_its_kind_only() {
    for (attach, says) in [
        ("«{ kind = 'memif' }", "missing key `socket`"),
        (
            "{ kind = 'memif', socket = 'x', replay = «'y' }",
            "unknown key `replay`",
        ),
        (
            "{ kind = «'tape' }",
            "unknown kind `tape`, expected one of `pcap`, `memif`",
        ),
        ("«{ socket = 'x' }", "missing key `kind`"),
        ("{ kind = 'reflect', «rate = 3 }", "unknown key `rate`"),
    ] {
        refused(
            &format!("[[partition]]\nname = 'a'\nattach = {attach}"),
            &[says],
        );
    }
}

#[test]
fn missing_keys_are_refused_at_their_table() {
    refused("«[[partition]]\nmacs = []", &["missing key `name`"]);
    refused("«[[flow]]\nto = 'a'", &["missing key `from`"]);
    refused_on(
        &Capabilities::I82576,
        "«[nic]\nmtu = 1500",
        &["missing key `device`"],
    );
    refused("«[levels]\n", &["missing key `order`"]);
}

#[test]
fn malformed_values_are_refused_with_what_would_be_right() {
    for (key, value, says) in [
        ("mtu", "67", "67 is not a number from 68 to 65513"),
        ("mtu", "65514", "65514 is not a number"),
        ("mtu", "'big'", "expected a whole number"),
        ("mtu", "-1", "-1 is not a number"),
        ("workers", "[0, «-1]", "-1 is not a number from 0 to 65535"),
    ] {
        let mark = if value.contains('«') { "" } else { "«" };
        kind!(
            refused(&format!("{key} = {mark}{value}"), &[says]),
            Kind::Toml { .. }
        );
    }
    for (key, value, says) in [
        ("queues", "«0", "0 is not a number from 1 to 16"),
        ("queues", "«17", "17 is not a number from 1 to 16"),
        ("queues", "«300", "300 is not a number from 1 to 16"),
        (
            "macs",
            "['02:00:00:00:00:01', «'02:00:00:00:00']",
            "is not right: a MAC address is six pairs",
        ),
        ("macs", "[«7]", "expected a string"),
        (
            "vlans",
            "[1, «4095]",
            "4095 is not a VLAN ID from 0 to 4094",
        ),
        ("vlans", "[«-1]", "-1 is not a VLAN ID"),
        (
            "wire",
            "«'up'",
            "unknown value `up`, expected one of `none`, `in`, `out`, `both`",
        ),
        ("broadcast", "«'yes'", "expected a boolean"),
        (
            "multicast",
            "«'some'",
            "expected \"all\" or a list of multicast addresses",
        ),
        (
            "multicast",
            "[«'all']",
            "is not right: a MAC address is six pairs",
        ),
        ("rss", "{ key = «'secret' }", "RSS key"),
        ("rss", "{ hash = ['ipv4', «'ipv5'] }", "ipv4-tcp"),
        ("tx", "{ weight = «0 }", "0 is not a number from 1 to 1000"),
        (
            "tx",
            "{ weight = «1001 }",
            "1001 is not a number from 1 to 1000",
        ),
        ("tx", "{ rate = «'fast' }", "is not right: a rate is"),
        ("tx", "{ rate = «'0bit/s' }", "is not right: a rate is"),
        ("cores", "[«'one']", "expected a whole number"),
        ("name", "«3", "expected a string"),
    ] {
        let name = if key == "name" { "" } else { "name = 'a'\n" };
        let text = format!("[[partition]]\n{name}{key} = {value}");
        kind!(refused(&text, &[says]), Kind::Toml { .. });
    }
    let device = "[nic]\ndevice = «'model:82575'";
    refused_on(
        &Capabilities::I82576,
        device,
        &["model:82576", "0000:03:00.0"],
    );
}

#[test]
fn lists_that_must_name_something_are_refused_empty() {
    kind!(
        refused("workers = «[]", &["the list of cores is empty"]),
        Kind::Plan(PlanErrorKind::Empty { .. })
    );
    let text = "[[partition]]\nname = 'a'\ncores = «[]";
    kind!(
        refused(text, &["the list of cores is empty"]),
        Kind::Plan(PlanErrorKind::Empty { .. })
    );
    let text = "[[partition]]\nname = 'a'\n[[flow]]\nfrom = 'a'\nto = 'a'\ndowngrade = «' '";
    kind!(
        refused(text, &["reason", "is empty"]),
        Kind::Plan(PlanErrorKind::Empty { .. })
    );
}

#[test]
fn nothing_is_listed_twice() {
    for (text, says) in [
        ("workers = [»1, 0, «1]", "core 1"),
        ("[levels]\norder = [»'a', 'b', «'a']", "level a"),
        (
            "[[partition]]\nname = »'a'\n[[partition]]\nname = «'a'",
            "partition a",
        ),
        ("[[partition]]\nname = 'a'\ncores = [»1, «1]", "core 1"),
        (
            "[[partition]]\nname = 'a'\nvlans = [»7, «7]",
            "segment VLAN 7",
        ),
        (
            "[[partition]]\nname = 'a'\nmacs = [»'02:00:00:00:00:01', «'02:00:00:00:00:01']",
            "address 02:00:00:00:00:01",
        ),
        (
            "[[partition]]\nname = 'a'\nmulticast = [»'01:00:00:00:00:01', «'01:00:00:00:00:01']",
            "address 01:00:00:00:00:01",
        ),
        (
            "[[partition]]\nname = 'a'\n[[flow]]\nfrom = »'a'\nto = 'a'\n[[flow]]\nfrom = «'a'\nto = 'a'",
            "the flow from `a` to `a`",
        ),
    ] {
        let says = format!("{says} is listed twice");
        kind!(
            refused(text, &[&says]),
            Kind::Plan(PlanErrorKind::Repeated { .. })
        );
    }
}

#[test]
fn a_policy_needs_a_partition() {
    let text = format!("«{NIC}");
    let error = refused_on(&Capabilities::I82576, &text, &["no partition"]);
    kind!(*error.kind, Kind::Plan(PlanErrorKind::NoPartition));
}

#[test]
fn names_must_do_as_file_names_and_never_mean_the_wire() {
    for name in [
        "",
        "wire",
        "a b",
        "a/b",
        "..",
        ".hidden",
        "ä",
        &"x".repeat(65),
    ] {
        let text = format!("[[partition]]\nname = «'{name}'");
        kind!(
            refused(&text, &["is no name for a partition"]),
            Kind::Plan(PlanErrorKind::BadName { .. })
        );
    }
    accepted("[[partition]]\nname = 'Top-Secret_1.2'");
}

#[test]
fn partitions_own_unicast_and_listen_to_multicast() {
    for (text, says) in [
        (
            "macs = [«'01:00:5e:00:00:fb']",
            "01:00:5e:00:00:fb is no unicast address",
        ),
        ("macs = [«'ff:ff:ff:ff:ff:ff']", "is no unicast address"),
        ("macs = [«'00:00:00:00:00:00']", "is no unicast address"),
        (
            "multicast = [«'02:00:00:00:00:01']",
            "is no multicast address",
        ),
        (
            "multicast = [«'ff:ff:ff:ff:ff:ff']",
            "is no multicast address",
        ),
    ] {
        let text = format!("[[partition]]\nname = 'a'\n{text}");
        kind!(
            refused(&text, &[says]),
            Kind::Plan(PlanErrorKind::BadAddress { .. })
        );
    }
}

#[test]
fn two_partitions_never_attach_to_one_peer() {
    for (one, two) in [
        (
            "kind = 'memif', socket = '/s'",
            "kind = 'vhost-user', socket = '/s'",
        ),
        ("kind = 'tap', name = 's'", "kind = 'tap', name = 's'"),
    ] {
        let text = format!(
            "[[partition]]\nname = 'a'\nattach = »{{ {one} }}\n\
             [[partition]]\nname = 'b'\nattach = «{{ {two} }}"
        );
        kind!(
            refused(&text, &["is listed twice"]),
            Kind::Plan(PlanErrorKind::Repeated { .. })
        );
    }
}

#[test]
fn one_address_has_one_owner_on_a_segment() {
    let two = |one: &str, two: &str| {
        format!(
            "[[partition]]\nname = 'red'\n{one}\nmacs = [»'02:00:00:00:00:01']\n\
             [[partition]]\nname = 'blue'\n{two}\n\
             macs = ['02:00:00:00:00:02', «'02:00:00:00:00:01']"
        )
    };
    for (one, other, segment) in [
        ("vlans = [10, 20]", "vlans = [20]", "VLAN 20"),
        ("", "vlans = []", "the untagged segment"),
        ("vlans = [0]", "", "the untagged segment"),
        ("vlans = [7]\nwire = 'none'", "vlans = [7]", "VLAN 7"),
    ] {
        let says = ["`red` and `blue`", "02:00:00:00:00:01", segment];
        kind!(
            refused(&two(one, other), &says),
            Kind::Plan(PlanErrorKind::DuplicateMac { .. })
        );
    }
    accepted(&two("vlans = [10]", "vlans = [20]").replace(['«', '»'], ""));
}

#[test]
fn a_level_must_be_in_the_order() {
    let text = "[levels]\norder = ['low']\n[[partition]]\nname = 'a'\nlevel = «'high'";
    kind!(
        refused(text, &["`a`", "`high`", "levels.order"]),
        Kind::UnknownLevel { .. }
    );
    let text = "[[partition]]\nname = 'a'\nlevel = «'high'";
    kind!(refused(text, &["`a`", "`high`"]), Kind::UnknownLevel { .. });
}

const TWO_LEVELS: &str = "[levels]\norder = ['low', 'mid', 'high']\n";

/// A policy of partitions (name, level, more keys) and flows (from, to, more keys).
fn levelled(partitions: &[(&str, &str, &str)], flows: &[(&str, &str, &str)]) -> String {
    let mut text = TWO_LEVELS.to_owned();
    for (name, level, more) in partitions {
        let mark = name
            .starts_with(['«', '»'])
            .then(|| name.chars().next().unwrap());
        let (mark, name) = (
            mark.map_or(String::new(), String::from),
            name.replace(['«', '»'], ""),
        );
        let level = if level.is_empty() {
            String::new()
        } else {
            format!("level = '{level}'\n")
        };
        text += &format!("[[partition]]\nname = {mark}'{name}'\n{level}{more}\n");
    }
    for (from, to, more) in flows {
        let mark = if from.starts_with('«') { "«" } else { "" };
        let from = from.replace('«', "");
        text += &format!("[[flow]]\nfrom = {mark}'{from}'\nto = '{to}'\n{more}\n");
    }
    text
}

#[test]
fn different_levels_meet_on_a_segment_only_by_declared_flows() {
    let meet = |flows: &[_]| {
        let vlans = [
            ("a", "low", "vlans = [»20]"),
            ("b", "high", "vlans = [10, «20]"),
        ];
        levelled(&vlans, flows)
    };
    let sides = ["`a` (low)", "`b` (high)", "VLAN 20"];
    kind!(
        refused(&meet(&[]), &sides),
        Kind::Plan(PlanErrorKind::LevelsMeet { .. })
    );
    // Only the way up is declared; the way down through the segment is not.
    kind!(
        refused(
            &meet(&[("a", "b", "")]),
            &["no flow from `b` (high) to `a` (low)"]
        ),
        Kind::Plan(PlanErrorKind::LevelsMeet { .. })
    );
    let both = [("a", "b", ""), ("b", "a", "downgrade = 'release'")];
    accepted(&meet(&both).replace(['«', '»'], ""));
}

#[test]
fn levels_meet_only_in_directions_that_the_wire_has() {
    let one_way = |low: &str, high: &str, flows: &[_]| {
        let (low, high) = (format!("wire = '{low}'"), format!("wire = '{high}'"));
        levelled(&[("a", "low", &low), ("b", "high", &high)], flows)
    };
    accepted(&one_way("out", "in", &[("a", "b", "")]));
    accepted(&one_way("in", "in", &[]));
    accepted(&one_way("both", "none", &[]));
    let text = one_way("out", "in", &[])
        .replace("'a'", "»'a'")
        .replace("'b'", "«'b'");
    kind!(
        refused(&text, &["untagged segment", "`a` (low) to `b`"]),
        Kind::Plan(PlanErrorKind::LevelsMeet { .. })
    );
}

#[test]
fn a_flow_never_goes_down_without_a_reason() {
    let apart = [("»a", "low", "vlans = [1]"), ("b", "high", "vlans = [2]")];
    let text = levelled(&apart, &[("«b", "a", "")]);
    let says = ["`b` (high)", "`a` (low)", "`b` -> `a`"];
    kind!(
        refused(&text, &says),
        Kind::Plan(PlanErrorKind::FlowDownhill { .. })
    );
    accepted(&levelled(&apart, &[("b", "a", "downgrade = 'release'")]).replace('»', ""));
    accepted(&levelled(&apart, &[("a", "b", "")]).replace('»', ""));
}

#[test]
fn a_flow_through_others_is_as_bad_as_a_direct_one() {
    let relay = [
        ("high", "high", "vlans = [1]"),
        ("relay", "", "vlans = [2]"),
        ("»low", "low", "vlans = [3]"),
    ];
    let text = levelled(&relay, &[("high", "relay", ""), ("«relay", "low", "")]);
    let says = ["`high` (high)", "`low` (low)", "`high` -> `relay` -> `low`"];
    kind!(
        refused(&text, &says),
        Kind::Plan(PlanErrorKind::FlowDownhill { .. })
    );
    let flows = [
        ("high", "relay", ""),
        ("relay", "low", "downgrade = 'filtered'"),
    ];
    accepted(&levelled(&relay, &flows).replace('»', ""));
}

#[test]
fn a_segment_carries_a_flow_down_as_any_partition_would() {
    let text = levelled(
        &[
            ("«high", "high", "vlans = [1]"),
            ("router", "", "vlans = [1, 2]"),
            ("»low", "low", "vlans = [2]"),
        ],
        &[],
    );
    let path = "`high` -> VLAN 1 -> `router` -> VLAN 2 -> `low`";
    kind!(
        refused(&text, &[path]),
        Kind::Plan(PlanErrorKind::FlowDownhill { .. })
    );
    accepted(
        &text
            .replace("vlans = [1, 2]", "vlans = [1, 2]\nwire = 'in'")
            .replace(['«', '»'], ""),
    );
}

#[test]
fn an_upper_level_in_between_does_not_excuse_the_way_down() {
    let text = levelled(
        &[
            ("mid", "mid", "vlans = [1]"),
            ("high", "high", "vlans = [2]"),
            ("»low", "low", "vlans = [3]"),
        ],
        &[("mid", "high", ""), ("«high", "low", "")],
    );
    refused(&text, &["`mid` (mid)", "`mid` -> `high` -> `low`"]);
}

#[test]
fn flows_join_partitions_that_exist() {
    let text = "[[partition]]\nname = 'a'\n[[flow]]\nfrom = 'a'\nto = «'b'";
    kind!(
        refused(text, &["`b`", "no partition has that name"]),
        Kind::UnknownPartition { .. }
    );
}

fn many(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count)
        .map(|i| format!("[[partition]]\nname = 'p{i}'\n{}\n", each(i)))
        .collect()
}

#[test]
fn ten_partitions_do_not_fit_a_card_with_eight_pools() {
    let vlan = |i| format!("vlans = [{}]", i + 1);
    accepted(&many(8, vlan));
    let text = many(10, vlan).replace("'p8'", "«'p8'");
    kind!(
        refused(&text, &["`p8`", "82576", "holds 8"]),
        Kind::Plan(PlanErrorKind::TooManyPartitions { .. })
    );
    let text = NIC.to_owned() + &many(65, vlan).replace("'p64'", "«'p64'");
    for card in [&Capabilities::I82574, &Capabilities::I82599] {
        refused_on(card, &text, &["`p64`", card.card, "holds 64"]);
    }
}

#[test]
fn queues_are_those_of_the_pools_that_the_partitions_leave() {
    let text = "[[partition]]\nname = 'a'\nqueues = «3";
    kind!(
        refused(text, &["`a`", "3 queues", "82576", "has 2 each"]),
        Kind::Plan(PlanErrorKind::TooManyQueues { .. })
    );
    let text = |count, mark| {
        let queues = |i| {
            if i == 0 {
                format!("queues = {mark}4")
            } else {
                String::new()
            }
        };
        NIC.to_owned() + &many(count, |i| format!("vlans = [{}]\n{}", i + 1, queues(i)))
    };
    judge(&text(32, ""), &Capabilities::I82599).unwrap();
    refused_on(
        &Capabilities::I82599,
        &text(33, "«"),
        &["4 queues", "33 partitions has 2 each"],
    );
    judge(&text(64, "").replace("= 4", "= 16"), &Capabilities::I82574).unwrap();
}

#[test]
fn address_filters_run_out() {
    let macs = |count: usize, mark: &str| {
        let mac = |i: usize| {
            format!(
                "{}'02:00:00:00:00:{i:02x}'",
                if i == 24 { mark } else { "" }
            )
        };
        let macs: Vec<_> = (0..count).map(mac).collect();
        format!("[[partition]]\nname = 'a'\nmacs = [{}]", macs.join(", "))
    };
    accepted(&macs(24, ""));
    let says = [
        "02:00:00:00:00:18 of partition `a`",
        "82576",
        "24 MAC filters",
    ];
    kind!(
        refused(&macs(25, "«"), &says),
        Kind::Plan(PlanErrorKind::TooManyMacs { .. })
    );
    // What may not receive needs no filter.
    accepted(&(macs(25, "") + "\nwire = 'out'"));
}

#[test]
fn vlan_filters_run_out() {
    let vlans = |from: usize, count: usize| {
        let vlans: Vec<_> = (from..from + count).map(|vid| vid.to_string()).collect();
        format!(
            "[[partition]]\nname = 'p{from}'\nvlans = [{}]\n",
            vlans.join(", ")
        )
    };
    accepted(&(vlans(1, 32) + &vlans(2, 10)));
    let text = vlans(1, 32) + &vlans(33, 1).replace("[33", "[«33");
    kind!(
        refused(&text, &["VLAN 33 of partition `p33`", "32 VLAN filters"]),
        Kind::Plan(PlanErrorKind::TooManyVlans { .. })
    );
    // The untagged segment takes a filter too, for priority tags.
    let text = vlans(1, 32) + "[[partition]]\nname = «'u'";
    kind!(
        refused(&text, &["the untagged segment of partition `u`"]),
        Kind::Plan(PlanErrorKind::TooManyVlans { .. })
    );
}

#[test]
fn pools_that_share_one_rss_must_agree() {
    let two = |one: &str, two: &str| {
        format!(
            "[[partition]]\nname = 'a'\nvlans = [1]\nqueues = »2\n{one}\n\
             [[partition]]\nname = 'b'\nvlans = [2]\nqueues = «2\n{two}\n"
        )
    };
    let text = two("rss = { key = 'symmetric' }", "");
    kind!(
        refused(&text, &["`a` and `b`", "`rss.key`", "82576"]),
        Kind::Plan(PlanErrorKind::SharedRss { .. })
    );
    let text = two("", "rss = { hash = ['ipv4'] }");
    kind!(
        refused(&text, &["`a` and `b`", "`rss.hash`"]),
        Kind::Plan(PlanErrorKind::SharedRss { .. })
    );
    accepted(&two("", "").replace(['«', '»'], ""));
    // One queue, or no way in, needs no RSS.
    let text = two("rss = { key = 'symmetric' }", "").replace(['«', '»'], "");
    accepted(&text.replacen("queues = 2", "queues = 1", 1));
    accepted(&text.replacen("queues = 2", "queues = 2\nwire = 'out'", 1));
    judge(&format!("{NIC}{text}"), &Capabilities::I82574).unwrap();
}

#[test]
fn one_table_serves_pools_of_different_size_only_in_powers_of_two() {
    let two = |one: u8, two: u8| {
        format!(
            "{NIC}[[partition]]\nname = 'a'\nvlans = [1]\nqueues = »{one}\n\
             [[partition]]\nname = 'b'\nvlans = [2]\nqueues = «{two}\n"
        )
    };
    for (a, b) in [(2, 4), (4, 2), (3, 3), (1, 3)] {
        judge(&two(a, b).replace(['«', '»'], ""), &Capabilities::I82599).unwrap();
    }
    for (a, b) in [(2, 3), (3, 4), (3, 2)] {
        let error = refused_on(
            &Capabilities::I82599,
            &two(a, b),
            &["`a` and `b`", "`queues`"],
        );
        kind!(*error.kind, Kind::Plan(PlanErrorKind::SharedRss { .. }));
    }
}

#[test]
fn rates_are_what_the_card_can_limit_to() {
    let rate = |rate: &str| format!("[[partition]]\nname = 'a'\ntx = {{ rate = «'{rate}' }}");
    let says = ["`a`", "61kbit/s", "82576", "62kbit/s"];
    kind!(
        refused(&rate("61kbit/s"), &says),
        Kind::Plan(PlanErrorKind::RateTooSlow { .. })
    );
    let says = ["`a`", "1001Mbit/s", "82576", "1Gbit/s"];
    kind!(
        refused(&rate("1.001Gbit/s"), &says),
        Kind::Plan(PlanErrorKind::RateTooFast { .. })
    );
    accepted(&rate("62kbit/s").replace('«', ""));
    accepted(&rate("1Gbit/s").replace('«', ""));
    // Without limiters the worker alone holds the rate, and can hold any.
    let text = format!("{NIC}{}", rate("1bit/s").replace('«', ""));
    judge(&text, &Capabilities::I82574).unwrap();
}

#[test]
fn the_mtu_is_no_more_than_the_card_takes() {
    let mtu = |mtu: u16| format!("{NIC}mtu = «{mtu}\n[[partition]]\nname = 'a'");
    for card in [
        &Capabilities::I82574,
        &Capabilities::I82576,
        &Capabilities::I82599,
    ] {
        judge(&mtu(card.max_mtu).replace('«', ""), card).unwrap();
        let error = refused_on(card, &mtu(card.max_mtu + 1), &[card.card, "no more than"]);
        kind!(*error.kind, Kind::Plan(PlanErrorKind::MtuTooLarge { .. }));
    }
}

#[test]
fn every_core_is_one_that_the_machine_has() {
    let text = "workers = [0, «4]\n[[partition]]\nname = 'a'";
    kind!(
        refused(text, &["a worker", "core 4", "[0, 1, 2, 5]"]),
        Kind::Plan(PlanErrorKind::NoSuchCore { .. })
    );
    let text = "[[partition]]\nname = 'a'\ncores = [5, «3]";
    kind!(
        refused(text, &["`a`", "core 3", "[0, 1, 2, 5]"]),
        Kind::Plan(PlanErrorKind::NoSuchCore { .. })
    );
    let text = format!("{NIC}[[partition]]\nname = 'a'");
    let machine = Machine { cores: vec![] };
    let none = Policy::parse(&text)
        .unwrap()
        .check(&Capabilities::I82576, &machine)
        .unwrap_err();
    let none = none.first();
    assert!(
        matches!(*none.kind, Kind::Plan(PlanErrorKind::NoSuchCore { .. })),
        "{none}"
    );
    assert_eq!(
        Place::of(&text, none.at),
        Place {
            line: 2,
            column: 10
        }
    );
}

/// A value of every type that TOML has.
const VALUES: [&str; 8] = [
    "'text'",
    "3",
    "-70000",
    "1.5",
    "true",
    "1979-05-27",
    "[[1]]",
    "{ odd = 1 }",
];

#[test]
fn no_type_of_the_program_s_reaches_the_user() {
    let theirs = [
        "i64", "u8", "u16", "u32", "usize", "struct", "enum", "tuple", "sequence", "variant",
        "Option", "option", "Spanned", "spanned", "tagged", "unit", "newtype", "field", " map",
    ];
    let partition = |key: &str| format!("{NIC}[[partition]]\nname = 'a'\n{key} = ");
    let attach = |key: &str| format!("{}{{ kind = 'x', {key} = ", partition("attach"));
    let mut places = vec![
        ("nic = ".to_owned(), ""),
        ("[nic]\ndevice = ".to_owned(), ""),
        (format!("{NIC}partition = "), ""),
        (format!("{NIC}[levels]\norder = "), ""),
        (format!("{NIC}[wire]\nreplay = "), ""),
        (format!("{NIC}[[flow]]\nfrom = "), ""),
        (
            format!("{NIC}[[flow]]\nfrom = 'a'\nto = 'b'\ndowngrade = "),
            "",
        ),
    ];
    for key in ["mtu", "workers", "poll", "wire", "levels", "flow"] {
        places.push((format!("{NIC}{key} = "), ""));
    }
    for key in [
        "level",
        "cores",
        "queues",
        "macs",
        "vlans",
        "wire",
        "broadcast",
        "multicast",
        "rss",
        "tx",
        "attach",
    ] {
        places.push((partition(key), ""));
    }
    for key in ["key", "hash"] {
        places.push((format!("{}{{ {key} = ", partition("rss")), " }"));
    }
    for key in ["weight", "rate"] {
        places.push((format!("{}{{ {key} = ", partition("tx")), " }"));
    }
    for key in [
        "socket",
        "queues",
        "id",
        "mode",
        "addresses",
        "serve",
        "wait",
    ] {
        places.push((attach(key), " }"));
    }
    for (before, behind) in places {
        for value in VALUES {
            let text = format!("{before}{value}{behind}\n");
            let Err(errors) = judge(&text, &Capabilities::I82576) else {
                continue;
            };
            for error in errors.iter() {
                let message = error.to_string();
                let found = theirs.iter().find(|word| message.contains(**word));
                assert_eq!(found, None, "{message:?} of {text}");
            }
        }
    }
}

#[test]
fn an_attachment_s_values_are_refused_where_they_stand() {
    for (attach, says) in [
        ("kind = 'memif', socket = 'x', id = «-1", "-1 is not right"),
        (
            "kind = 'memif', socket = 'x', id = «4294967296",
            "4294967296 is not right",
        ),
        (
            "kind = 'vhost-user', socket = 'x', side = «'both'",
            "`listen` or `connect`",
        ),
        (
            "kind = 'vhost-user', socket = 'x', mode = «660",
            "permissions are octal",
        ),
        (
            "kind = 'vhost-user', socket = 'x', mode = «'0888'",
            "permissions are octal",
        ),
        (
            "kind = 'stack', addresses = [«'10.0.0.1']",
            "an address has its network's bits",
        ),
        (
            "kind = 'stack', addresses = ['::1/64', «'::2/129']",
            "an address has",
        ),
        (
            "kind = 'stack', addresses = ['::1/64'], serve = [«'telnet']",
            "`ping`, `echo`",
        ),
        (
            "kind = 'tap', name = 'x', wait = «'long'",
            "`auto`, `spin`, `yield` or `sleep`",
        ),
        (
            "kind = 'tap', name = 'x', socket = «'y'",
            "unknown key `socket`",
        ),
        (
            "kind = 'lane', socket = 'x', peer = «'y'",
            "unknown key `peer`",
        ),
        ("kind = 'vf', replay = «'y'", "unknown key `replay`"),
    ] {
        let text = format!("[[partition]]\nname = 'a'\nattach = {{ {attach} }}");
        refused(&text, &[says]);
    }
    for (attach, says) in [
        (
            "kind = 'tap', name = 'sixteen-letters-'",
            "no interface's name",
        ),
        ("kind = 'tap', name = 'a/b'", "no interface's name"),
        ("kind = 'lane', socket = ''", "paths have 1 to 107"),
        (
            "kind = 'vhost-user', socket = 'x', queues = 17",
            "it has 1 to 16",
        ),
        ("kind = 'stack', addresses = []", "no address"),
        (
            "kind = 'stack', addresses = ['::1/64', '::1/65']",
            "::1 twice",
        ),
        (
            "kind = 'stack', addresses = ['::1/64'], serve = ['echo', 'echo']",
            "echo twice",
        ),
        ("kind = 'pcap', user = ' '", "an empty `user`"),
    ] {
        let text = format!("[[partition]]\nname = 'a'\nattach = «{{ {attach} }}");
        kind!(
            refused(&text, &["partition `a` attaches by", says]),
            Kind::Plan(PlanErrorKind::BadAttachment { .. })
        );
    }
    let long = format!(
        "attach = «{{ kind = 'lane', socket = '{}' }}",
        "x".repeat(108)
    );
    refused(
        &format!("[[partition]]\nname = 'a'\n{long}"),
        &["108 bytes"],
    );
}

#[test]
fn a_wire_leads_to_one_thing() {
    let says = ["both `replay` and `tap`"];
    let kind = refused("[wire]\nreplay = »'x'\ntap = «'y'", &says);
    kind!(kind, Kind::WireTwice { .. });
    refused(
        "[wire]\ninterface = »'x'\ntap = «'y'",
        &["both `tap` and `interface`"],
    );
    refused("poll = «'nap'", &["unknown value `nap`"]);
}

#[test]
fn what_is_wrong_in_several_places_is_said_of_each() {
    let text = format!(
        "{NIC}[[partition]]\nname = 'a b'\nvlans = [7, 7]\n[[partition]]\nname = 'wire'\n\
         macs = ['00:00:00:00:00:00']\n"
    );
    let errors = judge(&text, &Capabilities::I82576).unwrap_err();
    let places: Vec<_> = errors
        .iter()
        .map(|error| Place::of(&text, error.at))
        .collect();
    let lines: Vec<_> = places.iter().map(|place| place.line).collect();
    assert_eq!(lines, [4, 5, 7, 8], "{errors}");
}
