#!/usr/bin/env bash
# Makes the captures of this folder again: kernel stacks that talk, and frames that no
# kernel sends.
#
#   six hosts, each in a network namespace ── four hubs ── the recorder, which tags
#
# What is recorded differs from run to run in times, ports and sequence numbers; what is
# generated (odd.py) is the same every time. The files are written last, all or none.
#
#   sudo tests/captures/make.sh [FOLDER]      default: the folder of this script
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here}
prefix=lockgate$$
work=
recorder=
servers=()
hosts=(1 2 3 4 5 6)
# The untagged network, two VLANs (the second with a priority), and one behind two tags.
nets=(0 10 20 107)
trunk=(ear0 ear10=8100000a ear20=8100a014 ear107=88a8006481000007)

die() {
    echo "make.sh: $*" >&2
    exit 1
}

need() {
    local program missing=()
    for program in ip:iproute2 ethtool:ethtool python3:python3; do
        command -v "${program%%:*}" >/dev/null || missing+=("${program#*:}")
    done
    [[ ${#missing[@]} -eq 0 ]] || die "programs are missing: apt-get install ${missing[*]}"
    [[ $EUID -eq 0 ]] || die "network namespaces need root: run it with sudo"
    [[ -d $folder && -w $folder ]] || die "no folder to write to: $folder"
}

cleanup() {
    local status=$? name
    trap - EXIT INT TERM
    set +e
    [[ ${#servers[@]} -eq 0 ]] || kill "${servers[@]}" 2>/dev/null
    [[ -z $recorder ]] || kill "$recorder" 2>/dev/null
    wait 2>/dev/null
    for name in hub "${hosts[@]}"; do
        ip netns delete "$prefix-$name" 2>/dev/null
    done
    [[ -z $work ]] || rm -rf "$work"
    exit "$status"
}

# on NAMESPACE COMMAND...
on() {
    local namespace=$1
    shift
    ip netns exec "$prefix-$namespace" "$@"
}

say() {
    local host=$1
    shift
    on "$host" python3 "$here/hosts.py" "$@"
}

# hub NAME: a bridge that has forgotten every address, so that each port gets every frame
hub() {
    ip -n "$prefix-hub" link add "hub$1" mtu 9000 type bridge ageing_time 0 mcast_snooping 0
    ip -n "$prefix-hub" link add "port$1" mtu 9000 type veth peer name "ear$1" mtu 9000
    ip -n "$prefix-hub" link set "port$1" master "hub$1"
    for name in "hub$1" "port$1" "ear$1"; do
        ip -n "$prefix-hub" link set "$name" up
    done
}

# host NUMBER: a stack with a cable to each of the hubs
host() {
    local number=$1 net
    ip netns add "$prefix-$number"
    on "$number" sysctl -qw net.ipv6.conf.default.router_solicitations=1
    ip -n "$prefix-$number" link set lo up
    for net in "${nets[@]}"; do
        ip -n "$prefix-hub" link add "h$net-$number" mtu 9000 type veth \
            peer name "eth$net" address "02:4c:47:01:00:0$number" mtu 1500 \
            netns "$prefix-$number"
        ip -n "$prefix-hub" link set "h$net-$number" master "hub$net" up
        # Frames as on a wire: whole checksums, no segments larger than the MTU.
        on "$number" ethtool -K "eth$net" tx off rx off sg off tso off gso off gro off \
            >/dev/null
        address "$number" "eth$net" "$net"
    done
    ip -n "$prefix-$number" route add 224.0.0.0/4 dev eth0
}

# address HOST INTERFACE NET
address() {
    ip -n "$prefix-$1" address add "10.71.$3.$1/24" broadcast + dev "$2"
    ip -n "$prefix-$1" address add "fd71:0:0:$3::$1/64" dev "$2"
    ip -n "$prefix-$1" link set "$2" up
}

# record NAME: everything on the hub, until `finish`
record() {
    : >"$work/log"
    ip netns exec "$prefix-hub" python3 "$here/hosts.py" record "$work/$1" "${trunk[@]}" \
        >"$work/log" &
    recorder=$!
    for _ in {1..100}; do
        ! grep -q '^ready' "$work/log" || return 0
        sleep 0.05
    done
    die "the recorder did not start"
}

finish() {
    sleep 0.3
    kill "$recorder"
    wait "$recorder" || die "the recorder failed"
    recorder=
}

serve() {
    local number
    for number in "${hosts[@]}"; do
        ip netns exec "$prefix-$number" python3 "$here/hosts.py" serve &
        servers+=($!)
    done
    # Duplicate address detection.
    sleep 2
}

# Everybody wakes up: duplicate address detection, reports of groups, ARP, neighbours.
wake() {
    record wake.pcap
    for number in "${hosts[@]}"; do
        host "$number"
    done
    serve
    say 1 ping 10.71.0.2 2 56
    say 1 ping fd71:0:0:0::3 2 56
    finish
}

# TCP, UDP and ICMP on every network, IPv4 and IPv6.
talk() {
    record talk.pcap
    local net far
    for net in 0 10 20 107; do
        for far in "10.71.$net.2" "fd71:0:0:$net::2"; do
            say 1 ping "$far" 3 200
            say 1 get "$far" 24000
            say 1 put "$far" 9000
            say 3 ask "$far" 12 900
        done
        say 4 ask "10.71.$net.5" 12 200
        say 4 cast "10.71.$net.255" 4 90
    done
    say 5 get 10.71.0.6 30000
    say 6 get fd71:0:0:20::5 30000
    say 2 cast 224.0.0.251 6 70
    say 3 cast ff02::fb 6 70
    say 6 cast 239.71.0.1 4 300
    finish
}

# What is longer than the MTU: fragments; and what nobody listens to: ICMP errors.
fragments() {
    record fragments.pcap
    local net far
    for net in 0 10; do
        for far in "10.71.$net.4" "fd71:0:0:$net::4"; do
            say 2 ping "$far" 2 4000
            say 2 ask "$far" 4 8000
            say 5 ask "$far" 2 30000
        done
    done
    say 3 refused 10.71.0.4 3
    say 3 refused fd71:0:0:0::4 3
    say 3 ping 10.71.0.99 1 56
    finish
}

# Segments as a host records them whose card cuts them: longer than any frame on a wire.
offload() {
    local number
    for number in 1 2; do
        on "$number" ethtool -K eth0 tx on sg on tso on gso on gro on >/dev/null
            done
    record offload.pcap
    say 1 get 10.71.0.2 120000
    say 2 put fd71:0:0:0::1 60000
    finish
    for number in 1 2; do
        on "$number" ethtool -K eth0 tx off sg off tso off gso off gro off >/dev/null
    done
}

# Frames within UDP: VXLAN over IPv4 and IPv6.
tunnels() {
    local number other
    for number in 1 2; do
        other=$((3 - number))
        ip -n "$prefix-$number" link add x4 mtu 1400 type vxlan id 41 dstport 4789 \
            local "10.71.10.$number" remote "10.71.10.$other"
        ip -n "$prefix-$number" link add x6 mtu 1400 type vxlan id 46 dstport 4789 \
            local "fd71:0:0:0::$number" remote "fd71:0:0:0::$other"
        address "$number" x4 204
        address "$number" x6 206
    done
    record tunnels.pcap
    sleep 2
    for net in 204 206; do
        say 1 ping "10.71.$net.2" 2 300
        say 1 get "10.71.$net.2" 9000
        say 2 ask "fd71:0:0:$net::1" 6 500
    done
    finish
}

publish() {
    local file size=0
    python3 "$here/odd.py" "$work"
    rm -f "$work/log"
    for file in "$work"/*; do
        size=$((size + $(stat -c %s "$file")))
        printf '%-20s %8d bytes\n' "$(basename "$file")" "$(stat -c %s "$file")"
    done
    [[ $size -lt 3000000 ]] || die "$size bytes in all, expected less than 3000000"
    chmod 644 "$work"/*
    mv "$work"/* "$folder/"
}

trap cleanup EXIT
trap 'exit 130' INT TERM
need
work=$(mktemp -d)
ip netns add "$prefix-hub"
on hub sysctl -qw net.ipv6.conf.default.disable_ipv6=1
for net in "${nets[@]}"; do
    hub "$net"
done
wake
talk
fragments
tunnels
offload
publish
