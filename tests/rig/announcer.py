"""Somebody on the network who announces services by mDNS: what is told on stdin, line by line.

``python -m tests.rig.announcer ADDRESS`` announces on the interface with this address. A line is
JSON, and is answered by ``done``:

    ["register", {"kind", "label", "host", "port", "addresses", "txt"}]   as zeroconf does it
    ["unregister", LABEL]                                                 with a goodbye
    ["say", [[NAME, TYPE, TTL, DATA], ...]]                               in one packet

DATA is an address for A and AAAA, a name for PTR, ``[port, host]`` for SRV, a list of strings for
TXT. Strings are of Latin-1: each character is an octet.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from zeroconf._dns import DNSAddress, DNSPointer, DNSRecord, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from opencoderouter.core.peers import Heard

_GROUP = ("224.0.0.251", 5353)
_RESPONSE = 0x8400  # RFC 6762 section 18
_IN, _FLUSH = 1, 0x8001
_TTL = 120
TYPES = {"A": 1, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}
Record = tuple[str, str, int, Any]


@dataclass(frozen=True, slots=True)
class Announcer:
    """The program, as it runs."""

    process: subprocess.Popen[str]

    def register(self, *services: Heard) -> None:
        """Announce services, and answer questions about them."""
        for one in services:
            facts = {name: getattr(one, name) for name in Heard.__dataclass_fields__}
            self._do("register", facts)

    def unregister(self, label: str) -> None:
        """End one with a goodbye."""
        self._do("unregister", label)

    def say(self, *records: Record) -> None:
        """Send records in a packet, and answer no question."""
        self._do("say", list(records))

    def die(self) -> None:
        """End without a goodbye."""
        self.process.kill()
        self.process.wait()

    def _do(self, *line: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(line)}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


def records(service: Heard, ttl: int = _TTL) -> list[Record]:
    """Return the records of a service."""
    type_ = f"{service.kind}.local."
    name, host = f"{service.label}.{type_}", f"{service.host}."
    kinds = {True: "AAAA", False: "A"}
    return [
        (type_, "PTR", ttl, name),
        (name, "SRV", ttl, [service.port, host]),
        (name, "TXT", ttl, [f"{key}={value}" for key, value in service.txt]),
        *((host, kinds[":" in one], ttl, one) for one in service.addresses),
    ]


@contextmanager
def announcer(address: str, command: Callable[..., list[str]]) -> Iterator[Announcer]:
    """Run one where ``command`` runs programs, on the interface with this address."""
    with subprocess.Popen(
        command(sys.executable, "-m", "tests.rig.announcer", address),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Announcer(process)
        finally:
            process.kill()


def _record(name: str, type_: str, ttl: int, data: Any) -> DNSRecord:  # noqa: ANN401 - JSON
    number = TYPES[type_]
    match type_:
        case "PTR":
            return DNSPointer(name, number, _IN, ttl, data)
        case "SRV":
            return DNSService(name, number, _FLUSH, ttl, 0, 0, *data)
        case "TXT":
            octets = [text.encode("latin-1") for text in data]
            return DNSText(name, number, _FLUSH, ttl, b"".join(bytes([len(o)]) + o for o in octets))
        case _:
            return DNSAddress(name, number, _IN, ttl, ip_address(data).packed)


def _say(address: str, lines: list[Record]) -> None:
    packet = DNSOutgoing(_RESPONSE)
    for line in lines:
        packet.add_answer_at_time(_record(*line), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        sender.bind((address, _GROUP[1]))
        for octets in packet.packets():
            sender.sendto(octets, _GROUP)


def _service(facts: dict[str, Any]) -> AsyncServiceInfo:
    type_ = f"{facts['kind']}.local."
    return AsyncServiceInfo(
        type_,
        f"{facts['label']}.{type_}",
        port=facts["port"],
        server=f"{facts['host']}.",
        parsed_addresses=facts["addresses"],
        properties={k.encode("latin-1"): v.encode("latin-1") for k, v in facts["txt"]},
    )


async def _main(address: str) -> None:
    zeroconf, told = AsyncZeroconf(interfaces=[address]), dict[str, AsyncServiceInfo]()
    while line := await asyncio.to_thread(sys.stdin.readline):
        what, argument = json.loads(line)
        if what == "say":
            _say(address, argument)
        elif what == "unregister":
            await (await zeroconf.async_unregister_service(told[argument]))
        else:
            told[argument["label"]] = _service(argument)
            await (await zeroconf.async_register_service(told[argument["label"]], strict=False))
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
