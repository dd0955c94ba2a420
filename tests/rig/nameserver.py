"""A DNS server of ours on loopback, and real clients to ask it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from tests.rig.questions import DOMAIN, TOLD, read

from opencoderouter.announce.dns.records import Ask, Near
from opencoderouter.announce.dns.server import Dns, Settings
from opencoderouter.core.announcement import Announcement
from opencoderouter.watch import Watch

SETTINGS = Settings((("127.0.0.1", 0),), domain=DOMAIN)
PATIENCE = 30.0  # seconds, that only a hang takes


@dataclass
class Running:
    """A server that runs. ``told`` is what it is told."""

    dns: Dns
    told: Watch[Announcement] = field(default_factory=lambda: Watch(TOLD))

    @property
    def port(self) -> int:
        """Return the port of the first place."""
        return self.dns.places[0][1]

    async def dig(self, *arguments: str, at: str = "127.0.0.1") -> str:
        """Return what dig prints."""
        command = ["dig", f"@{at}", "-p", str(self.port), "+tries=1", "+timeout=20", *arguments]
        run = asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False
        )
        return str((await run).stdout)

    async def ask(self, packet: bytes, *, at: str = "127.0.0.1") -> bytes:
        """Return the answer to a packet over UDP; it must come from the address that was asked."""
        family = socket.AF_INET6 if ":" in at else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)  # noqa: FBT003 - socket's own
            opened.connect((at, self.port))
            opened.send(packet)
            async with asyncio.timeout(PATIENCE):
                return await asyncio.get_running_loop().sock_recv(opened, 65535)


def framed(*packets: bytes) -> bytes:
    """Return packets as they are sent over TCP."""
    return b"".join(pack("!H", len(packet)) + packet for packet in packets)


async def unframed(reader: asyncio.StreamReader) -> bytes:
    """Return the next packet of a connection."""
    async with asyncio.timeout(PATIENCE):
        length = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(length)


async def told(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 - dnslib has no types
    """Return the next answer of a connection."""
    return read(await unframed(reader))


@asynccontextmanager
async def serving(
    settings: Settings = SETTINGS,
    *,
    ask: Ask | None = None,
    near: Near = lambda _: True,
    announced: Announcement = TOLD,
) -> AsyncIterator[Running]:
    """Run a server while the block does."""
    watch = Watch(announced)
    dns = Dns(settings, watch, 7, ask, near)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(dns.run(), name="dns")
        try:
            yield Running(dns, watch)
        finally:
            task.cancel()
