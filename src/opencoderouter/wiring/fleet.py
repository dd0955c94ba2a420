"""``serve --fleet``: ``ocr hosts --watch`` as a child of the router, begun again when it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from opencoderouter.core.fleet.watched import Watching, read_line
from opencoderouter.core.printable import printable
from opencoderouter.kernel.marks import without_secrets

_log = logging.getLogger(__name__)
_FIRST, _LAST = 1.0, 60.0  # seconds until it is begun again; twice as long each time
_LIVED = 60.0  # seconds after which an end is no sign of an illness
_PATIENCE = 5.0  # seconds to end in: it closes its connections
_LONGEST = 16 << 20  # octets of a line
# A child finds its modules where this process does, and -I: nowhere else.
_PROGRAM = """import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep)
from opencoderouter.launch.tree import die_with; die_with(int(sys.argv.pop(1)))
from {} import main; main()"""
_MODULE = "opencoderouter.cli.remote"


def watcher() -> FleetWatcher:
    """Return what watches the hosts of this user; nothing of the router's secrets goes there."""
    return FleetWatcher(command(), without_secrets(os.environ), clock=time.monotonic)


def command(module: str = _MODULE) -> tuple[str, ...]:
    """Return the command line of a child that dies with this process, however that ends."""
    path = os.pathsep.join(filter(None, sys.path))
    own = (sys.executable, "-I", "-c", _PROGRAM.format(module), path, str(os.getpid()))
    return (*own, "hosts", "--watch", "--json")


class FleetWatcher:
    """``now`` is how it does, and what it said last.

    ``environment`` is all that it gets. What it prints on stderr is logged.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float],
        first: float = _FIRST,
    ) -> None:
        self._command, self._environment = command, environment
        self._clock, self._first = clock, first
        self._said = ""  # last, on stderr
        self.now = Watching("starting")

    async def run(self) -> None:
        """Service: have it run, until cancelled."""
        ends = 0
        while True:
            began = self._clock()
            reason = await self._turn()
            ends = 1 if self._clock() - began >= _LIVED else ends + 1
            wait = min(self._first * 2.0 ** min(ends - 1, 16), _LAST)
            self.now = replace(self.now, status="failed", reason=reason, pid=None)
            _log.warning("fleet watcher ended reason=%s next=%.0fs", reason, wait)
            await asyncio.sleep(wait)
            again = self.now.restarts + 1
            self.now = replace(self.now, status="starting", reason="", restarts=again)

    async def _turn(self) -> str:
        """Have it run once; return why it ended."""
        self._said = ""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LONGEST,
                start_new_session=True,  # signals of the terminal are the router's
            )
        except OSError as error:
            return str(error)
        self.now = replace(self.now, pid=process.pid)
        _log.info("fleet watcher started pid=%d", process.pid)
        try:
            await self._listen(process)
        finally:
            code = await _end(process)
        return self._said or f"it ended with exit code {code}"

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Take what it says until it says no more."""
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        async with asyncio.TaskGroup() as group:
            errors = group.create_task(self._log(process.stderr), name="fleet: stderr")
            with suppress(ValueError):  # a line without an end
                while line := await process.stdout.readline():
                    self._take(line)
            with suppress(TimeoutError):  # its last words may be on the way
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.wait([errors])
            errors.cancel()

    def _take(self, line: bytes) -> None:
        hosts = read_line(line)
        if hosts is None:
            _log.warning("fleet watcher not understood octets=%d", len(line))
        else:
            self.now = replace(self.now, status="on", hosts=hosts)

    async def _log(self, stderr: asyncio.StreamReader) -> None:
        with suppress(ValueError):
            while line := await stderr.readline():
                self._said = printable(line.decode(errors="replace").strip())
                _log.info("fleet watcher says=%s", self._said)


async def _end(process: asyncio.subprocess.Process) -> int:
    """Let it end, and make sure that it and its own children are gone; return its exit code."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    _signal(process.pid, signal.SIGKILL)
    return await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
