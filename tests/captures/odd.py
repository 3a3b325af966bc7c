"""Frames that no kernel sends by itself, the same in every run.

    odd.py FOLDER      writes hashes.pcap, odd.pcap, stations.pcap, damaged.pcap,
                       snapped.pcap and blocks.pcapng

Not here: what kernels say to each other (`make.sh`, `hosts.py`).
"""

import random
import struct
import sys
from pathlib import Path

TCP, UDP, ICMP, GRE, ESP, SCTP, NONE = 6, 17, 1, 47, 50, 132, 59
HOP, ROUTING, FRAGMENT, AUTH, OPTIONS, MOBILITY = 0, 43, 44, 51, 60, 135
IPV4, IPV6, ARP, VLAN, SERVICE = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8
GROUP, BROADCAST = "01005e0000fb", "ffffffffffff"


def mac(number):
    """The station `number`."""
    return f"024c4702{number:04x}"


def ethernet(ethertype, payload, to=mac(1), source=mac(2), tags=(), pad=True):
    """A frame with TAGS, pairs of TPID and TCI, padded to 60 bytes as a MAC does."""
    frame = bytes.fromhex(to + source)
    for tpid, tci in tags:
        frame += struct.pack("!HH", tpid, tci)
    frame += struct.pack("!H", ethertype) + payload
    return frame.ljust(60, b"\0") if pad else frame


def ipv4(protocol, payload, source=1, to=2, fragment=0, options=b"", ttl=64):
    """RFC 791, without a checksum: no card of ours checks it before it steers."""
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, 4 * words + len(payload), 7, fragment, ttl, protocol, 0)
    return header + bytes([10, 72, 0, source, 10, 72, 0, to]) + options + payload


def ipv6(following, payload, source=1, to=2):
    """RFC 8200."""
    network = bytes.fromhex("fd720000000000000000000000000000")
    header = struct.pack("!IHBB", 0x60000000, len(payload), following, 64)
    return header + network[:15] + bytes([source]) + network[:15] + bytes([to]) + payload


def udp(size=40, source=4001, to=53):
    return struct.pack("!HHHH", source, to, 8 + size, 0) + bytes(size)


def tcp(size=40, source=4002, to=80):
    return struct.pack("!HHIIBBHHH", source, to, 1, 2, 0x50, 0x10, 512, 0, 0) + bytes(size)


def extension(following, size=0, fill=0):
    """An IPv6 extension header of 8 + 8 * SIZE bytes; padding alone (RFC 8200, 4.2)."""
    return bytes([following, size, 1, 4 + 8 * size if size < 31 else 4, *[fill] * (4 + 8 * size)])


def fragment6(following, offset, more):
    return struct.pack("!BBHI", following, 0, offset << 3 | more, 99)


def hashes():
    """Everything that a card hashes, from many addresses and ports: all six kinds."""
    for number in range(120):
        source, to = 1 + number % 50, 60 + number % 7
        ports = (1024 + 37 * number, 80 + number % 3)
        tags = [(VLAN, (10, 20, 4094)[number % 3])] if number % 4 else ()
        options = {"to": mac(1 + number % 6), "source": mac(10 + number % 9), "tags": tags}
        for protocol, segment in ((TCP, tcp(number, *ports)), (UDP, udp(number, *ports)), (ICMP, bytes(20))):
            yield ethernet(IPV4, ipv4(protocol, segment, source, to), **options)
            yield ethernet(IPV6, ipv6(protocol, segment, source, to), **options)


