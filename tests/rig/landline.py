"""A host of the fleet that is this machine, in another home: a link without SSH, and its links."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.processes import MARK, marked

from opencoderouter.core.fleet.model import HostState, Unreached, Via
from opencoderouter.core.fleet.transport import Completed, NotForwarded
from opencoderouter.fleet import process
from opencoderouter.fleet.local import SocketStream


@dataclass(slots=True)
class Landline:
    """Runs commands as ``shell -c``, as sshd does with a login shell. ``sent`` are all of them.

    Only servers that carry the mark of its ``environment`` are seen there.

    ``trouble`` is what every call answers while it is set.
    """

    environment: Mapping[str, str]
    shell: str = "/bin/sh"
    trouble: Unreached | None = None
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    via = Via.LOCAL
    via_reason = ""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Run a command in the home, as a login over SSH would."""
        self.sent.append((command, stdin))
        if self.trouble is not None:
            return self.trouble
        try:
            async with asyncio.timeout(within):
                done = await process.run(
                    (self.shell, "-c", command),
                    stdin=stdin,
                    environment=self.environment,
                    folder=Path(self.environment["HOME"]),
                    heard=on_output,
                )
        except TimeoutError:
            return Unreached(HostState.ERROR, f"longer than {within:g} s")
        if isinstance(done, Unreached) or b"\nserver " not in done.stdout:
            return done
        return dataclasses.replace(done, stdout=self._own(done.stdout))

    def _own(self, output: bytes) -> bytes:
        """Leave out what listens on this machine, and has nothing to do with the test."""
        own = {process.pid for process in marked(self.environment[MARK])}
        lines = output.splitlines(keepends=True)
        return b"".join(
            line for line in lines if not line.startswith(b"server ") or int(line.split()[1]) in own
        )

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> SocketStream | NotForwarded | Unreached:
        """Open a connection."""
        if self.trouble is not None:
            return self.trouble
        try:
            async with asyncio.timeout(within):
                return SocketStream(*await asyncio.open_connection(address, port))
        except OSError as error:
            return NotForwarded(str(error))


@dataclass(frozen=True, slots=True)
class Landlines:
    """The links of a fleet, by alias."""

    lines: Mapping[str, Landline]

    def link(self, alias: str) -> Landline:
        """Return the link of a host."""
        return self.lines[alias]
