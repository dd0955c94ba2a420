"""A fleet as a whole: files in, reports out, and nothing left when it is closed."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.rig.ports import free_port
from tests.rig.processes import MARK, assert_gone, marked
from tests.rig.tmux import Tmux, tmux
from tests.rig.wait import until

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import HostState, Report, Session, SessionRef
from opencoderouter.core.fleet.preferences import Cache, Hosts, Polling, Preferences, Ssh
from opencoderouter.preferences.reader import Reader
from opencoderouter.watch import Watch
from opencoderouter.wiring import remote
from opencoderouter.wiring.remote import Remote, cache_path, opened

SOON = 20.0  # seconds, on a busy machine


class Home:
    """A user's files. At the ports of its hosts nobody listens."""

    def __init__(self, folder: Path, aliases: Sequence[str] = ("one", "two")) -> None:
        self.config, self.cache = folder / "ssh", folder / "cache"
        self.write(*aliases)

    def write(self, *aliases: str) -> None:
        """Have these hosts."""
        port = free_port()
        self.config.write_text(
            "".join(f"Host {one}\n  HostName 127.0.0.1\n  Port {port}\n" for one in aliases)
        )

    @property
    def preferences(self) -> Preferences:
        """Return preferences for these hosts only."""
        return Preferences(
            polling=Polling(interval=600.0, jitter=0.0, timeout=5.0),
            hosts=Hosts(local=False),
            ssh=Ssh(config=str(self.config)),
        )

    @property
    def cached(self) -> Path:
        """Return the file of the cache."""
        return cache_path(str(self.config))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return the files of a user who has two hosts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(remote, "_SOON", 0.05)
    return Home(tmp_path)


@asynccontextmanager
async def running(
    one: Remote,
) -> AsyncIterator[Callable[[Callable[[Fleet], object]], Awaitable[Fleet]]]:
    """Run a fleet for the length of a block; yield what waits until it is so."""

    async def becomes(wanted: Callable[[Fleet], object]) -> Fleet:
        async for fleet in one.fleet.follow():
            if wanted(fleet):
                return fleet
        raise AssertionError

    async with asyncio.timeout(SOON), one, asyncio.TaskGroup() as group:
        task = group.create_task(one.run())
        yield becomes
        task.cancel()


def states(fleet: Fleet) -> dict[str, HostState | None]:
    """Return the state of each host."""
    return {
        alias: entry.report.state if entry.report else None
        for alias, entry in fleet.entries.items()
    }


async def test_a_sweep(home: Home) -> None:
    """Every host of the configuration is asked; what ssh makes of it is known."""
    async with opened(home.preferences, ()) as fleet:
        assert states(fleet.fleet.value) == {"one": None, "two": None}
        found = await fleet.once()
        assert found is fleet.fleet.value
        assert states(found) == {"one": HostState.UNREACHABLE, "two": HostState.UNREACHABLE}
        resolved = found.entries["one"].resolved
        assert resolved is not None
        assert resolved.hostname == "127.0.0.1"


async def test_this_machine(home: Home) -> None:
    """The first of the hosts is this machine, unless it is not wanted."""
    async with opened(replace(home.preferences, hosts=Hosts()), ()) as fleet:
        assert [*fleet.fleet.value.entries] == ["localhost", "one", "two"]


async def test_given_hosts(home: Home) -> None:
    """Hosts of the command line are all there is; the cache of the others stays."""
    async with opened(home.preferences, ()) as fleet:
        await fleet.once()
    before = home.cached.read_bytes()
    async with opened(home.preferences, ("two", "nobody@nowhere.invalid")) as fleet:
        entries = fleet.fleet.value.entries
        assert [*entries] == ["two", "nobody@nowhere.invalid"]
        assert entries["two"].cached
        found = await fleet.once()
        assert states(found)["nobody@nowhere.invalid"] is HostState.UNREACHABLE
    assert home.cached.read_bytes() == before


async def test_hosts_by_a_pattern(home: Home) -> None:
    """On the command line it means all that match; only those are asked."""
    home.write("web1", "db", "web2")
    async with opened(home.preferences, ("web*",)) as fleet:
        assert [*(await fleet.once()).entries] == ["web1", "web2"]
    async with opened(home.preferences, ("x*",)) as fleet:
        assert fleet.fleet.value.entries == {}


async def test_a_host_that_is_called_like_this_machine(home: Home) -> None:
    """Where this machine is not wanted, ``Host localhost`` is reached by ssh."""
    home.write("localhost")
    async with opened(home.preferences, ()) as fleet:
        assert states(await fleet.once()) == {"localhost": HostState.UNREACHABLE}


