"""Programs, and what they leave behind."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from tests.rig.wait import until

from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet import process


def is_running(file: Path) -> bool:
    """Tell whether the process whose number is in a file is there."""
    return Path("/proc", file.read_text().strip()).exists()


def has_written(file: Path) -> bool:
    """Tell whether there is a line in a file."""
    return file.exists() and file.read_text().endswith("\n")


async def test_surroundings(tmp_path: Path) -> None:
    """A program gets the environment and the folder that it is given."""
    script = "import os; print(os.environ['A'], os.getcwd(), os.getsid(0) == os.getpid())"
    done = await process.run(
        ("python3", "-c", script), environment={"A": "b", "PATH": "/usr/bin"}, folder=tmp_path
    )
    assert done == Completed(0, f"b {tmp_path} True\n".encode(), b"")


async def test_no_program() -> None:
    """What is not there cannot be started."""
    with pytest.raises(FileNotFoundError):
        await process.run(("/no/such/program",))


async def test_cancelling_ends_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not listen is killed, and so is what it has started."""
    monkeypatch.setattr(process, "_PATIENCE", 0.05)
    own, child = tmp_path / "own", tmp_path / "child"
    script = f"trap '' TERM; sleep 600 & echo $! >{child}; echo $$ >{own}; wait; wait"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(process.run(("/bin/sh", "-c", script)))
        await asyncio.to_thread(until, lambda: has_written(own))
        task.cancel()
    await asyncio.to_thread(until, lambda: not is_running(own) and not is_running(child))


async def test_what_stays_is_not_waited_for(tmp_path: Path) -> None:
    """A program that leaves one behind has ended when it has; what it said is in the file."""
    child = tmp_path / "child"
    script = f"echo said >&2; sleep 600 & echo $! >{child}; exit 3"
    with tempfile.TemporaryFile() as said:
        assert await process.launch(("/bin/sh", "-c", script), {}, said) == 3
        said.seek(0)
        assert said.read() == b"said\n"
    assert is_running(child)
    await process.run(("kill", child.read_text().strip()))


def test_the_end_of_what_is_said() -> None:
    """Of what can have no end, the last is read."""
    with tempfile.TemporaryFile() as said:
        said.write(b"\xff" + b"long " * (1 << 20) + b"end")
        end = process.tail(said)
    assert end.endswith("long end")
    assert len(end) == 16 << 10
