"""What the hosts of `make.sh` say to each other on the kernel's sockets, and its recorder.

Not here: addresses and links (`make.sh`), frames that no kernel sends (`odd.py`).

    hosts.py record FILE DEVICE[=TAGS]...   what DEVICEs receive, as pcap, tagged
    hosts.py serve                          answers TCP and UDP, takes part in groups
    hosts.py get|put ADDRESS BYTES          one TCP transfer
    hosts.py ask ADDRESS COUNT BYTES        UDP questions, each waits for its echo
    hosts.py cast ADDRESS COUNT BYTES       UDP datagrams that expect no answer
    hosts.py ping ADDRESS COUNT BYTES       ICMP or ICMPv6 echo
    hosts.py refused ADDRESS COUNT          UDP to a port that nobody listens to
"""

import selectors
import signal
import socket
import struct
import sys
import time

TCP_PORT = 7001
UDP_PORT = 7002
GROUPS = ("224.0.0.251", "239.71.0.1")
GROUP_V6 = "ff02::fb"
WAIT = 2.0
# From linux/if_packet.h.
SOL_PACKET, PACKET_ADD_MEMBERSHIP = 263, 1
PACKET_MR_PROMISC, PACKET_OUTGOING = 1, 4
SNAPLEN = 1 << 18


def payload(size):
    """The same `size` bytes in every run."""
    return (b"Lockgate test traffic. " * (size // 23 + 1))[:size]


def is_v6(address):
    return ":" in address


def family(address):
    return socket.AF_INET6 if is_v6(address) else socket.AF_INET


def endpoint(kind, address):
    sock = socket.socket(family(address), kind)
    sock.settimeout(WAIT)
    return sock


def exactly(sock, size):
    """Reads `size` bytes, or raises when the peer ends early."""
    while size:
        data = sock.recv(min(size, 65536))
        if not data:
            raise ConnectionError("the peer closed early")
        size -= len(data)


def transfer(verb, address, size):
    """Downloads or uploads `size` bytes over one TCP connection."""
    with endpoint(socket.SOCK_STREAM, address) as sock:
        sock.connect((address, TCP_PORT))
        sock.sendall(b"%s %9d\n" % (verb.encode(), size))
        if verb == "put":
            sock.sendall(payload(size))
        exactly(sock, size if verb == "get" else 1)


def answer(sock):
    """Serves one TCP connection of `transfer`."""
    with sock:
        sock.settimeout(WAIT)
        request = b""
        while not request.endswith(b"\n"):
            request += sock.recv(1) or b"\n"
        verb, size = request.split()
        if verb == b"get":
            sock.sendall(payload(int(size)))
        else:
            exactly(sock, int(size))
            sock.sendall(b".")


def ask(address, count, size):
    """UDP requests of growing length, one at a time; a lost one is not repeated."""
    with endpoint(socket.SOCK_DGRAM, address) as sock:
        for number in range(count):
            sock.sendto(payload(1 + size * (number + 1) // count), (address, UDP_PORT))
            try:
                sock.recv(65536)
            except TimeoutError:
                print(f"no answer from {address}", file=sys.stderr)


def cast(address, port, count, size):
    """Datagrams to a group, a broadcast address or a host; nobody answers."""
    with endpoint(socket.SOCK_DGRAM, address) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        target = (address, port)
        if address.startswith("ff02:"):
            target = (address, port, 0, socket.if_nametoindex("eth0"))
        for _ in range(count):
            try:
                sock.sendto(payload(size), target)
            except ConnectionRefusedError:
                pass
            time.sleep(0.002)


def checksum(data):
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ping(address, count, size):
    """Echo requests; the kernel fills in the checksum of ICMPv6 alone."""
    protocol = socket.IPPROTO_ICMPV6 if is_v6(address) else socket.IPPROTO_ICMP
    kind = 128 if is_v6(address) else 8
    with socket.socket(family(address), socket.SOCK_RAW, protocol) as sock:
        for sequence in range(count):
            message = struct.pack("!BBHHH", kind, 0, 0, 7, sequence) + payload(size)
            total = 0 if is_v6(address) else checksum(message)
            sock.sendto(message[:2] + struct.pack("!H", total) + message[4:], (address, 0))
            time.sleep(0.05)


def join_groups(sock):
    """Joins the groups, so that the kernel reports by IGMP and MLD."""
    index = socket.if_nametoindex("eth0")
    request = socket.inet_pton(socket.AF_INET6, GROUP_V6) + index.to_bytes(4, sys.byteorder)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    v4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for group in GROUPS:
        request = socket.inet_aton(group) + bytes(4) + index.to_bytes(4, sys.byteorder)
        v4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    return v4


def serve():
    """Answers on TCP_PORT and UDP_PORT, IPv4 and IPv6, until it is killed."""
    tcp = socket.create_server(("", TCP_PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("", UDP_PORT))
    member = join_groups(udp)
    selector = selectors.DefaultSelector()
    for sock in (tcp, udp):
        selector.register(sock, selectors.EVENT_READ)
    while member:
        for key, _ in selector.select():
            if key.fileobj is tcp:
                try:
                    answer(tcp.accept()[0])
                except OSError as error:
                    print(f"a client failed: {error}", file=sys.stderr)
            else:
                data, peer = udp.recvfrom(65536)
                # Only what a single host asked: a group's members stay silent.
                if len(data) > 1:
                    udp.sendto(data, peer)


def listen(device):
    """A socket that sees every frame on `device`, those for others included."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((device, 3))
    member = struct.pack("iHH8s", socket.if_nametoindex(device), PACKET_MR_PROMISC, 0, b"")
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    return sock


def record(path, trunk):
    """Writes what arrives until SIGTERM, with the tags that its network has on the trunk."""
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    selector = selectors.DefaultSelector()
    for part in trunk:
        device, _, tags = part.partition("=")
        selector.register(listen(device), selectors.EVENT_READ, bytes.fromhex(tags))
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, 1))
        print("ready", flush=True)
        while not ended:
            for key, _ in selector.select(0.1):
                frame, peer = key.fileobj.recvfrom(SNAPLEN)
                if peer[2] == PACKET_OUTGOING:
                    continue
                frame = frame[:12] + key.data + frame[12:]
                now = time.time_ns() // 1000
                stamp = struct.pack("<II", now // 1000000, now % 1000000)
                out.write(stamp + struct.pack("<II", len(frame), len(frame)) + frame)


def main():
    """Reads the command line shown at the top of this file."""
    match sys.argv[1:]:
        case ["record", path, *trunk]:
            record(path, trunk)
        case ["serve"]:
            serve()
        case ["get" | "put" as verb, address, size]:
            transfer(verb, address, int(size))
        case ["ask", address, count, size]:
            ask(address, int(count), int(size))
        case ["cast", address, count, size]:
            cast(address, 7003, int(count), int(size))
        case ["ping", address, count, size]:
            ping(address, int(count), int(size))
        case ["refused", address, count]:
            cast(address, 9, int(count), 64)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
