"""Hosts by all three transports, at a real SSH server."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from paramiko import Transport as Paramiko
from tests.rig.harbour import Hanging, Harbour, silent, undecided
from tests.rig.wait import until

from opencoderouter.core.fleet.model import LOCAL, HostState, Unreached, Via
from opencoderouter.core.fleet.preferences import Transport
from opencoderouter.core.fleet.transport import Completed, Link, NotForwarded, Stream

pytestmark = pytest.mark.sshd
LONG = 60.0  # seconds that nothing here takes
LOUD = 3 << 20  # octets
VIAS = [(LOCAL, "auto"), ("devbox", "fabric"), ("devbox", "openssh")]
each = pytest.mark.parametrize(("alias", "transport"), VIAS)


def connections() -> list[threading.Thread]:
    """Return the threads of connections by Fabric that are open, or being opened."""
    clients = [one for one in threading.enumerate() if isinstance(one, Paramiko)]
    return [one for one in clients if not one.server_mode]


def busy() -> list[str]:
    """Return what runs for links."""
    return [one.name for one in connections()]


async def gone(*servers: Hanging) -> None:
    """Wait until no connection and no client of these servers is left."""

    def over() -> bool:
        return not busy() and all(one.ended.is_set() for one in servers)

    await asyncio.to_thread(until, over, what=busy)


async def completed(link: Link, command: str, **more: object) -> Completed:
    """Return how a command ends that is to run."""
    done = await link.run(command, within=LONG, **more)  # type: ignore[arg-type]
    assert isinstance(done, Completed), done
    return done


@each
async def test_commands(harbour: Harbour, alias: str, transport: str) -> None:
    """A command gets its input; its outputs come apart and whole, with its exit code."""
    async with harbour.links(transport=Transport(transport)) as links:
        link = links.link(alias)
        data = bytes(range(256)) * (LOUD // 256)
        heard = bytearray()
        done = await completed(
            link, "cat; printf %s 'it'\\''s' >&2; exit 7", stdin=data, on_output=heard.extend
        )
        assert done == Completed(7, data, b"it's")
        assert heard == data
        assert (await completed(link, "true", stdin=data)).code == 0  # it reads nothing of that


@each
async def test_signals(harbour: Harbour, alias: str, transport: str) -> None:
    """A signal that has ended a command is told, but by ssh, which has no exit code for it."""
    async with harbour.links(transport=Transport(transport)) as links:
        done = await completed(links.link(alias), "kill -TERM $$")
        assert done.code == (255 if transport == "openssh" else -15)


@each
async def test_a_command_that_fails_as_ssh_does(
    harbour: Harbour, alias: str, transport: str
) -> None:
    """Exit code 255 and a word on stderr are the command's own."""
    async with harbour.links(transport=Transport(transport)) as links:
        done = await completed(links.link(alias), "echo 'Connection refused' >&2; exit 255")
        assert done == Completed(255, b"", b"Connection refused\n")


@each
async def test_too_much_output(harbour: Harbour, alias: str, transport: str) -> None:
    """Output without end is not read without end, and its command ends."""
    async with harbour.links(transport=Transport(transport)) as links:
        done = await links.link(alias).run("exec yes", within=LONG)
        assert isinstance(done, Unreached)
        assert (done.state, done.reason[:15]) == (HostState.ERROR, "too much output")


@each
async def test_a_command_that_takes_too_long(
    harbour: Harbour, tmp_path: Path, alias: str, transport: str
) -> None:
    """It is an error, not a host that is not reached; the link goes on, the command does not."""
    pid = tmp_path / "pid"
    async with harbour.links(transport=Transport(transport)) as links:
        link = links.link(alias)
        await completed(link, "true")
        done = await link.run(f"echo $$ >{pid}; exec sleep 600 <&- >&- 2>&-", within=1)
        assert isinstance(done, Unreached)
        assert done.state is HostState.ERROR
        assert "took longer than 1 s" in done.reason
        assert (await completed(link, "true")).code == 0
        if transport != "auto":  # ssh passes no signal on, and sshd none to root
            send("TERM", pid.read_text())
        here = Path("/proc", pid.read_text().strip())
        await asyncio.to_thread(until, lambda: not here.exists())


