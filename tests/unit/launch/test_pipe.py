"""A pipe is read whoever writes, however much, and whether or not it ends."""

from __future__ import annotations

import asyncio
import os

from opencoderouter.launch.output import Output
from opencoderouter.launch.pipe import Pipe


async def test_reads_by_itself() -> None:
    """What is written is there one turn of the loop later."""
    output = Output()
    pipe = Pipe(output)
    os.write(pipe.entrance, b"hello\n")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert output.lines == ("hello",)
    pipe.shut()
    pipe.end()


async def test_end() -> None:
    """The end takes what is there, closes, and may come twice; a writer that stays is cut off."""
    output = Output()
    pipe = Pipe(output)
    os.write(pipe.entrance, b"last words")
    pipe.end()
    pipe.end()
    pipe.read()
    assert output.lines == ("last words",)
    os.close(pipe.entrance)
    following = Pipe(output)
    os.write(following.entrance, b"first words")
    following.shut()
    following.end()
    assert list(output.lines) == ["last words", "first words"]


async def test_end_of_the_writer() -> None:
    """A pipe that nobody writes to any more closes itself, and frees its descriptor."""
    output = Output()
    pipe = Pipe(output)
    os.write(pipe.entrance, b"bye")
    pipe.shut()
    pipe.read()
    pipe.read()
    assert output.lines == ("bye",)
    read, write = os.pipe()  # the same numbers are free again
    assert {read, write} & {pipe.entrance}
    os.close(read)
    os.close(write)
    pipe.end()
