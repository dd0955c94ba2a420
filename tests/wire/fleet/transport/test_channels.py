"""What goes over one open connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from fabric import Connection
from tests.rig.harbour import Harbour

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet.known_hosts import Known
from opencoderouter.fleet.process import Command
from opencoderouter.fleet.threads import Threads
from opencoderouter.fleet.transport import channels
from opencoderouter.fleet.transport.channels import ChannelStream, Lost, Runner, forwarded
from opencoderouter.fleet.transport.opening import Opening, close
from opencoderouter.fleet.transport.wire import Wire
from opencoderouter.fleet.verdict import Mends

pytestmark = pytest.mark.sshd


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Make some threads."""
    made = Threads(24, "test")
    yield made
    made.end()


@pytest.fixture
def wire(harbour: Harbour) -> Iterator[Wire]:
    """Open a connection."""
    folder, port = harbour.sshd.folder, harbour.sshd.port
    kind, key = (folder / "host_key.pub").read_text().split()[:2]
    known = Known("a", ((kind, key),))
    options = {"identityfile": (str(folder / "key"),), "identityagent": ("none",)}
    host = Resolved("a", "127.0.0.1", "root", port, options=options)
    sock = socket.create_connection(("127.0.0.1", port))
    connection = Opening(host, lambda: known, sock, 60, Mends()).run()
    assert isinstance(connection, Connection), connection
    yield connection.transport
    close(connection, sock)


async def test_more_sessions_than_a_host_takes(
    threads: Threads, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that refuses one more session is asked for it again until another has ended."""
    monkeypatch.setattr(channels, "_PAUSES", (0.05,) * 600)  # ten shells can take long to begin
    runner = Runner(threads, wire, {}, 60)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.run(Command("sleep 0.2"))) for _ in range(16)]
    assert {repr(task.result()) for task in tasks} == {repr(Completed(0, b"", b""))}


async def test_a_connection_that_has_ended(threads: Threads, wire: Wire) -> None:
    """What has not begun can be done over another one, and the caller is told so."""
    wire.close()
    with pytest.raises(Lost):
        await Runner(threads, wire, {}, 60).run(Command("true"))
    with pytest.raises(Lost):
        await forwarded(threads, wire, ("127.0.0.1", 1), 60)


async def test_a_connection_that_ends_under_a_command(threads: Threads, wire: Wire) -> None:
    """A command that may have done something is not taken for one that has not begun."""
    done = await Runner(threads, wire, {}, 60).run(Command("echo begun; kill -9 $PPID; sleep 60"))
    assert "lost while the command ran" in getattr(done, "reason", "")


async def test_variables_are_asked_for(threads: Threads, wire: Wire) -> None:
    """A host that takes no variables still runs the command."""
    runner = Runner(threads, wire, {"A": "b"}, 60)
    assert await runner.run(Command("true")) == Completed(0, b"", b"")


async def test_the_end_of_a_stream_is_told_once(
    threads: Threads, wire: Wire, harbour: Harbour
) -> None:
    """Whoever keeps the connection for a stream is told when it is closed."""
    ends: list[int] = []
    channel = await forwarded(threads, wire, ("127.0.0.1", harbour.sshd.port), 60)
    stream = ChannelStream(threads, channel, lambda: ends.append(1))  # type: ignore[arg-type]
    assert (await stream.receive(4)) == b"SSH-"
    await stream.close()
    await stream.close()
    assert ends == [1]