def ipv4_oddities():
    yield from (ipv4(UDP, udp(), fragment=flags) for flags in (0x2000, 0x2000 | 5, 5, 0x4000, 0x8000, 0xFFFF))
    yield from (ipv4(TCP, tcp(), options=bytes([1]) * size) for size in (4, 20, 40))
    yield from (ipv4(TCP, tcp()[:size]) for size in (0, 1, 3, 4, 7, 13, 19))
    yield from (ipv4(UDP, udp()[:size]) for size in (0, 1, 3, 4, 7))
    yield from (ipv4(protocol, bytes(40)) for protocol in (0, 2, ESP, AUTH, SCTP, 136, 255))
    whole = ipv4(UDP, udp())
    # Header length 0 to 4 and 15, version 5 and 6, total length too small and too large.
    yield from (bytes([first]) + whole[1:] for first in (0x40, 0x44, 0x4F, 0x55, 0x65))
    yield from (whole[:2] + struct.pack("!H", size) + whole[4:] for size in (0, 19, 20, 27, 28, 1500, 65535))
    yield from (whole[:size] for size in (0, 1, 10, 19, 20, 22, 24))
    yield ipv4(4, ipv4(TCP, tcp()))
    yield ipv4(41, ipv6(UDP, udp()))
    yield ipv4(GRE, struct.pack("!HH", 0, IPV4) + ipv4(TCP, tcp()))
    yield ipv4(GRE, struct.pack("!HHI", 0x2000, 0x6558, 5) + ethernet(IPV4, ipv4(UDP, udp())))
    vxlan = struct.pack("!BBHI", 8, 0, 0, 77 << 8) + ethernet(IPV6, ipv6(TCP, tcp()), mac(1), mac(3))
    yield ipv4(UDP, struct.pack("!HHHH", 5000, 4789, 8 + len(vxlan), 0) + vxlan)
    geneve = struct.pack("!BBHI", 0, 0, 0x6558, 9 << 8) + ethernet(IPV4, ipv4(UDP, udp()))
    yield ipv4(UDP, struct.pack("!HHHH", 5000, 6081, 8 + len(geneve), 0) + geneve)
    gtp = struct.pack("!BBHI", 0x30, 255, 60, 4) + ipv4(TCP, tcp())
    yield ipv4(UDP, struct.pack("!HHHH", 2152, 2152, 8 + len(gtp), 0) + gtp)


def ipv6_oddities():
    for kind in (HOP, ROUTING, OPTIONS, MOBILITY, 139, 140, 253):
        for size in (0, 1, 4):
            yield ipv6(kind, extension(TCP, size) + tcp())
            yield ipv6(kind, extension(UDP, size) + udp())
    # Home address option and routing type 2 (RFC 6275): what 82599 and 82576 call IPv6Ex.
    home = bytes([TCP, 2, 1, 2, 0, 0, 0xC9, 16]) + bytes(range(16))
    yield ipv6(OPTIONS, home + tcp())
    yield ipv6(OPTIONS, bytes([UDP]) + home[1:] + udp())
    yield ipv6(ROUTING, bytes([TCP, 2, 2, 1, 0, 0, 0, 0]) + bytes(range(16)) + tcp())
    for offset, more in ((0, 0), (0, 1), (3, 1), (3, 0)):
        yield ipv6(FRAGMENT, fragment6(UDP, offset, more) + udp())
        yield ipv6(HOP, extension(FRAGMENT) + fragment6(TCP, offset, more) + tcp())
    chain = b"".join(extension(following) for following in (ROUTING, OPTIONS, TCP))
    yield ipv6(HOP, chain + tcp())
    yield ipv6(OPTIONS, extension(OPTIONS) * 100 + extension(TCP) + tcp())
    # A chain that ends nowhere, one that claims more than there is, and an empty one.
    yield ipv6(HOP, extension(HOP))
    yield ipv6(HOP, bytes([TCP, 255]) + bytes(6) + tcp())
    yield ipv6(NONE, b"")
    yield ipv6(AUTH, bytes([TCP, 4]) + bytes(22) + tcp())
    yield ipv6(ESP, bytes(40))
    yield ipv6(4, ipv4(TCP, tcp()))
    yield ipv6(41, ipv6(UDP, udp()))
    yield ipv6(58, bytes([135, 0, 0, 0]) + bytes(20))
    yield from (ipv6(TCP, tcp())[:size] for size in (0, 1, 6, 7, 39, 40, 41, 43, 44))


