"""A program as a stream."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.rig.wait import until

from opencoderouter.fleet import stdio

OPEN = "echo 'debug2: channel 0: open confirm rwindow 0' >&2"


async def opened(script: str) -> tuple[stdio.StdioStream | None, str]:
    """Open the stream of a shell script."""
    return await stdio.opened(("/bin/sh", "-c", script), {"PATH": "/usr/bin:/bin"})


async def test_both_ways() -> None:
    """What is sent comes back, however much it is, while its errors are many."""
    stream, _ = await opened(f"{OPEN}; yes error | head -c 300000 >&2; exec cat")
    assert stream is not None
    data = bytes(range(256)) * 8192
    received = bytearray()
    async with asyncio.TaskGroup() as group:
        group.create_task(stream.send(data))
        while len(received) < len(data):
            received += await stream.receive(65536)
    assert received == data
    await stream.close()


async def test_the_end() -> None:
    """At its end there is nothing more; what is sent then is refused."""
    stream, _ = await opened(f"{OPEN}; echo last")
    assert stream is not None
    assert await stream.receive(100) == b"last\n"
    assert await stream.receive(100) == b""
    await stream.close()
    with pytest.raises(BrokenPipeError):
        await stream.send(b"more")


async def test_no_stream() -> None:
    """A program that gives up says why."""
    stream, said = await opened("echo 'channel 0: open failed: x' >&2; exit 255")
    assert stream is None
    assert "open failed" in said


async def test_cancelling_ends_it(tmp_path: Path) -> None:
    """Nothing is left of what did not come to be a stream."""
    pid = tmp_path / "pid"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(opened(f"echo $$ >{pid}; exec sleep 600"))
        await asyncio.to_thread(until, lambda: pid.exists() and pid.read_text().endswith("\n"))
        task.cancel()
    await asyncio.to_thread(until, lambda: not Path("/proc", pid.read_text().strip()).exists())
