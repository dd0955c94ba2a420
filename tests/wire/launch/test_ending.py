"""Stopping servers that somebody else started.

``stop(None)`` would stop the servers of whoever runs these tests, so here it is only ever told
about the tests' own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig.ports import free_port
from tests.wire.launch.rig import handmade, is_alive, living, run, until

from opencoderouter.core.model import Kind
from opencoderouter.kernel.marks import MARK, PASSWORD
from opencoderouter.kernel.sockets import Listeners, kernel_listeners
from opencoderouter.launch import ending, tree
from opencoderouter.launch.ending import LeftAlone, NotServed, StopOutcome, Stopped
from opencoderouter.launch.running import Running, running
from opencoderouter.opencode.client import Client


@pytest.fixture(autouse=True)
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only servers below the test's own directory be found."""

    def found(listeners: Listeners | None) -> list[Running]:
        mine = str(tmp_path)
        return [s for s in running(listeners) if (s.process.cwd or "").startswith(mine)]

    monkeypatch.setattr(ending, "running", found)


async def stop(*homes: Path) -> list[StopOutcome]:
    """Stop what serves these directories; without one, everything."""
    async with Client(timeout=2) as client:
        paths = [str(home) for home in homes] or None
        return await ending.stop(paths, kernel_listeners(), client)


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Let what is started in the block carry a mark, and want a password."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        patch.setenv(PASSWORD, "of this server")
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a project's directory."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


async def test_stop(home: Path) -> None:
    """A server is disposed, then ended, and with it what its tools left."""
    with handmade(home, "serve", free_port(), habits=("tool", "bare")) as process:
        await until(lambda: len(living(home)) == 5)
        assert await stop(home) == [Stopped(str(home), process.pid, tools=2)]
        assert living(home) == {}
        assert (home / "told").read_text() == "/global/dispose\n"


async def test_stubborn(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ignores SIGTERM is killed after the grace."""
    monkeypatch.setattr(ending, "_GRACE", 0.3)
    with handmade(home, "serve", free_port(), habits=("deaf",)) as process:
        assert await stop(home) == [Stopped(str(home), process.pid, tools=0)]


async def test_forgotten_tools(home: Path) -> None:
    """A tool whose parents have ended is found by the server's mark."""
    with marked("t-1"), handmade(home, "serve", free_port(), habits=("forgotten",)) as process:
        await until(lambda: len(living(home)) == 2)
        assert await stop(home) == [Stopped(str(home), process.pid, tools=1)]
        assert living(home) == {}


async def test_inherited_mark(tmp_path: Path, home: Path) -> None:
    """A server that was started in another's terminal does not take that one along."""
    (tmp_path / "outer").mkdir()
    with (
        marked("t-2"),
        handmade(tmp_path / "outer", "serve", free_port(), habits=("tool",)) as outer,
        handmade(home, "serve", free_port()) as inner,
    ):
        await until(lambda: len(living(tmp_path / "outer")) == 3)
        assert await stop(home) == [Stopped(str(home), inner.pid, tools=0)]
        assert outer.poll() is None
        assert len(living(tmp_path / "outer")) == 3


async def test_editors_and_terminals(home: Path) -> None:
    """What belongs to an editor or a terminal is left alone, and named."""
    with handmade(home, "acp", free_port()) as process:
        assert await stop(home) == [LeftAlone(str(home), process.pid, Kind.ACP)]
        assert await stop() == []
        assert process.poll() is None


async def test_all(tmp_path: Path, home: Path) -> None:
    """Without directories every server goes: ``serve`` and ``web``."""
    (tmp_path / "second").mkdir()
    with (
        handmade(home, "serve", free_port()) as one,
        handmade(tmp_path / "second", "web", free_port()) as two,
    ):
        assert {(o.directory, getattr(o, "pid", 0)) for o in await stop()} == {
            (str(home), one.pid),
            (str(tmp_path / "second"), two.pid),
        }
    assert await stop() == []


async def test_not_served(tmp_path: Path, home: Path) -> None:
    """A directory that nobody serves is said to be so; a server above or below is not meant."""
    (home / "below").mkdir()
    with handmade(home, "serve", free_port()) as process:
        assert await stop(home / "below") == [NotServed(str(home / "below"))]
        assert await stop(tmp_path) == [NotServed(str(tmp_path))]
        assert process.poll() is None


async def test_others_are_not_touched(home: Path) -> None:
    """A process that only mentions OpenCode, or shares the group or the directory, lives on."""
    script = "exec sh -c 'while :; do sleep 1; done' opencode serve"
    with run(script, home) as other, handmade(home, "serve", free_port()) as process:
        assert await stop(home) == [Stopped(str(home), process.pid, tools=0)]
        assert is_alive(other.pid)


async def test_own_terminal() -> None:
    """Whoever runs the stop is no tool of the server, even below it."""
    found = ending.belonging(os.getppid(), None)
    assert os.getpid() not in {pid for pid, _ in found}


async def test_a_pid_that_changed_hands() -> None:
    """Only the very process that was seen is signalled."""
    stat = tree.read_tree()[os.getpid()]
    assert await ending.end(os.getpid(), stat.started - 1, grace=0.1) is True
    assert await ending.kill({(os.getpid(), stat.started - 1)}) == 0