def tags():
    """No tag, one, two and three, each TPID, priorities, VID 0 and 4095; cut within one."""
    tpids = (VLAN, SERVICE, 0x9100, 0x9200, 0x9300)
    packet = ipv4(UDP, udp())
    for first in tpids:
        for tci in (0, 0xE000, 10, 0xA00A, 20, 0x1FFF, 4094, 4095):
            yield ethernet(IPV4, packet, tags=[(first, tci)])
        for second in tpids:
            yield ethernet(IPV4, packet, tags=[(first, 10), (second, 20)])
            yield ethernet(IPV4, packet, tags=[(first, 0), (second, 20)])
            yield ethernet(IPV4, packet, to=BROADCAST, tags=[(first, 10), (second, 20), (VLAN, 4094)])
    whole = ethernet(IPV4, packet, tags=[(VLAN, 10), (VLAN, 20)], pad=False)
    yield from (whole[:size] for size in range(12, 24))


def others():
    """What is not IP: control, discovery, lengths for types, and sizes at every edge."""
    pause = struct.pack("!HH", 1, 0xFFFF)
    for to in ("0180c2000001", mac(1), BROADCAST):
        yield ethernet(0x8808, pause, to)
        yield ethernet(0x8808, struct.pack("!HHI", 0x0101, 255, 9), to, tags=[(VLAN, 10)])
    lldp = bytes.fromhex("020704024c47020001040703024c470200010602007800000000")
    yield from (ethernet(0x88CC, lldp, f"0180c20000{last:02x}") for last in range(0x22))
    # A spanning tree's bridge protocol data unit, and Cisco's discovery behind SNAP.
    yield ethernet(39, bytes.fromhex("4242030000000000").ljust(39, b"\0"), "0180c2000000")
    yield ethernet(40, bytes.fromhex("aaaa0300000c2000").ljust(40, b"\0"), "01000ccccccc")
    yield ethernet(ARP, bytes.fromhex(f"0001080006040001{mac(2)}0a480001{'0' * 12}0a480002"), BROADCAST)
    for ethertype in (0, 46, 1500, 1501, 1535, 1536, 0x8847, 0x8863, 0x8864, 0x88E5, 0x88F7, 0x893A, 0xFFFF):
        yield ethernet(ethertype, bytes(46))
        yield ethernet(ethertype, bytes(46), GROUP, tags=[(VLAN, 10)])
    for source in (BROADCAST, GROUP, "0" * 12, mac(1)):
        yield ethernet(IPV4, ipv4(UDP, udp()), source=source)
    yield ethernet(IPV4, ipv4(UDP, udp()), to="0" * 12)
    whole = ethernet(IPV4, ipv4(UDP, udp(9000)))
    tagged = ethernet(IPV4, ipv4(UDP, udp(9000)), tags=[(VLAN, 10)])
    for size in (0, 1, 5, 6, 11, 12, 13, 14, 15, 17, 18, 33, 34, 59, 60, 61, 63, 64, 65, 127, 128, 1500):
        yield whole[:size]
        yield tagged[:size]
    for size in (1513, 1514, 1515, 1517, 1518, 1519, 1522, 1523, 2047, 2048, 2049, 4096, 8191, 9000):
        yield whole[:size]
        yield tagged[:size]
    yield bytes(60)
    yield b"\xff" * 60
    yield bytes.fromhex(mac(1)) + bytes(60000)


def odd():
    for packet in ipv4_oddities():
        yield ethernet(IPV4, packet, pad=False)
        yield ethernet(IPV4, packet, tags=[(VLAN, 10)])
    for packet in ipv6_oddities():
        yield ethernet(IPV6, packet, pad=False)
        yield ethernet(IPV6, packet, tags=[(VLAN, 10)])
    # EtherType and version that contradict each other.
    yield ethernet(IPV6, ipv4(UDP, udp()))
    yield ethernet(IPV4, ipv6(UDP, udp()))
    # A tunnel of the link layer: PPPoE.
    yield ethernet(0x8864, struct.pack("!BBHHH", 0x11, 0, 9, 66, 0x21) + ipv4(TCP, tcp()))
    yield from tags()
    yield from others()


