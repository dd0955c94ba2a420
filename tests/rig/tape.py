"""What is said by multicast on a host's cable: every record of every mDNS response.

``python -m tests.rig.tape ADDRESS INTERFACE`` runs in the host and prints a record a line.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dnslib import QTYPE, DNSRecord
from tests.rig.lan import Host, Process
from tests.rig.wait import until

_ROOT = Path(__file__).parents[2]
_PORT, _GROUP, _GROUP6 = 5353, "224.0.0.251", "ff02::fb"
_LISTENING = "listening"


@dataclass(frozen=True, slots=True)
class Said:
    """A record: who said it, by address; its name without a dot at its end; its data as text."""

    by: str
    name: str
    kind: str
    ttl: int
    data: str


@dataclass(frozen=True, slots=True)
class Tape:
    """What has been said since it began to run."""

    process: Process

    def said(self, name: str, kind: str, *, by: str = "") -> list[Said]:
        """Return the records of a name, or those of one that said them."""
        whole, _, _ = self.process.log.read_text().rpartition("\n")
        lines = whole.splitlines()[1:]
        every = [Said(**json.loads(line)) for line in lines]
        return [s for s in every if (s.name, s.kind) == (name, kind) and by in {"", s.by}]

    def hears(self, name: str, kind: str, *, by: str = "") -> Said:
        """Return the last record of a name when there is one."""
        return until(lambda: self.said(name, kind, by=by), what=self.process.log.read_text)[-1]

    def hears_goodbye(self, name: str, kind: str) -> None:
        """Return when somebody has said that a record is no more (RFC 6762 section 10.1)."""

        def gone() -> bool:
            return any(record.ttl == 0 for record in self.said(name, kind))

        until(gone, what=self.process.log.read_text)


@contextmanager
def taping(host: Host) -> Iterator[Tape]:
    """Listen on a host while the block lasts."""
    command = ("env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", "tests.rig.tape")
    with host.popen(*command, host.address, "eth0") as process:
        process.says(_LISTENING)
        yield Tape(process)


def _main(address: str, interface: str) -> None:
    receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        receiver.setsockopt(socket.SOL_SOCKET, option, 1)
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    receiver.bind(("::", _PORT))
    both = socket.inet_aton(_GROUP) + socket.inet_aton(address)
    receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, both)
    link = struct.pack("@I", socket.if_nametoindex(interface))
    both = socket.inet_pton(socket.AF_INET6, _GROUP6) + link
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, both)
    _print(_LISTENING)
    while True:
        packet, sender = receiver.recvfrom(9000)
        for said in _records(packet, sender[0].removeprefix("::ffff:")):
            _print(json.dumps(asdict(said)))


def _records(packet: bytes, by: str) -> Iterator[Said]:
    message = DNSRecord.parse(packet)
    if message.header.qr:
        for record in (*message.rr, *message.ar):
            kind = str(QTYPE.get(record.rtype))
            yield Said(by, _name(record.rname), kind, record.ttl, str(record.rdata))


def _name(name: object) -> str:
    return str(name).rstrip(".")


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what the tape is read from


if __name__ == "__main__":
    _main(*sys.argv[1:])
