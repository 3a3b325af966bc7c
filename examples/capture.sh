#!/usr/bin/env bash
# Captures the traffic that the example policies replay.
#
# Kernel stacks in network namespaces talk to each other: six tenants behind the
# place of Lockgate's card, ten hosts outside, and one trunk in between.
#
#   hosts outside ── switch ── wire ══ card ── switch ── tenants
#
# mils.pcap is what arrives at `card`; TENANT.pcap is what that tenant sent, taken
# from a span port, tagged as on the trunk. All of it lives in namespaces that
# this script makes and deletes again; the files are written last, all or none.
#
#   sudo examples/capture.sh [FOLDER]      default: the folder of this script
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here}
prefix=lockgate$$
work=
started=()
dumps=()
access=()

# name, VLAN (.priority: the switch sets PCP), last bytes of the MAC, host number
tenants="
unclassified-a 10   00:01 1
secret         20   00:02 2
top-secret     30   00:03 3
unclassified-b 40   00:04 4
collector      10   00:05 5
legacy         0    00:06 6"
hosts="
web10     10   01:65 101
desk10    10   01:66 102
web20     20.3 01:67 101
desk20    20   01:68 102
web30     30   01:69 101
web40     40   01:6a 101
desk40    40.1 01:6b 102
old0      0    01:6c 101
phone0    0.5  01:6d 102
stranger  99   01:6e 101"

die() {
    echo "capture.sh: $*" >&2
    exit 1
}

