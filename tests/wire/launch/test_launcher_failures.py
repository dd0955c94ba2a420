"""What the launcher does when a server does not start, or does not stay."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from pathlib import Path

import pytest
from tests.rig.ports import free_range
from tests.wire.launch.rig import folders, launching, living, program, settled, status, until

from opencoderouter.core.model import Status
from opencoderouter.launch.machine import Policy


async def test_crash(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that crashed comes back; its tools do not stay."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("tool", "forgotten")) as launcher:
        (old,) = await settled(launcher, home)
        await until(lambda: len(living(home)) == 4)
        before = set(living(home))
        os.kill(old.pid or 0, signal.SIGKILL)
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode was killed by SIGKILL"
        [ended] = (r for r in caplog.records if r.getMessage().startswith("ended "))
        assert ended.levelname == "WARNING"
        assert ended.getMessage().endswith(f"reason={failed.reason}")
        (new,) = await settled(launcher, home)
        assert (new.restarts, new.reason, new.port) == (1, "", old.port)
        assert not before & set(living(home))


async def test_crash_loop(tmp_path: Path) -> None:
    """One that always crashes is tried again and again, with a reason to read between."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("crash")) as launcher:
        await until(lambda: launcher.managed[str(home)].restarts >= 3)
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode ended with status 7: boom"
        assert launcher.log(str(home))[:2] == ("hello", "boom")


async def test_port_taken(tmp_path: Path) -> None:
    """One that ended before it answered is tried on another port."""
    (home,) = folders(tmp_path, "home")
    ports = free_range()
    async with launching(home, command=program("crash-once"), ports=ports) as launcher:
        (ready,) = await settled(launcher, home)
        assert (ready.port, ready.restarts) == (ports[1], 1)


async def test_no_free_port(tmp_path: Path) -> None:
    """Without a port a project fails with a reason; the others are not affected."""
    one, two = folders(tmp_path, "one", "two")
    ports = free_range()[:2]
    with socket.create_server(("127.0.0.1", ports[0])):
        async with launching(one, two, command=program(), ports=ports) as launcher:
            await until(
                lambda: (
                    {m.status for m in launcher.managed.values()} == {Status.READY, Status.FAILED}
                )
            )
            (failed,) = (m for m in launcher.managed.values() if m.status is Status.FAILED)
            assert failed.reason.startswith(f"no port from {ports[0]} to {ports[1]} is free")
            (ready,) = (m for m in launcher.managed.values() if m.status is Status.READY)
            await launcher.stop(ready.directory)
            await status(launcher, Path(failed.directory), Status.READY)


async def test_not_installed(tmp_path: Path) -> None:
    """Without the program, the reason says how to install it; a stop is still possible."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=("no-such-opencode",)) as launcher:
        await until(lambda: launcher.managed[str(home)].reason)
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason.startswith("no-such-opencode was not found; install OpenCode")
        await launcher.stop(str(home))
        assert launcher.managed[str(home)].status is Status.STOPPED


async def test_too_many_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start for which the router has no descriptor left fails for now, and is tried again."""
    (home,) = folders(tmp_path, "home")

    def pipe() -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async with launching(home, command=program()) as launcher:
        await settled(launcher, home)
        await launcher.stop(str(home))
        with monkeypatch.context() as patch:
            patch.setattr("opencoderouter.launch.pipe.os.pipe", pipe)
            await launcher.start(str(home))
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode cannot be started: Too many open files"
        await settled(launcher, home)


async def test_bug_in_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A start that raises what nobody expects has failed, is logged, and is tried again."""
    (home,) = folders(tmp_path, "home")
    calls: list[int] = []

    def broken(ports: range, **_: object) -> int | None:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("oops")
        return ports[0]

    monkeypatch.setattr("opencoderouter.launch.launcher.free_port", broken)
    async with launching(home, command=program()) as launcher:
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode cannot be started: ZeroDivisionError: oops"
        (ready,) = await settled(launcher, home)
        assert ready.restarts == 1
    assert [r.levelname for r in caplog.records if r.exc_info] == ["ERROR"]


async def test_bug_in_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop whose first orders fail goes on with the next in due time."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    (home,) = folders(tmp_path, "home")
    policy = Policy(start_timeout=20, dispose=0.1, grace=0.5)
    async with launching(home, command=program("tool"), policy=policy) as launcher:
        await settled(launcher, home)
        monkeypatch.setattr("opencoderouter.launch.keeper.Keeper.look", broken)
        async with asyncio.timeout(20):
            await launcher.stop(str(home))
        assert launcher.managed[str(home)].status is Status.STOPPED
    assert living(home) == {}


async def test_log_of_a_strange_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A directory's name cannot pass for a line of the log."""
    caplog.set_level(logging.INFO, "opencoderouter.launch")
    (home,) = folders(tmp_path, "home\nWARNING forged\x1b[2J")
    async with launching(home, command=("no-such-opencode",)) as launcher:
        await status(launcher, home, Status.FAILED)
        await launcher.stop(str(home))
    async with launching(home, command=program()) as launcher:
        await settled(launcher, home)
        await launcher.stop(str(home))
    messages = [r.getMessage() for r in caplog.records if "forged" in r.getMessage()]
    assert len(messages) >= 4
    assert [text for text in messages if not text.isprintable()] == []


async def test_too_slow(tmp_path: Path) -> None:
    """One that does not answer in time is ended and tried again."""
    (home,) = folders(tmp_path, "home")
    policy = Policy(start_timeout=0.3, backoff=(0.05,), grace=0.5)
    async with launching(home, command=program("mute"), policy=policy) as launcher:
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode did not answer within 0.3 seconds"
        await until(lambda: launcher.managed[str(home)].restarts)
