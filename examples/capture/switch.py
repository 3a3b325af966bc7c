"""A VLAN switch in user space, for `capture.sh`.

It joins network interfaces as an IEEE 802.1Q bridge does: it learns (VLAN, MAC)
per port, floods what it does not know, tags what comes in on an access port and
removes the tag of what goes out on one. The trunk carries tags. A span port
gets a copy of all that its access port sent. Python does this because
many small machines have a kernel without the 8021q module.

Rule kept: a frame leaves only through ports of its own VLAN, and never through
the port it came from.

Not here: who talks (`traffic.py`), and what Lockgate does with it.

    switch.py TRUNK DEVICE=VLAN[.PRIORITY][+SPAN]...

VLAN 0 is the untagged network; with a priority its frames enter the trunk
priority-tagged (VID 0).
"""

import errno
import selectors
import socket
import struct
import sys

ETH_P_ALL = 0x0003
TPID = 0x8100
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
SO_RCVBUFFORCE = 33
# struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid.
AUXDATA = struct.Struct("IIIHHHH")
TP_STATUS_VLAN_VALID = 1 << 4
# IEEE 802.1D: a bridge never relays 01:80:c2:00:00:00 to 0f.
RESERVED = bytes.fromhex("0180c20000")


def split_tag(frame):
    """Returns (TCI or None, the frame without its outermost 0x8100 tag)."""
    if len(frame) >= 18 and int.from_bytes(frame[12:14], "big") == TPID:
        return int.from_bytes(frame[14:16], "big"), frame[:12] + frame[16:]
    return None, frame


def join_tag(tci, frame):
    """Puts a tag after the addresses; `None` leaves the frame untagged."""
    if tci is None:
        return frame
    return frame[:12] + struct.pack("!HH", TPID, tci) + frame[12:]


class Port:
    """One interface: `vlan` is None on the trunk."""

    def __init__(self, device, vlan=None, tci=None, span=None):
        self.vlan, self.tci = vlan, tci
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((device, ETH_P_ALL))
        self.span = Port(span) if span else None

    @classmethod
    def access(cls, text):
        """Parses DEVICE=VLAN[.PRIORITY][+SPAN]."""
        device, _, rest = text.partition("=")
        rest, _, span = rest.partition("+")
        number, _, priority = rest.partition(".")
        vlan = int(number)
        tagged = vlan or priority
        tci = int(priority or 0) << 13 | vlan if tagged else None
        return cls(device, vlan, tci, span)

    def receive(self):
        """Returns one frame as it was on the wire."""
        frame, ancillary, _, _ = self.socket.recvmsg(65536, 256)
        for level, kind, data in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, *_, tci, _ = AUXDATA.unpack(data[: AUXDATA.size])
                # The kernel took the tag out of the bytes: put it back.
                if status & TP_STATUS_VLAN_VALID:
                    frame = join_tag(tci, frame)
        return frame

    def send(self, frame):
        """Sends as an access port (no tag) or as the trunk."""
        if self.vlan is not None:
            frame = split_tag(frame)[1]
        try:
            self.socket.send(frame)
        except OSError as error:
            # The host at the other end takes no frame of this length.
            if error.errno != errno.ENOBUFS:
                raise


class Switch:
    """The ports and what was learnt about them."""

    def __init__(self, trunk, access):
        self.ports = [trunk, *access]
        self.learnt = {}

    def forward(self, source, frame):
        """Carries one frame from a port to wherever it belongs."""
        relayed = frame[:5] != RESERVED or frame[5] > 0x0F
        tci, _ = split_tag(frame)
        if source.vlan is not None and tci is None and relayed:
            frame, tci = join_tag(source.tci, frame), source.tci
        if source.span:
            source.span.send(frame)
        vlan = (tci or 0) & 0xFFF
        if not relayed or source.vlan not in (None, vlan):
            return
        self.learnt[vlan, frame[6:12]] = source
        known = self.learnt.get((vlan, frame[:6]))
        for port in [known] if known else self.ports:
            if port is not source and port.vlan in (None, vlan):
                port.send(frame)

    def run(self):
        """Works until it is killed."""
        selector = selectors.DefaultSelector()
        for port in self.ports:
            selector.register(port.socket, selectors.EVENT_READ, port)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                self.forward(key.data, key.data.receive())


if __name__ == "__main__":
    Switch(Port(sys.argv[1]), [Port.access(text) for text in sys.argv[2:]]).run()