def stations(chance):
    """Sixty stations on nine VLANs that talk to each other and to everybody."""
    for number in range(1200):
        source, to = chance.sample(range(60), 2)
        vlan = (0, 0, 10, 20, 30, 40, 50, 60, 70)[source % 9]
        words = [(VLAN, vlan | chance.randrange(8) << 13)] if vlan or number % 5 == 0 else ()
        target = (mac(0x100 + to), mac(0x100 + to), mac(0x100 + to), BROADCAST, GROUP, "3333000000fb")[chance.randrange(6)]
        size = chance.choice((0, 1, 22, 64, 200, 500, 1200))
        ports = (chance.randrange(1, 65536), chance.randrange(1, 65536))
        segment, protocol = ((udp(size, *ports), UDP), (tcp(size, *ports), TCP))[number % 2]
        build, ethertype = ((ipv4, IPV4), (ipv6, IPV6))[chance.randrange(2)]
        packet = build(protocol, segment, source, to)
        yield ethernet(ethertype, packet, target, mac(0x100 + source), words)


def damaged(chance, whole):
    """Frames with bytes changed, cut off, doubled or put in."""
    for _ in range(900):
        frame = bytearray(chance.choice(whole)[:1600])
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(frame) + 1)
            match chance.randrange(4):
                case 0 if at < len(frame):
                    frame[at] ^= 1 << chance.randrange(8)
                case 1:
                    del frame[at : at + chance.randrange(1, 9)]
                case 2:
                    frame[at:at] = frame[at : at + chance.randrange(1, 9)]
                case _:
                    frame[at : at + 2] = chance.randbytes(2)
        yield bytes(frame)


def pcap(path, frames, snap=0):
    """Microseconds, little-endian; a frame beyond SNAP bytes keeps its true length."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap or 1 << 18, 1))
        for number, frame in enumerate(frames):
            kept = frame[:snap] if snap else frame
            out.write(struct.pack("<IIII", 1, number, len(kept), len(frame)) + kept)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order, options=b""):
    return block(order, 1, struct.pack(order + "HHI", 1, 0, 1 << 18) + options)


def enhanced(order, where, frame, options=b""):
    head = struct.pack(order + "IIIII", where, 0, 1, len(frame), len(frame))
    return block(order, 6, head + frame + bytes(-len(frame) % 4) + options)


def blocks(path, frames):
    """A section in each byte order; two interfaces, options, blocks to pass over."""
    out = b""
    for order, share in (("<", frames[::2]), (">", frames[1::2])):
        nanoseconds = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
        out += section(order) + interface(order, nanoseconds) + interface(order)
        # A name resolution, a decryption secret and a block that nobody knows.
        out += block(order, 4, bytes(4)) + block(order, 10, bytes(8)) + block(order, 0x80000001, bytes(20))
        comment = struct.pack(order + "HH6s2xHH", 1, 6, b"a word", 0, 0)
        for number, frame in enumerate(share):
            match number % 3:
                case 0:
                    out += enhanced(order, 0, frame)
                case 1:
                    out += enhanced(order, 1, frame, comment)
                case _:
                    out += block(order, 3, struct.pack(order + "I", len(frame)) + frame)
        out += block(order, 5, struct.pack(order + "III", 0, 0, 1))
    path.write_bytes(out)


def main():
    """Writes all files into the folder that the command line names."""
    folder = Path(sys.argv[1])
    chance = random.Random(82576)
    good, strange = list(hashes()), list(odd())
    pcap(folder / "hashes.pcap", good)
    pcap(folder / "odd.pcap", strange)
    pcap(folder / "stations.pcap", stations(chance))
    pcap(folder / "damaged.pcap", damaged(chance, good + [frame for frame in strange if frame]))
    pcap(folder / "snapped.pcap", good[:240] + strange[-60:], snap=54)
    blocks(folder / "blocks.pcapng", good[240:480] + strange[::3])


if __name__ == "__main__":
    main()
