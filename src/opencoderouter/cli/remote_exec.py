"""``ocr exec``: one command on several hosts at once."""

from __future__ import annotations

import asyncio
import codecs
import shlex
from collections.abc import Callable
from typing import Annotated

import typer

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.remote_fleet import PARTIAL, Work, put, say, using, worst
from opencoderouter.cli.remote_hosts import complete
from opencoderouter.cli.remote_options import start, taking
from opencoderouter.core.fleet.model import Unreached
from opencoderouter.core.printable import printable

_LONG = 366 * 86_400.0  # seconds: Ctrl+C is what ends a command that does not end
_TABS = 8

Hosts = Annotated[
    list[str],
    typer.Argument(
        metavar="HOST", help="Aliases of ssh's, or patterns of them.", autocompletion=complete
    ),
]


@taking
def exec_(context: typer.Context, host: Hosts) -> int:
    """Run a command on hosts at the same time: ocr exec HOST... -- COMMAND...

    One word is a command line for the shell there, several are a program and its arguments.
    Every line of output begins with its host. Exit code 1: it failed somewhere; 3: hosts were
    not reached.
    """
    words = start(context).tail
    if not words:
        raise Failure("exec: must be HOST... -- COMMAND...", 2)
    command = words[0] if len(words) == 1 else shlex.join(words)

    async def job(work: Work) -> int:
        limit = asyncio.Semaphore(work.preferences.polling.max_parallel)

        async def one(alias: str) -> int:
            async with limit:
                return await _run(work, alias, command)

        async with asyncio.TaskGroup() as group:
            hosts = work.opened.fleet.value.entries
            tasks = [group.create_task(one(alias), name=f"exec {alias}") for alias in hosts]
        return worst(task.result() for task in tasks)

    return using(start(context), job, host)


async def _run(work: Work, alias: str, command: str) -> int:
    out = Lines(lambda line: put(f"{printable(alias)}: {line}"))
    err = Lines(lambda line: typer.echo(f"{printable(alias)}: {line}", err=True))
    link = work.opened.links.link(alias)
    done = await link.run(command, within=_LONG, on_output=out.feed)
    out.end()
    if isinstance(done, Unreached):
        say(f"{alias}: {done.reason}")
        return PARTIAL
    err.feed(done.stderr)
    err.end()
    if done.code:
        say(f"{alias}: exit code {done.code}" if done.code > 0 else f"{alias}: signal {-done.code}")
    return int(done.code != 0)


class Lines:
    """Text that comes in pieces, handed on line by line, with nothing that moves a cursor."""

    def __init__(self, put: Callable[[str], object]) -> None:
        self._put = put
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """Hand on what has no newline."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        if rest:
            self._line(rest)

    def _line(self, line: str) -> None:
        self._put(printable(line.removesuffix("\r").expandtabs(_TABS)))
