"""Who is at the other end of real connections, as the door says by what the kernel knows."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import pytest
from tests.rig.netns import needs_network, network
from tests.rig.stranger import UID, heard, needs_stranger, run_as, stranger

from opencoderouter.access.door import Door
from opencoderouter.core.grant import Caller
from opencoderouter.core.keyring import Auth
from opencoderouter.kernel.kin import Kin
from opencoderouter.kernel.marks import MARK
from opencoderouter.kernel.peers import peers

pytestmark = pytest.mark.skipif(peers() is None, reason="needs a kernel that tells whose sockets")
LONG = 20.0  # seconds that only a hang takes
ME = os.getuid()

# Connects, says something, and holds on until its input ends.
CALL = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.sendall(b"x")
print("called", flush=True)
sys.stdin.read()
"""
# Connects, says something, and is gone.
CALL_AND_GO = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as client:
    client.sendall(b"x")
"""


@dataclass(frozen=True, slots=True)
class Post:
    """A door, and a port whose callers it looks at."""

    server: socket.socket
    door: Door

    @property
    def port(self) -> int:
        """Return the port."""
        return int(self.server.getsockname()[1])

    async def caller(self) -> Caller:
        """Return who the next one is that has come."""
        accepted, client = self.server.accept()
        said: asyncio.Queue[Caller] = asyncio.Queue()
        with accepted:
            names = (client[0], client[1]), accepted.getsockname()[:2]
            known = self.door.look(*names, said.put_nowait)
            if known is not None:
                return known
            async with asyncio.timeout(LONG):
                return await said.get()


@asynccontextmanager
async def post(address: str = "127.0.0.1", auth: Auth = "auto") -> AsyncIterator[Post]:
    """Listen at an address until the block ends."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    door = Door(auth, ME, peers(), Kin())
    with socket.create_server((address, 0), family=family) as server:
        server.settimeout(LONG)
        async with asyncio.TaskGroup() as group:
            service = group.create_task(door.run())
            try:
                yield Post(server, door)
            finally:
                service.cancel()


@contextmanager
def calling(address: str, port: int, **marks: str) -> Iterator[None]:
    """Run a program of ours that calls, with these in its environment, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", CALL, address, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], **marks},
    ) as process:
        assert heard(process) == "called"
        yield


@pytest.fixture
def free() -> None:
    """Skip where everything that a test starts is an agent's."""
    with socket.socket() as own:
        if Kin().agents([os.fstat(own.fileno()).st_ino]):
            pytest.skip("these tests are run by an agent")


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.8.7", "::1"])
async def test_our_own_user(address: str) -> None:
    """A program of ours comes in free; it is known by the address that it calls from."""
    async with post(address) as here:
        with calling(address, here.port):
            caller = await here.caller()
    assert caller == Caller("::1" if ":" in address else "127.0.0.1", ME, free=True)


@pytest.mark.usefixtures("free")
async def test_our_own_process() -> None:
    """The router's own process may call itself, and several may call at once."""
    async with post() as here:
        with ExitStack() as all_:
            for _ in range(5):
                all_.enter_context(socket.create_connection(("127.0.0.1", here.port)))
            found = [await here.caller() for _ in range(5)]
    assert found == 5 * [Caller("127.0.0.1", ME, free=True)]


@pytest.mark.parametrize("mark", ["OPENCODE", MARK])
async def test_an_agent_s_tool(mark: str) -> None:
    """What an OpenCode server has started is not free, though it is our user's."""
    async with post() as here:
        with calling("127.0.0.1", here.port, **{mark: "1"}):
            assert await here.caller() == Caller("127.0.0.1", ME)


@pytest.mark.parametrize(("auth", "uid"), [("always", ME), ("off", None)])
async def test_where_nobody_is_free(auth: Auth, uid: int | None) -> None:
    """Where everybody needs a password our own user does; where nobody does nobody is asked."""
    async with post(auth=auth) as here:
        with calling("127.0.0.1", here.port):
            assert await here.caller() == Caller("127.0.0.1", uid)


@needs_stranger
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_another_user(address: str) -> None:
    """Somebody else on this machine is known, and not free."""
    async with post(address) as here:
        with stranger(UID, CALL, address, here.port) as other:
            assert heard(other) == "called"
            caller = await here.caller()
    assert caller == Caller(address, UID)


@needs_stranger
async def test_another_user_who_is_gone() -> None:
    """A socket that is closed belongs to nobody: its uid reads as that of root."""
    async with post() as here:
        run_as(UID, CALL_AND_GO, "127.0.0.1", here.port)
        assert await here.caller() == Caller("127.0.0.1")


async def test_our_own_user_who_is_gone() -> None:
    """Of who cannot be asked any more nothing is known."""
    async with post() as here:
        with socket.create_connection(("127.0.0.1", here.port)) as client:
            client.sendall(b"x")
        assert await here.caller() == Caller("127.0.0.1")


@needs_network
async def test_another_network() -> None:
    """Who is root in another network namespace is nobody here."""
    with network() as net:
        async with post(net.here) as here:
            net.run(sys.executable, "-I", "-S", "-c", CALL_AND_GO, net.here, here.port)
            assert await here.caller() == Caller(net.there)


@needs_network
async def test_this_machine_by_its_name_on_the_network() -> None:
    """Who comes by another address than loopback is known, and not free: its sessions are its."""
    with network() as net:
        async with post(net.here) as here:
            with calling(net.here, here.port):
                assert await here.caller() == Caller(net.here, ME)
