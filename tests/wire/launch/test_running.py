"""The list of this user's servers, with real processes that look like OpenCode."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.rig.ports import free_port
from tests.wire.launch.rig import handmade, until

from opencoderouter.core.model import Kind, Sessions
from opencoderouter.kernel.marks import MARK, PASSWORD
from opencoderouter.kernel.sockets import kernel_listeners
from opencoderouter.launch.running import ServerRow, running, servers
from opencoderouter.opencode.client import Client


async def rows(home: Path) -> list[ServerRow]:
    """Return what is listed of a directory."""
    async with Client(timeout=2) as client:
        found = await servers(kernel_listeners(), client)
    return [row for row in found if row.directory == str(home)]


async def test_servers(tmp_path: Path) -> None:
    """A server is listed with pid, port, directory, memory, sessions and kind."""
    port = free_port()
    with handmade(tmp_path, "serve", port) as process:
        (row,) = await rows(tmp_path)
        assert (row.pid, row.port, row.kind) == (process.pid, port, Kind.SERVE)
        assert row.memory is not None
        assert row.memory > 1 << 20
        assert row.sessions == Sessions(0, 0)
    assert await rows(tmp_path) == []


async def test_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions of a server that was started here are counted; one locked by hand is listed."""
    monkeypatch.setenv(PASSWORD, "of this server")
    with handmade(tmp_path, "serve", free_port()):
        assert [row.sessions for row in await rows(tmp_path)] == [None]
    monkeypatch.setenv(MARK, "a-1")
    with handmade(tmp_path, "serve", free_port()):
        assert [row.sessions for row in await rows(tmp_path)] == [Sessions(0, 0)]


async def test_kinds(tmp_path: Path) -> None:
    """All that listens is listed, the editor's and the terminal's too."""
    with handmade(tmp_path, "web", free_port()), handmade(tmp_path, "acp", free_port()):
        found = sorted(row.kind for row in await rows(tmp_path))
    assert found == [Kind.ACP, Kind.WEB]


async def test_terminals(tmp_path: Path) -> None:
    """A terminal UI is listed when it listens."""
    with handmade(tmp_path, ".", free_port()):
        assert [row.kind for row in await rows(tmp_path)] == [Kind.TUI]
    with handmade(tmp_path, ".", free_port(), habits=("mute",)):
        assert await rows(tmp_path) == []


async def test_not_listening_yet(tmp_path: Path) -> None:
    """A server that does not listen yet is listed without a port."""
    with handmade(tmp_path, "serve", 9, habits=("mute",)):
        (row,) = await rows(tmp_path)
    assert (row.port, row.sessions) == (None, None)


async def test_the_port_it_was_given(tmp_path: Path) -> None:
    """Of several sockets the one that the command line names is the server's."""
    port, lower = sorted((free_port(), free_port()), reverse=True)
    habit = f"also={lower}"
    with handmade(tmp_path, "serve", port, habits=(habit,)):
        await until(lambda: lower in {x.port for x in (kernel_listeners() or frozenset)()})
        (row,) = await rows(tmp_path)
    assert row.port == port


def test_nobody_else(tmp_path: Path) -> None:
    """Processes that are not OpenCode are none, whatever they have open or in their arguments."""
    with socket.create_server(("127.0.0.1", free_port())):
        found = running(kernel_listeners())
    assert os.getpid() not in {server.process.pid for server in found}
    assert str(tmp_path) not in {server.process.cwd for server in found}


def test_without_tables() -> None:
    """Where the kernel lists no sockets, servers have no ports."""
    assert all(server.port is None for server in running(None))