async def test_the_next_start_shows_the_last(home: Home) -> None:
    """What was known is there before anybody is asked."""
    async with opened(home.preferences, ()) as fleet:
        await fleet.once()
    async with opened(home.preferences, ()) as fleet:
        now = fleet.fleet.value
        assert set(states(now).values()) == {HostState.UNREACHABLE}
        assert all(entry.cached and entry.next_at for entry in now.entries.values())


async def test_no_cache(home: Home) -> None:
    """Without `persist` nothing is written, and nothing read."""
    async with opened(home.preferences, ()) as fleet:
        await fleet.once()
    without = replace(home.preferences, cache=Cache(persist=False))
    async with opened(without, ()) as fleet:
        assert set(states(fleet.fleet.value).values()) == {None}
        home.cached.unlink()
        await fleet.once()
    assert not home.cached.exists()


async def test_a_problem_of_the_configuration(home: Home) -> None:
    """What is wrong with ssh's files is told, and all else goes on."""
    home.config.write_text('Host "one\nHost two\n')
    async with opened(home.preferences, ()) as fleet:
        assert "line 1" in fleet.fleet.value.problems[0]
        assert [*fleet.fleet.value.entries] == ["two"]


async def test_the_configuration_is_followed(home: Home) -> None:
    """A host that is added appears, one that is removed goes, one that is changed is asked."""
    async with running(opened(home.preferences, ())) as becomes:
        first = await becomes(lambda fleet: None not in states(fleet).values())
        before = first.entries["two"]
        home.write("two", "three")
        now = await becomes(
            lambda fleet: (
                states(fleet).get("three") and fleet.entries["two"].report is not before.report
            )
        )
        assert [*now.entries] == ["two", "three"]


async def test_a_running_fleet_is_cached(home: Home) -> None:
    """After a sweep its result is on disk."""
    async with running(opened(home.preferences, ())) as becomes:
        await becomes(lambda fleet: None not in states(fleet).values() and not fleet.sweeping)
        await asyncio.to_thread(until, home.cached.exists)
        assert json.loads(home.cached.read_text())["hosts"].keys() == {"one", "two"}


async def test_the_preferences_are_followed(home: Home, tmp_path: Path) -> None:
    """Another interval, other hosts, another configuration of ssh: all of it holds at once."""
    preferences = Watch(home.preferences)
    one = Remote(preferences, (), tmp_path)
    async with running(one) as becomes:
        fleet = await becomes(lambda fleet: not fleet.sweeping and fleet.next_at)
        ahead = [entry.next_at - entry.report.at for entry in reached(fleet)]
        assert all(590 < seconds <= 600 for seconds in ahead)
        now = replace(home.preferences, polling=replace(home.preferences.polling, interval=900.0))
        preferences.set(replace(now, hosts=Hosts(local=False, include=("two",))))
        await becomes(lambda fleet: [*fleet.entries] == ["two"])
        link = one.links.link("two")
        other = Home(tmp_path / "..", ("other",))
        preferences.set(replace(other.preferences, polling=now.polling))
        fleet = await becomes(lambda fleet: states(fleet) == {"other": HostState.UNREACHABLE})
        assert one.links.link("two") is not link
        assert all(890 < entry.next_at - entry.report.at <= 900 for entry in reached(fleet))


async def test_another_configuration_of_ssh(home: Home, tmp_path: Path) -> None:
    """An alias is another host there: nothing of the old one is shown, each has its own cache."""
    preferences = Watch(home.preferences)
    one = Remote(preferences, (), tmp_path)
    seen = Report(HostState.ONLINE, 1.0, sessions=(Session("ses_old"),))
    async with running(one) as becomes:
        await becomes(lambda fleet: not fleet.sweeping and fleet.next_at)
        await asyncio.to_thread(until, home.cached.exists)
        old = one.fleet.value.entries["two"]
        one.fleet.set(one.fleet.value.having(replace(old, good=seen)))
        (tmp_path / "else").mkdir()
        other = Home(tmp_path / "else", ("two", "three"))
        preferences.set(other.preferences)
        fleet = await becomes(lambda now: [*now.entries] == ["two", "three"] and not now.sweeping)
        assert fleet.entries["two"].sessions == ()
        await asyncio.to_thread(until, other.cached.exists)
        assert "three" not in json.loads(home.cached.read_text())["hosts"]


def reached(fleet: Fleet) -> list[Any]:
    """Return the entries that have a report."""
    return [entry for entry in fleet.entries.values() if entry.report]


