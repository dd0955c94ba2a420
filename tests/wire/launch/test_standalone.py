"""Servers that outlive the command that started them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.rig.ports import free_range
from tests.rig.stranger import UID, run_as, why_no_stranger
from tests.wire.launch.rig import handmade, installed, is_alive, living, until

from opencoderouter.core.basic import read_basic
from opencoderouter.core.model import Listener
from opencoderouter.kernel.marks import PASSWORD
from opencoderouter.kernel.processes import environment
from opencoderouter.kernel.sockets import Listeners, kernel_listeners
from opencoderouter.launch import standalone, tree
from opencoderouter.launch.running import running
from opencoderouter.launch.standalone import (
    AlreadyServed,
    Failed,
    Launch,
    NoFreePort,
    NotADirectory,
    Started,
    StartOutcome,
)
from opencoderouter.opencode.answer import Healthy, Locked
from opencoderouter.opencode.client import Client


@asynccontextmanager
async def starting(
    *paths: Path,
    tmp_path: Path,
    habits: Sequence[str] = (),
    ports: range | None = None,
    patience: float = 30,
    listeners: Listeners | None = None,
) -> AsyncIterator[list[StartOutcome]]:
    """Start servers; end those that were started when the block does."""
    command = (installed(tmp_path / "bin", *habits),)
    launch = Launch(command, ports or free_range(), tmp_path / "logs", patience)
    async with Client(timeout=2) as client:
        names = [str(path) for path in paths]
        listeners = listeners or kernel_listeners()
        outcomes = [o async for o in standalone.start(names, launch, listeners, client)]
    try:
        yield outcomes
    finally:
        for outcome in outcomes:
            if isinstance(outcome, Started) and is_alive(outcome.pid):
                os.kill(outcome.pid, signal.SIGKILL)
                await until(partial(os.waitpid, outcome.pid, 0))


def home(tmp_path: Path, name: str = "home") -> Path:
    """Make a project's directory."""
    (tmp_path / name).mkdir()
    return tmp_path / name


async def test_start(tmp_path: Path) -> None:
    """A server answers when it counts as started; session, mark and log are its own."""
    one, two, ports = home(tmp_path, "one"), home(tmp_path, "Über two"), free_range()
    async with starting(one, two, one, tmp_path=tmp_path, ports=ports) as outcomes:
        first, second = outcomes
        assert isinstance(first, Started)
        assert isinstance(second, Started)
        assert (first.directory, first.port, second.port) == (str(one), *ports[:2])
        assert os.getsid(first.pid) == first.pid
        assert tree.mark_of(first.pid)
        assert tree.mark_of(first.pid) != tree.mark_of(second.pid)
        assert first.log.read_bytes() == b"\x1b[1mhello\x1b[0m\n"
        assert first.log.stat().st_mode & 0o777 == 0o600
        assert first.log.parent.stat().st_mode & 0o777 == 0o700
        assert second.log.name.startswith("ber-two-")


async def test_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server has a password of its own, found in its environment; of ours it gets none."""
    monkeypatch.setenv("OCR_PASSWORD", "of the router")
    monkeypatch.setenv(PASSWORD, "of the shell")
    projects = [home(tmp_path, name) for name in ("one", "two")]
    async with starting(*projects, tmp_path=tmp_path) as outcomes, Client(timeout=2) as client:
        here = set(map(str, projects))
        servers = [s for s in running(kernel_listeners()) if s.process.cwd in here]
        listeners = [server.listener for server in servers if server.listener]
        assert (
            len({listener.authorization for listener in listeners} - {None}) == len(outcomes) == 2
        )
        for server, listener in zip(servers, listeners, strict=True):
            username, password = read_basic(listener.authorization or "") or ("", "")
            assert (username, len(password)) == ("opencode", 48)
            assert not [word for word in server.process.argv if password in word]
            told = environment(server.process.pid, ["OCR_PASSWORD", PASSWORD])
            assert told == {PASSWORD: password}
            assert isinstance(await client.identify(listener), Healthy)
            assert await client.identify(replace(listener, authorization=None)) == Locked()


LOOK = """
import http.client, sys
try:
    print(len(open(f"/proc/{sys.argv[1]}/environ").read()))