need() {
    local missing=() entry
    for entry in ip:iproute2 tcpdump:tcpdump ethtool:ethtool python3:python3 ping:iputils-ping; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
    done
    [[ ${#missing[@]} -eq 0 ]] || die "programs are missing: apt-get install ${missing[*]}"
    [[ $EUID -eq 0 ]] || die "network namespaces need root: run it with sudo"
    [[ -d $folder && -w $folder ]] || die "no folder to write to: $folder"
    ip netns add "$prefix-switch" || die "the kernel has no network namespaces"
}

cleanup() {
    local status=$? name
    trap - EXIT INT TERM
    set +e
    if [[ ${#started[@]} -gt 0 ]]; then
        kill "${started[@]}" 2>/dev/null
        wait "${started[@]}" 2>/dev/null
    fi
    while read -r name _; do
        ip netns delete "$prefix-$name" 2>/dev/null
    done <<<"switch$tenants$hosts"
    [[ -z $work ]] || rm -rf "$work"
    exit "$status"
}

# on NAMESPACE COMMAND...
on() {
    local namespace=$1
    shift
    ip netns exec "$prefix-$namespace" "$@"
}

talk() {
    local namespace=$1
    shift
    on "$namespace" python3 "$here/capture/traffic.py" "$@"
}

# start NAME NAMESPACE COMMAND...: in the background, until it says that it is ready
start() {
    local log=$work/$1.log namespace=$2
    shift 2
    : >"$log"
    ip netns exec "$prefix-$namespace" "$@" >"$log" 2>&1 &
    started+=($!)
    for _ in {1..100}; do
        grep -qE '^ready|listening on' "$log" && return
        sleep 0.05
    done
    die "did not start: $* ($(tr '\n' ' ' <"$log"))"
}

# A pair of interfaces inside the switch namespace.
patch() {
    ip -n "$prefix-switch" link add "$1" mtu 9000 type veth peer name "$2" mtu 9000
    ip -n "$prefix-switch" link set "$1" up
    ip -n "$prefix-switch" link set "$2" up
}

# host NAME VLAN MAC NUMBER: a namespace with a kernel stack; its cable ends in the switch
host() {
    local name=$1 vlan=${2%.*} mac=02:4c:47:00:$3 number=$4
    ip netns add "$prefix-$name"
    ip -n "$prefix-switch" link add "$name" mtu 9000 type veth \
        peer name eth0 address "$mac" mtu 1500 netns "$prefix-$name"
    # Frames as on a wire: whole checksums, no segments larger than the MTU, tags in the bytes.
    on "$name" ethtool -K eth0 tx off rx off sg off tso off gso off gro off \
        rxvlan off txvlan off >/dev/null
    on "$name" sysctl -qw net.ipv6.conf.eth0.router_solicitations=1
    ip -n "$prefix-$name" address add "10.47.$vlan.$number/24" broadcast + dev eth0
    ip -n "$prefix-$name" address add "fd4c:47:0:$vlan::$number/64" dev eth0
    ip -n "$prefix-switch" link set "$name" up
}

build() {
    on switch sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    local name vlan mac number
    patch wire card
    while read -r name vlan mac number; do
        host "$name" "$vlan" "$mac" "$number"
        patch "span$number" "copy$number"
        access+=("$name=$vlan+span$number")
    done <<<"${tenants#?}"
    start inside switch python3 "$here/capture/switch.py" card "${access[@]}"
    access=()
    while read -r name vlan mac number; do
        host "$name" "$vlan" "$mac" "$number"
        access+=("$name=$vlan")
    done <<<"${hosts#?}"
    start outside switch python3 "$here/capture/switch.py" wire "${access[@]}"
}

# dump FILE INTERFACE: what this interface receives
dump() {
    start "$1" switch tcpdump -Z root -n -i "$2" -Q in -B 8192 --immediate-mode -w "$work/$1"
    dumps+=($!)
}

record() {
    local name number
    dump mils.pcap card
    while read -r name _ _ number; do
        [[ $name = legacy ]] || dump "$name.pcap" "copy$number"
    done <<<"${tenants#?}"
}

plug_in() {
    local name
    while read -r name _; do
        ip -n "$prefix-$name" link set lo up
        ip -n "$prefix-$name" link set eth0 up
        ip -n "$prefix-$name" route add 224.0.0.0/4 dev eth0
        start "serve-$name" "$name" python3 "$here/capture/traffic.py" serve
    done <<<"${tenants#?}$hosts"
    # Duplicate address detection, then the last of the IGMP and MLD reports.
    sleep 3
}

# visit TENANT VLAN NUMBER HOST: a tenant and a host with number 101 talk, each in both roles
visit() {
    local tenant=$1 host=$4 near far net
    for net in "10.47.$2." "fd4c:47:0:$2::"; do
        near=$net$3 far=${net}101
        on "$host" ping -q -c 3 -i 0.05 "$near" >/dev/null
        on "$host" ping -q -c 1 -s 4000 "$near" >/dev/null
        talk "$host" get "$near" 40001 24000
        talk "$host" put "$near" 40002 40000
        talk "$tenant" get "$far" 40003 40000
        talk "$tenant" put "$far" 40004 12000
        for port in 40011 40012 40013 40014; do
            talk "$host" ask "$near" "$port" 25 160
        done
        talk "$tenant" ask "$far" 40021 10 700
        # Longer than the MTU: the kernels send fragments.
        talk "$host" ask "$near" 40022 3 3500
    done
    talk "$host" cast "10.47.$2.255" 40031 4 90
    talk "$host" mdns 224.0.0.251 6
    talk "$host" mdns ff02::fb 6
    talk "$tenant" mdns 224.0.0.251 3
}

# What unclassified-a reports; the collector answers what it is asked, on a network
# where it should not.
report() {
    talk unclassified-a cast 10.47.10.5 40041 60 200
    talk unclassified-a cast 239.47.10.1 40042 30 300
    talk unclassified-a cast 10.47.10.255 40043 5 80
    talk unclassified-a ask 10.47.10.5 40044 10 120
    talk collector mdns 224.0.0.251 3
}

# Frames that no partition should get.
unwanted() {
    talk stranger cast 10.47.99.255 40051 8 60
    talk stranger mdns 224.0.0.251 8
    # A machine that is gone: the switch floods what is still sent to it.
    ip -n "$prefix-web20" neighbour replace 10.47.20.77 lladdr 02:4c:47:00:09:99 dev eth0
    talk web20 cast 10.47.20.77 40052 20 64
    # A group that nobody takes.
    talk web30 cast 239.47.30.1 40054 6 110
    # From the unclassified network straight to the collector.
    on web10 ping -q -c 4 -i 0.05 10.47.10.5 >/dev/null
    # Somebody raised the MTU of one host.
    ip -n "$prefix-web40" link set eth0 mtu 2000
    talk web40 cast 10.47.40.4 40053 4 1700
    ip -n "$prefix-web40" link set eth0 mtu 1500
    # The switch itself: IEEE 802.3x pause.
    talk switch raw wire 3 0180c2000001024c47000200880800010fff
}

# unclassified-b takes the MAC of secret, tags its frames for VLAN 20, sends pause and LLDP.
cheat() {
    ip -n "$prefix-unclassified-b" link set eth0 address 02:4c:47:00:00:02
    talk unclassified-b cast 10.47.40.255 40061 5 70
    ip -n "$prefix-unclassified-b" link set eth0 address 02:4c:47:00:00:04
    talk unclassified-b raw eth0 5 \
        024c47000002024c470000048100001488b5 \
        0180c2000001024c4700000488080001ffff \
        0180c200000e024c4700000488cc020704024c47000004040703024c47000004060200780000
}

# stop, check, and only then write
publish() {
    local pid name size=0 frames
    sleep 1
    for name in inside outside; do
        [[ $(cat "$work/$name.log") = ready ]] ||
            die "the $name switch failed: $(tail -n 1 "$work/$name.log")"
    done
    kill "${dumps[@]}"
    for pid in "${dumps[@]}"; do
        wait "$pid" || true
    done
    for name in "$work"/*.pcap; do
        grep -q '^0 packets dropped by kernel' "$work/$(basename "$name").log" ||
            die "tcpdump lost frames: run it again on a quieter machine"
        size=$((size + $(stat -c %s "$name")))
        printf '%-20s %6d frames %8d bytes\n' "$(basename "$name")" \
            "$(tcpdump -r "$name" --count 2>/dev/null | cut -d' ' -f1)" "$(stat -c %s "$name")"
    done
    frames=$(tcpdump -r "$work/mils.pcap" --count 2>/dev/null | cut -d' ' -f1)
    [[ $frames -ge 2000 ]] || die "only $frames frames arrived, expected 2000 or more"
    [[ $size -lt 2000000 ]] || die "$size bytes in all, expected less than 2000000"
    chmod 644 "$work"/*.pcap
    mv "$work"/*.pcap "$folder/"
}

trap cleanup EXIT
trap 'exit 130' INT TERM
need
work=$(mktemp -d)
build
record
plug_in
visit unclassified-a 10 1 web10
talk desk10 ask 10.47.10.1 40070 20 900
talk desk10 get fd4c:47:0:10::1 40075 30000
visit secret 20 2 web20
visit top-secret 30 3 web30
visit unclassified-b 40 4 web40
talk desk20 ask 10.47.20.2 40071 40 300
talk desk40 get 10.47.40.4 40072 9000
talk old0 ask 10.47.0.6 40073 20 300
talk phone0 ask 10.47.0.6 40074 20 160
talk phone0 get fd4c:47:0:0::6 40075 9000
report
unwanted
cheat
publish
