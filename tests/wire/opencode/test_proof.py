"""Questions to a port that has changed hands."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.fakes import opencode, serving
from tests.rig.ports import free_port
from tests.rig.stranger import UID, heard, needs_stranger, stranger

from opencoderouter.core.model import Kind, Listener
from opencoderouter.kernel.peers import peers
from opencoderouter.opencode.answer import Answer, Healthy, Silent
from opencoderouter.opencode.client import Client

PATIENT = 20.0  # seconds; nothing here takes so long unless it hangs
SECRET = "Basic b3BlbmNvZGU6c2VjcmV0"


@dataclass
class Ear:
    """Takes down all that it is sent; answers nothing."""

    port: int = 0
    said: list[bytes] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one connection to its end."""
        try:
            self.said.append(await reader.read())
        except ConnectionError:
            self.said.append(b"")
        writer.close()
        self._heard.set()

    async def heard(self) -> list[bytes]:
        """Return what was sent on each connection, once one has ended."""
        async with asyncio.timeout(PATIENT):
            await self._heard.wait()
        return self.said


@asynccontextmanager
async def ear() -> AsyncIterator[Ear]:
    """Listen."""
    ear = Ear()
    server = await asyncio.start_server(ear.hear, "127.0.0.1", 0)
    async with server:
        ear.port = server.sockets[0].getsockname()[1]
        yield ear


ASKS: dict[str, Callable[[Client, Listener], Awaitable[object]]] = {
    "identify": Client.identify,
    "health": Client.health,
    "busy": Client.busy,
    "sessions": lambda client, there: client.sessions(there, "/srv/app"),
    "dispose": Client.dispose,
}


@pytest.mark.parametrize("ask", sorted(ASKS))
async def test_nothing_is_sent(ask: str) -> None:
    """Whatever is asked, another's socket gets no octet of it; the answer is that of silence."""
    asked: list[Listener] = []

    def denies(there: Listener) -> bool:
        asked.append(there)
        return False

    async with ear() as other, Client(timeout=PATIENT, password="x", proof=denies) as client:
        there = Listener("127.0.0.1", other.port, 1, 999, kind=Kind.SERVE, authorization=SECRET)
        assert await ASKS[ask](client, there) in {Silent(), None, False}
        assert set(await other.heard()) == {b""}
        assert set(asked) == {there}


async def test_each_is_asked_for_itself() -> None:
    """Of two that were found at one port, one after the other, only the later gets questions."""
    async with serving(opencode("/srv/app")) as server:
        early = Listener("127.0.0.1", server.port, 1, 998, kind=Kind.SERVE)
        late = Listener("127.0.0.1", server.port, 1, 999, kind=Kind.SERVE)
        async with (
            Client(timeout=PATIENT, proof=late.__eq__) as client,
            asyncio.TaskGroup() as group,
        ):
            asks = [group.create_task(client.health(one)) for one in (early, late) * 5]
        kinds = [type(ask.result()) for ask in asks]
        assert kinds == [Silent, Healthy] * 5


async def test_nobody_can_be_asked() -> None:
    """Of a listener that was found without the kernel the kernel is not asked."""

    def denies(_: Listener) -> bool:
        raise AssertionError

    async with (
        serving(opencode("/srv/app")) as server,
        Client(timeout=PATIENT, proof=denies) as client,
    ):
        assert isinstance(await client.identify(Listener("127.0.0.1", server.port)), Healthy)


# Listens, and says how many octets it gets on the first connection.
SQUAT = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
client, _ = server.accept()
try:
    print(len(client.recv(99999)), flush=True)
except ConnectionError:
    print(0, flush=True)
sys.stdin.read()
"""


@needs_stranger
async def test_another_users_port() -> None:
    """A user who takes a port over learns nothing that was meant for its former owner."""
    kernel = peers()
    assert kernel is not None
    port = free_port()
    async with Client(timeout=PATIENT, proof=kernel.holds) as client:
        with socket.create_server(("127.0.0.1", port)) as server:
            inode = os.fstat(server.fileno()).st_ino
            there = Listener("127.0.0.1", port, os.getuid(), inode, authorization=SECRET)
        with stranger(UID, SQUAT, port) as other:
            assert heard(other) == "listening"
            answer: Answer = await client.health(there)
            assert answer == Silent()
            assert await asyncio.to_thread(heard, other) == "0"


async def test_ours() -> None:
    """A server that still listens is asked, by what the kernel says."""
    kernel = peers()
    assert kernel is not None
    async with (
        serving(opencode("/srv/app")) as server,
        Client(timeout=PATIENT, proof=kernel.holds) as client,
    ):
        found = kernel.listener("127.0.0.1", server.port)
        assert found is not None
        there = Listener("127.0.0.1", server.port, found.uid, found.inode)
        assert isinstance(await client.identify(there), Healthy)