except PermissionError:
    print("denied")
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]), timeout=20)
connection.request("GET", "/global/health")
print(connection.getresponse().status)
"""


@pytest.mark.skipif(bool(why_no_stranger()), reason=why_no_stranger())
async def test_another_user(tmp_path: Path) -> None:
    """Another user of the machine cannot read the password, and so is not let in."""
    async with starting(home(tmp_path), tmp_path=tmp_path) as (started,):
        assert isinstance(started, Started)
        said = await asyncio.to_thread(run_as, UID, LOOK, started.pid, started.port)
        assert said.split() == ["denied", "401"]


async def test_already_served(tmp_path: Path) -> None:
    """A directory that is served keeps its server, by whatever path it is named."""
    one = home(tmp_path)
    (tmp_path / "link").symlink_to(one)
    async with starting(one, tmp_path=tmp_path) as (first,):
        assert isinstance(first, Started)
        async with starting(tmp_path / "link", tmp_path=tmp_path) as (again,):
            assert again == AlreadyServed(str(one), first.pid, first.port)


async def test_not_a_directory(tmp_path: Path) -> None:
    """A path that is no directory is named as it was given; the others are started."""
    one = home(tmp_path)
    async with starting(tmp_path / "no", one, tmp_path=tmp_path) as (no, yes):
        assert no == NotADirectory(str(tmp_path / "no"))
        assert isinstance(yes, Started)


async def test_no_free_port(tmp_path: Path) -> None:
    """When the range is used up nothing is started."""
    one, ports = home(tmp_path), free_range()[:1]
    with socket.create_server(("127.0.0.1", ports[0])):
        async with starting(one, tmp_path=tmp_path, ports=ports) as outcomes:
            assert outcomes == [NoFreePort(str(one), ports)]
    assert living(one) == {}


async def test_crash(tmp_path: Path) -> None:
    """A server that ends at once has failed: how, and with what last words."""
    one = home(tmp_path)
    async with starting(one, tmp_path=tmp_path, habits=("crash",)) as outcomes:
        reason = "opencode ended with status 7: boom"
        assert outcomes == [Failed(str(one), reason, ("hello", "boom"))]


async def test_too_slow(tmp_path: Path) -> None:
    """A server that does not answer in time is ended, and its tools with it."""
    one = home(tmp_path)
    async with starting(one, tmp_path=tmp_path, habits=("mute", "tool"), patience=1) as outcomes:
        reason = "opencode did not answer within 1 seconds"
        assert outcomes == [Failed(str(one), reason, ("hello",))]
        await until(lambda: living(one) == {})


async def test_not_installed(tmp_path: Path) -> None:
    """Without the program nothing is started, and the reason says what to do."""
    one = home(tmp_path)
    launch = Launch(("no-such-opencode",), free_range(), tmp_path / "logs")
    async with Client(timeout=2) as client:
        (failed,) = [o async for o in standalone.start([str(one)], launch, None, client)]
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("no-such-opencode was not found; install OpenCode")


async def test_logs_are_the_users_alone(tmp_path: Path) -> None:
    """A folder that is a link is refused: nothing is started, nothing written where it leads."""
    one = home(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "logs").symlink_to(tmp_path / "elsewhere")
    async with starting(one, tmp_path=tmp_path) as outcomes:
        (failed,) = outcomes
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(f"{tmp_path}/logs: is a symbolic link")
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_port_taken_meanwhile(tmp_path: Path) -> None:
    """A server whose port somebody took while it loaded is started on another."""
    one, ports = home(tmp_path), free_range()

    kernel = kernel_listeners()
    assert kernel is not None

    def listeners() -> frozenset[Listener]:
        taken = (one / "started").exists()
        return kernel() | (frozenset({Listener("127.0.0.1", ports[0])}) if taken else frozenset())

    async with starting(
        one, tmp_path=tmp_path, habits=("crash-once",), ports=ports, listeners=listeners
    ) as (started,):
        assert isinstance(started, Started)
        assert started.port == ports[1]


async def test_port_of_somebody_else(tmp_path: Path) -> None:
    """A server does not count as started because a faster one answers on its port."""
    one, faster, ports = home(tmp_path, "one"), home(tmp_path, "faster"), free_range()[:1]
    done = asyncio.Event()

    async def overtake() -> None:
        await until(lambda: living(one))
        with handmade(faster, "serve", ports[0]):
            await done.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(overtake())
        async with starting(
            one, tmp_path=tmp_path, habits=("mute",), ports=ports, patience=3
        ) as outcomes:
            done.set()
    assert outcomes == [NoFreePort(str(one), ports)]


async def test_old_log(tmp_path: Path) -> None:
    """A log that was there, or a link in its place, is not written to."""
    one, precious = home(tmp_path), tmp_path / "precious"
    precious.write_text("keep")
    async with starting(one, tmp_path=tmp_path) as (first,):
        assert isinstance(first, Started)
    first.log.unlink()
    first.log.symlink_to(precious)
    async with starting(one, tmp_path=tmp_path) as (again,):
        assert isinstance(again, Started)
        assert again.log == first.log
        assert not again.log.is_symlink()
    assert precious.read_text() == "keep"
