"""What the hosts of `capture.sh` say to each other, on the kernel's sockets.

Payloads and ports are fixed, so that two captures differ in little but time,
TCP sequence numbers and acknowledgements. Only `raw` builds a frame by hand:
those are frames that no kernel sends by itself.

Not here: addresses and links (`capture.sh`), VLANs (`switch.py`).

    traffic.py serve                         TCP and UDP service, joins mDNS groups
    traffic.py get|put ADDRESS PORT BYTES    one TCP transfer, from local PORT
    traffic.py ask ADDRESS PORT COUNT BYTES  UDP questions, each waits for its echo
    traffic.py cast ADDRESS PORT COUNT BYTES UDP datagrams that expect no answer
    traffic.py mdns GROUP COUNT              service queries to an mDNS group
    traffic.py raw DEVICE COUNT HEX...       Ethernet frames, padded to 60 bytes
"""

import selectors
import socket
import sys
import time

TCP_PORT = 7001
UDP_PORT = 7002
CAST_PORT = 7003
MDNS_PORT = 5353
MDNS_V4 = "224.0.0.251"
MDNS_V6 = "ff02::fb"
# RFC 6762: one PTR question for _lockgate._udp.local.
MDNS_QUERY = bytes.fromhex("000000000001000000000000") + (
    b"\x09_lockgate\x04_udp\x05local\0\0\x0c\0\x01"
)
LINE = b"Lockgate example traffic. "
WAIT = 2.0


def payload(size):
    """The same `size` bytes in every run."""
    return (LINE * (size // len(LINE) + 1))[:size]


def endpoint(kind, address, port):
    """A socket of the address's family, bound to a local port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(WAIT)
    sock.bind(("", port))
    return sock


def exactly(sock, size):
    """Reads `size` bytes, or raises when the peer ends early."""
    while size:
        data = sock.recv(min(size, 65536))
        if not data:
            raise ConnectionError("the peer closed early")
        size -= len(data)


def transfer(verb, address, port, size):
    """Downloads or uploads `size` bytes over one TCP connection."""
    with endpoint(socket.SOCK_STREAM, address, port) as sock:
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


def ask(address, port, count, size):
    """UDP requests of growing length, one at a time; a lost one is not repeated."""
    with endpoint(socket.SOCK_DGRAM, address, port) as sock:
        for number in range(count):
            sock.sendto(payload(1 + size * (number + 1) // count), (address, UDP_PORT))
            try:
                sock.recv(65536)
            except TimeoutError:
                print(f"no answer from {address}", file=sys.stderr)


def cast(target, port, count, data):
    """Datagrams to a group, a broadcast address or a host; nobody answers."""
    with endpoint(socket.SOCK_DGRAM, target[0], port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if target[0].startswith("ff02:"):
            target = (*target, 0, socket.if_nametoindex("eth0"))
        for _ in range(count):
            sock.sendto(data, target)
            time.sleep(0.002)


def raw(device, count, frames):
    """Frames as given in hexadecimal digits."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((device, 0))
        for frame in frames * count:
            sock.send(bytes.fromhex(frame).ljust(60, b"\0"))


def join_groups(sock):
    """Joins the mDNS groups, so that the kernel reports by IGMP and MLD."""
    index = socket.if_nametoindex("eth0")
    request = socket.inet_pton(socket.AF_INET6, MDNS_V6) + index.to_bytes(4, sys.byteorder)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    v4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = socket.inet_aton(MDNS_V4) + bytes(4) + index.to_bytes(4, sys.byteorder)
    v4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    return v4


def serve():
    """Answers on TCP_PORT and UDP_PORT, IPv4 and IPv6, until it is killed."""
    tcp = socket.create_server(
        ("", TCP_PORT), family=socket.AF_INET6, dualstack_ipv6=True
    )
    udp, casts, groups = (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(3)
    )
    for sock, port in ((udp, UDP_PORT), (casts, CAST_PORT), (groups, MDNS_PORT)):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", port))
    member = join_groups(groups)
    selector = selectors.DefaultSelector()
    for sock in (tcp, udp, casts, groups):
        selector.register(sock, selectors.EVENT_READ)
    print("ready", flush=True)
    while member:
        for key, _ in selector.select():
            if key.fileobj is tcp:
                try:
                    answer(tcp.accept()[0])
                except OSError as error:
                    print(f"a client failed: {error}", file=sys.stderr)
            else:
                data, peer = key.fileobj.recvfrom(65536)
                if key.fileobj is udp:
                    udp.sendto(data, peer)


def main():
    """Reads the command line shown at the top of this file."""
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["get" | "put" as verb, address, port, size]:
            transfer(verb, address, int(port), int(size))
        case ["ask", address, port, count, size]:
            ask(address, int(port), int(count), int(size))
        case ["cast", address, port, count, size]:
            cast((address, CAST_PORT), int(port), int(count), payload(int(size)))
        case ["mdns", group, count]:
            cast((group, MDNS_PORT), MDNS_PORT, int(count), MDNS_QUERY)
        case ["raw", device, count, *frames]:
            raw(device, int(count), frames)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
