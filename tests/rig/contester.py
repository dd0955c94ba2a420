"""Somebody on the network who has every name already: he denies all that others want to be called.

``python -m tests.rig.contester ADDRESS`` answers each question for all records of a name in
``.local`` at once: the name has this address. What others tell of themselves he contradicts, too.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dnslib import QTYPE, RR, A, DNSError, DNSHeader, DNSRecord
from tests.rig.lan import Host, Process

_ROOT = Path(__file__).parents[2]
_GROUP, _PORT = "224.0.0.251", 5353
_RESPONSE, _FLUSH = 0x8400, 0x8001  # RFC 6762 sections 18 and 10.2
_LISTENING = "contesting"


@contextmanager
def contesting(host: Host) -> Iterator[Process]:
    """Contest every name while the block lasts."""
    command = ("env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", "tests.rig.contester")
    with host.popen(*command, host.address) as process:
        process.says(_LISTENING)
        yield process


def _main(address: str) -> None:
    both = socket.inet_aton(_GROUP) + socket.inet_aton(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            link.setsockopt(socket.SOL_SOCKET, option, 1)
        link.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, both)
        link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        link.bind(("", _PORT))
        print(_LISTENING, flush=True)  # noqa: T201 - what is waited for
        while True:
            packet, (sender, _) = link.recvfrom(9000)
            names = _hosts(packet) if sender != address else set()
            if names:
                link.sendto(_denial(names, address), (_GROUP, _PORT))


def _hosts(packet: bytes) -> set[str]:
    """Return the names of hosts that somebody wants to have, or says that he has."""
    try:
        message = DNSRecord.parse(packet)
    except DNSError:
        return set()
    asked = [str(one.qname) for one in message.questions if one.qtype == QTYPE.ANY]
    told = [str(one.rname) for one in message.rr if one.rtype == QTYPE.A and one.ttl]
    return {name for name in (*asked, *told) if "._" not in name}


def _denial(names: set[str], address: str) -> bytes:
    said = DNSRecord(DNSHeader(id=0, bitmap=_RESPONSE))
    for name in sorted(names):
        said.add_answer(RR(name, QTYPE.A, _FLUSH, 120, A(address)))
    return bytes(said.pack())


if __name__ == "__main__":
    _main(*sys.argv[1:])