async def test_the_file_of_the_preferences_is_followed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fleet that runs for long takes up what is written there; what is wrong is told."""
    monkeypatch.setattr(remote, "_OFTEN", 0.01)
    file = tmp_path / "remote-tui.yaml"
    reader = Reader(file)
    one = Remote(Watch(home.preferences), (), tmp_path)
    told: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
    async with running(one) as becomes, asyncio.TaskGroup() as group:
        task = group.create_task(one.reread(reader, told.put_nowait))
        await asyncio.to_thread(file.write_text, FILE.format(label="L", config=home.config))
        assert await told.get() == ()
        await becomes(lambda fleet: fleet.entries["one"].host.label == "L")
        await asyncio.to_thread(file.write_text, "polling: {intervall: 3s}")
        [problem] = await told.get()
        assert "intervall" in problem
        task.cancel()


async def test_what_can_be_done(home: Home) -> None:
    """A refresh asks again at once; there is nothing to be read of a host that is none."""
    one = opened(home.preferences, ())
    async with running(one) as becomes:
        await becomes(lambda fleet: None not in states(fleet).values() and not fleet.sweeping)
        one.control.refresh(["two"])
        fleet = await becomes(lambda fleet: fleet.entries["two"].failures == 2)
        assert fleet.entries["one"].failures == 1
        detail = await one.control.detail(SessionRef("no\x1b", "ses_1", "/srv"))
        assert detail == Failed("no\\x1b: no host of this fleet")
        assert isinstance(await one.control.detail(SessionRef("one", "ses_1", "/srv")), Failed)


async def test_nothing_is_left(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Threads, processes and files of ours end with the block, also in the midst of a sweep."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv(MARK, "remote-left")
    preferences = replace(home.preferences, ssh=replace(home.preferences.ssh, connect_timeout=60.0))
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, says nothing
        port = mute.getsockname()[1]
        home.config.write_text(f"Host mute\n  HostName 127.0.0.1\n  Port {port}\nHost two\n")
        async with running(opened(preferences, ())) as becomes:
            await becomes(lambda fleet: fleet.entries["mute"].probing)
            assert [*folder.iterdir()]
    assert [*folder.iterdir()] == []
    await asyncio.to_thread(
        until, lambda: [one for one in threading.enumerate() if "fleet" in one.name] == []
    )
    assert marked("remote-left", "ssh") == []


def test_loads_nothing_of_the_server() -> None:
    """What asks hosts has neither the server's parts nor what is slow, until that is needed."""
    script = "import sys, opencoderouter.wiring.remote; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    names = set(done.stdout.split())
    slow = {"fabric", "paramiko", "textual", "rich", "yaml", "typer"}
    server = {"aiohttp", "pydantic", "zeroconf", "dnslib", "uvloop", "httptools"}
    parts = {"proxy", "scan", "launch", "access", "announce", "kernel", "opencode", "settings"}
    assert names & (slow | server | {f"opencoderouter.{part}" for part in parts}) == set()


FILE = """
polling: {{interval: 10m}}
hosts: {{local: false, overrides: {{one: {{label: {label}}}}}}}
ssh: {{config: {config}}}
"""


@pytest.fixture
def window(home: Home, tmp_path: Path) -> Iterator[Tmux]:
    """Yield a terminal in which the program shows the hosts."""
    file = tmp_path / "remote-tui.yaml"
    file.write_text(FILE.format(label="before", config=home.config))
    (tmp_path / "tmp").mkdir()
    own = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), MARK: "remote-screen"}
    with tmux(tmp_path / "tmux", {**os.environ, **own}) as shown:
        options = ["--config", str(file), "--log-file", str(tmp_path / "ocr.log")]
        ocr = shlex.join([str(Path(sys.executable).with_name("ocr")), *options])
        shown.run(f"clear; {ocr}; echo LEFT=$?; stty -a | grep -o ' echo '")
        shown.wait_for("before")
        yield shown


def test_the_screen(window: Tmux, home: Home, tmp_path: Path) -> None:
    """The hosts are asked once they are shown; a file that changes is read; the user leaves."""
    window.wait_for("refused")
    changed = FILE.format(label="after", config=home.config)
    (tmp_path / "remote-tui.yaml").write_text(changed)
    window.wait_for("after")
    window.press("q")
    window.wait_for("LEFT=0\n echo")
    assert_gone("remote-screen", "bin/ocr")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_screen_is_told_to_end(window: Tmux, tmp_path: Path, number: int) -> None:
    """A signal ends it in order: the exit code says which, and the terminal is as it was."""
    [ocr] = marked("remote-screen", "bin/ocr")
    os.kill(ocr.pid, number)
    window.wait_for(f"LEFT={128 + number}\n echo")
    assert "Traceback" not in window.screen()
    assert [*(tmp_path / "tmp").iterdir()] == []


def test_the_terminal_is_closed(window: Tmux, tmp_path: Path) -> None:
    """Nothing of it is left, and nothing went wrong."""
    window.tmux("split-window")
    window.tmux("kill-pane", "-t", ".0")
    until(lambda: not marked("remote-screen", "bin/ocr"))
    assert [*(tmp_path / "tmp").iterdir()] == []
    assert "ended by an exception" not in (tmp_path / "ocr.log").read_text()
