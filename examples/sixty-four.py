#!/usr/bin/env python3
"""Writes `sixty-four.toml`, 64 partitions on one card, and `sixty-four.pcap`, what arrives there.

Sixteen customers with a VLAN each; on it a web server, its database, a log host that only
listens, and an operator's host with a limited rate. Web server and database may talk to
each other, everybody else only to the network. The same files come out every time.

    sixty-four.py [FOLDER]      writes both files, here or into FOLDER
"""

import pathlib
import struct
import sys

CUSTOMERS = 16
ROLES = ("web", "db", "log", "ops")
FIRST_VLAN = 100
MDNS = "01:00:5e:00:00:fb"

HEAD = """\
# 64 partitions on one 82599: sixteen customers with a VLAN each, and on it a web server,
# its database, a log host that only listens and an operator's host with a limited rate.
# Two receive queues each, so all 128 of the card are in use. Made by sixty-four.py.
#
#   lockgate run examples/sixty-four.toml

[nic]
device = "model:82599"

[wire]
replay = "sixty-four.pcap"
"""


def mac(customer, role):
    return f"02:4c:47:64:{customer:02x}:{role:02x}"


def partition(customer, role):
    """The policy's entry for one host of a customer."""
    name = ROLES[role]
    lines = [
        "",
        "[[partition]]",
        f'name = "{name}-{customer:02}"',
        "queues = 2",
        f'macs = ["{mac(customer, role)}"]',
        f"vlans = [{FIRST_VLAN + customer}]",
        'wire = "in"' if name == "log" else 'wire = "both"',
    ]
    if name == "web":
        lines += [f'multicast = ["{MDNS}"]', "tx = { weight = 4 }"]
    if name == "ops":
        lines += ["broadcast = false", 'tx = { rate = "50Mbit/s" }']
    return lines


def flows(customer):
    pair = (f"web-{customer:02}", f"db-{customer:02}")
    return [
        line
        for a, b in (pair, pair[::-1])
        for line in ("", "[[flow]]", f'from = "{a}"', f'to = "{b}"')
    ]


def policy():
    lines = []
    for customer in range(CUSTOMERS):
        for role in range(len(ROLES)):
            lines += partition(customer, role)
    for customer in range(CUSTOMERS):
        lines += flows(customer)
    return HEAD + "\n".join(lines) + "\n"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(customer, flow, size):
    """An IPv4 datagram; its flow decides addresses and ports, and so the RSS queue."""
    body = struct.pack("!HHHH", 20000 + flow, 443, 8 + size, 0) + bytes(size)
    source = bytes((192, 0, 2, 1 + flow % 250))
    target = bytes((10, customer, 0, 1))
    fields = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(body), flow, 0, 64, 17)
    head = fields + b"\0\0" + source + target
    return fields + struct.pack("!H", checksum(head)) + source + target + body


def frame(target, vlan, ethertype, payload):
    octets = bytes.fromhex(target.replace(":", ""))
    station = bytes.fromhex("02aa00000001")
    tag = struct.pack("!HH", 0x8100, vlan)
    return octets + station + tag + struct.pack("!H", ethertype) + payload


def traffic():
    """What arrives: flows for everybody, groups, broadcasts, and strays."""
    for flow in range(16):
        for customer in range(CUSTOMERS):
            vlan = FIRST_VLAN + customer
            for role in range(len(ROLES)):
                number = flow * 64 + customer * 4 + role
                yield frame(mac(customer, role), vlan, 0x0800, udp(customer, number, 18 + flow * 8))
            if flow % 4 == 0:
                yield frame("ff:ff:ff:ff:ff:ff", vlan, 0x0806, bytes(46))
                yield frame(MDNS, vlan, 0x0800, udp(customer, 5353, 30))
    for customer in range(CUSTOMERS):
        # A neighbour's address on the wrong VLAN, and a VLAN that nobody is on.
        neighbour = mac((customer + 1) % CUSTOMERS, 0)
        yield frame(neighbour, FIRST_VLAN + customer, 0x0800, udp(customer, 1, 18))
        yield frame(mac(customer, 0), 200 + customer, 0x0800, udp(customer, 2, 18))


def capture():
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, octets in enumerate(traffic()):
        seconds, micros = divmod(number * 10, 1_000_000)
        parts.append(struct.pack("<IIII", 1_700_000_000 + seconds, micros, len(octets), len(octets)))
        parts.append(octets)
    return b"".join(parts)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    (folder / "sixty-four.toml").write_text(policy())
    (folder / "sixty-four.pcap").write_bytes(capture())


main()