@each
async def test_streams(harbour: Harbour, alias: str, transport: str) -> None:
    """A stream carries both ways and ends when the other end does; a closed port refuses."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(LOUD))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    data = b"0123456789abcdef" * (LOUD // 16)
    async with server, harbour.links(transport=Transport(transport)) as links:
        stream = await links.link(alias).connect(port, within=LONG)
        assert not isinstance(stream, NotForwarded | Unreached)
        async with asyncio.TaskGroup() as group:
            group.create_task(stream.send(data))
            echoed = group.create_task(everything(stream))
        assert echoed.result() == data
        assert await stream.receive(1) == b""
        await stream.close()
        with pytest.raises(OSError):  # noqa: PT011 - each transport has its own
            await stream.send(b"more")
        server.close()
        refused = await links.link(alias).connect(port, within=LONG)
        assert isinstance(refused, NotForwarded)
        assert not refused.prohibited
        assert "refused" in refused.reason


def send(name: str, pid: str | bytes) -> None:
    """Send a signal to a process."""
    os.kill(int(pid), signal.Signals[f"SIG{name}"])


async def everything(stream: Stream) -> bytes:
    """Return what comes until the end."""
    whole = bytearray()
    while piece := await stream.receive(65536):
        whole += piece
    return bytes(whole)


@pytest.mark.parametrize(("transport", "number"), [("fabric", 30), ("openssh", 12)])
async def test_one_connection_for_many(harbour: Harbour, transport: str, number: int) -> None:
    """Many commands at once share one connection, of which sshd lets ten run at once."""
    async with harbour.links(transport=Transport(transport)) as links:
        link = links.link("devbox")
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(completed(link, "echo $SSH_CONNECTION; sleep 0.1"))
                for _ in range(number)
            ]
        results = {task.result() for task in tasks}
        assert len(results) == 1
        assert results.pop().code == 0


async def test_idle_connections_end(harbour: Harbour) -> None:
    """A connection that nobody has used for a while is closed; the next command makes another."""
    async with harbour.links(control_persist=0.2) as links:
        link = links.link("devbox")
        first = await completed(link, "echo $SSH_CONNECTION")
        await gone()
        assert first != await completed(link, "echo $SSH_CONNECTION")


@pytest.mark.parametrize("blow", ["KILL", "STOP"])
async def test_dead_connections_are_made_again(harbour: Harbour, blow: str) -> None:
    """A connection that has ended, or does not answer, is noticed by the next command."""
    async with harbour.links(connect_timeout=1.0) as links:
        link = links.link("devbox")
        first = (await completed(link, "echo $PPID")).stdout.strip()
        send(blow, first)
        second = (await completed(link, "echo $PPID")).stdout.strip()
        assert first != second
        if blow == "STOP":
            send("KILL", first)


async def test_known_hosts_count_at_the_next_connection(harbour: Harbour, tmp_path: Path) -> None:
    """A connection is kept whatever becomes of the file; no other is made by what it said then."""
    known = tmp_path / "known_hosts"
    shutil.copy(harbour.sshd.folder / "known_hosts", known)
    async with harbour.links(f"Host devbox\n UserKnownHostsFile {known}\n") as links:
        link = links.link("devbox")
        parent = (await completed(link, "echo $PPID")).stdout
        known.write_text("")
        assert (await completed(link, "echo $PPID")).stdout == parent
        send("KILL", parent)
        done = await link.run("true", within=LONG)
        assert isinstance(done, Unreached)
        assert done.state is HostState.HOST_KEY_UNKNOWN


async def test_ways_are_kept_with_their_connection(harbour: Harbour) -> None:
    """How a host is reached is found out once, and again when the connection has ended."""
    async with harbour.links(control_persist=0.2) as links:
        link = links.link("devbox")
        await completed(link, "true")
        way = await links.way("devbox", None)
        assert not isinstance(way, Unreached)
        await completed(link, "true")
        assert await links.way("devbox", way) is way
        await gone()
        assert await links.way("devbox", way) is not way


async def test_fabric_by_force(harbour: Harbour) -> None:
    """What Fabric cannot do is an error where OpenSSH may not be asked."""
    text = "Host devbox\n Ciphers chacha20-poly1305@openssh.com\n"
    async with harbour.links(text, transport=Transport.FABRIC) as links:
        done = await links.link("devbox").run("true", within=LONG)
        assert isinstance(done, Unreached)
        assert done.state is HostState.ERROR
        assert done.reason.endswith("; ssh.transport is fabric")
    async with harbour.links(text) as links:
        await completed(links.link("devbox"), "true")
        assert links.link("devbox").via is Via.OPENSSH


async def test_jump_hosts(harbour: Harbour) -> None:
    """Hosts behind one jump host share its connection, and it is that of the jump host itself."""
    text = "Host farther\n ProxyJump other,near\nHost far*\n ProxyJump near\n"
    async with harbour.links(text) as links:
        near = await completed(links.link("near"), "echo $PPID")
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(completed(links.link(f"far{one}"), "echo $PPID"))
                for one in range(9)
            ]
        parents = {task.result().stdout for task in tasks}
        assert len(parents) == 9
        assert near.stdout not in parents
        assert len(connections()) == 10
        await completed(links.link("farther"), "true")
        assert links.link("far1").via is Via.FABRIC
        assert len(connections()) == 13  # other; near through other; farther


async def test_a_circle_of_jump_hosts(harbour: Harbour) -> None:
    """A way that leads nowhere is said to."""
    async with harbour.links("Host a\n ProxyJump b\nHost b\n ProxyJump a\n") as links:
        done = await links.link("a").run("true", within=LONG)
        assert isinstance(done, Unreached)
        assert done.state is HostState.BLOCKED
        assert "in a circle: a, b, a" in done.reason


@pytest.fixture
def hangs(harbour: Harbour) -> Iterator[dict[str, Hanging]]:
    """Run a server for each stage at which one can hang."""
    with ExitStack() as end:
        yield {
            "mute": end.enter_context(silent()),
            "half": end.enter_context(silent(b"SSH-2.0-Half_1.0\r\n")),
            "login": end.enter_context(undecided(harbour)),
        }


def hosts(hangs: dict[str, Hanging]) -> str:
    """Return the configuration for these servers, and for one behind the first."""
    lines = [f"Host {name}\n Port {one.port}\n" for name, one in hangs.items()]
    pipe = "Host pipe\n ProxyCommand tail -f /dev/null\n"
    return "".join(lines) + pipe + "Host behind\n ProxyJump mute\n"


async def test_a_host_that_hangs_delays_no_other(
    harbour: Harbour, hangs: dict[str, Hanging]
) -> None:
    """While hosts hang at each stage, another one answers as ever."""
    async with (
        harbour.links(hosts(hangs), connect_timeout=LONG) as links,
        asyncio.TaskGroup() as group,
    ):
        stuck = [
            group.create_task(links.link(name).run("sleep 600", within=LONG))
            for name in ("mute", "half", "login", "pipe", "behind", "endless")
        ]
        await asyncio.to_thread(lambda: [one.begun.wait() for one in hangs.values()])
        for name in ("devbox", "devbox", "another"):
            await completed(links.link(name), "true")
        assert [task.result() for task in stuck if task.done()] == []
        for task in stuck:
            task.cancel()


async def test_where_a_host_hangs(harbour: Harbour, hangs: dict[str, Hanging]) -> None:
    """When the whole time is over, the reason says what it was spent on."""
    async with harbour.links(hosts(hangs), connect_timeout=LONG) as links:
        await completed(links.link("endless"), "true")
        names = ("mute", "half", "login", "pipe", "behind", "endless")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(links.link(one).run("sleep 9", within=1)) for one in names]
        results = {name: task.result() for name, task in zip(names, tasks, strict=True)}
        states = {name: one.state for name, one in results.items() if isinstance(one, Unreached)}
        assert states.pop("endless") is HostState.ERROR
        assert list(states.values()) == [HostState.UNREACHABLE] * 5
        words = {name: getattr(one, "reason", "") for name, one in results.items()}
        assert "version exchange" in words["mute"]
        assert "key exchange" in words["half"]
        assert "at the login" in words["login"]


@pytest.mark.parametrize("transport", ["fabric", "openssh"])
async def test_each_stage_has_its_own_limit(
    harbour: Harbour, hangs: dict[str, Hanging], transport: str
) -> None:
    """A host that hangs is given up after ConnectTimeout, long before the whole time is over."""
    text = f"Host *\n ConnectTimeout 1\n{hosts(hangs)}"
    names = ("mute", "half", "login") if transport == "fabric" else ("mute",)
    async with harbour.links(text, transport=Transport(transport)) as links:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(links.link(one).run("true", within=LONG))
                for one in (*names, "behind")
            ]
        *direct, behind = (task.result() for task in tasks)
        for done in direct:
            assert isinstance(done, Unreached)
            assert done.state is HostState.UNREACHABLE
            assert "timed out" in done.reason
        assert isinstance(behind, Unreached)
        assert (behind.state, behind.blocked_by) == (HostState.BLOCKED, "mute")


async def test_cancellation_leaves_nothing(harbour: Harbour, hangs: dict[str, Hanging]) -> None:
    """Whoever is cancelled while a host hangs leaves no thread, no socket and no process."""
    async with harbour.links(hosts(hangs), connect_timeout=LONG) as links:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(links.link(name).run("true", within=LONG))
                for name in ("mute", "half", "login", "pipe", "behind")
            ]
            await asyncio.to_thread(lambda: [one.begun.wait() for one in hangs.values()])
            await asyncio.to_thread(until, lambda: children("tail"))
            for task in tasks:
                task.cancel()
        await gone(hangs["mute"], hangs["half"])
        await asyncio.to_thread(until, lambda: not children("tail"))
        timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
        assert not timers


def children(name: str) -> list[str]:
    """Return the processes of that name that this one has."""
    command = ["pgrep", "-x", "-P", str(os.getpid()), name]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()


async def test_the_end_leaves_nothing(harbour: Harbour) -> None:
    """At the end every connection is closed, those of ssh's masters too."""
    async with AsyncExitStack() as end:
        for transport in (Transport.FABRIC, Transport.OPENSSH):
            links = await end.enter_async_context(harbour.links(transport=transport))
            await completed(links.link("devbox"), "true")
        assert busy()
        assert list(harbour.short.iterdir())
    await gone()
    await asyncio.to_thread(until, lambda: not list(harbour.short.iterdir()))


async def test_unreadable_configuration(harbour: Harbour) -> None:
    """What ssh says of its configuration is the reason."""
    async with harbour.links("NoSuchOption yes\n") as links:
        done = await links.link("devbox").run("true", within=LONG)
        assert isinstance(done, Unreached)
        assert done.state is HostState.ERROR
        assert "nosuchoption" in done.reason.lower()


def test_fabric_is_loaded_late() -> None:
    """Whoever only wants to show what is known does not wait for Fabric."""
    script = "import sys, opencoderouter.fleet.links; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", script]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"fabric", "paramiko", "invoke"} & set(names)
