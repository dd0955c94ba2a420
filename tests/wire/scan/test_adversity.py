"""Discovery among programs that pretend, on a machine that is short of everything."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fakes import SECURE_AREA, Reply, as_json, http, opencode, serving
from tests.rig.ports import free_range
from tests.wire.scan.scanning import PROC, Watched, as_opencode, scanning

from opencoderouter.core.model import Kind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel of Linux")

APP = "/srv/app"


@pytest.fixture
def ports() -> range:
    """Return ports that nobody uses."""
    return free_range()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(opencode(APP), id="another directory"),
        pytest.param(lambda _: http(401, "", www_authenticate=SECURE_AREA), id="locked"),
        pytest.param(opencode(APP, path=as_json({}, 400)), id="broken"),
    ],
)
async def test_other_program(ports: range, reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    """A program that is not OpenCode is taken in for its own directory only; else the log says."""
    async with (
        serving(reply, port=ports[0]),
        serving(opencode(str(Path.cwd())), port=ports[1]),
        scanning(ports, interval=0.01, proc=PROC) as scan,
    ):
        found = await scan.backend(ports[1], lambda x: x.sessions)
        assert found.listener.kind is Kind.OTHER
        assert list(scan.table.backends()) == [found]
    assert len([line for line in caplog.messages if line.startswith("listener refused")]) == 1


async def test_look_up_that_failed(ports: range, tmp_path: Path) -> None:
    """A process that was not found at first is looked for again, though nothing else changes."""
    proc = tmp_path / "proc"
    watched = Watched(set(ports))
    with as_opencode() as real:
        async with (
            serving(opencode(APP), port=ports[0]),
            scanning(range(1, 1), listeners=watched, proc=proc) as scan,
        ):
            await watched.was_asked(5)
            assert not list(scan.table.backends())
            proc.symlink_to(real)
            await scan.backend(ports[0])


async def test_shared_threads_hang(ports: range) -> None:
    """What others do in the event loop's threads does not stop discovery."""
    loop, done = asyncio.get_running_loop(), threading.Event()
    hung = [loop.run_in_executor(None, done.wait) for _ in range(64)]
    try:
        async with scanning(ports) as scan, serving(opencode(APP), port=ports[0]):
            await scan.backend(ports[0])
    finally:
        done.set()
        await asyncio.gather(*hung)


async def test_no_thread(ports: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that gives no more threads does not end the router."""

    def submit(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    async with scanning(ports) as scan, serving(opencode(APP), port=ports[0]):
        await scan.backend(ports[0])
