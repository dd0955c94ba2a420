"""A link to this machine by way of any shell, with whatever a login there may print around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from opencoderouter.core.fleet.model import HostState, Unreached, Via
from opencoderouter.core.fleet.transport import Completed, NotForwarded, Stream
from opencoderouter.fleet.local import SocketStream

PROHIBITED = NotForwarded("administratively prohibited", prohibited=True)


@dataclass(slots=True)
class Shell:
    """A ``Link``. ``shell`` reads the script in the place of what the command asks for.

    ``before`` and ``after`` come on stdout around it. ``forwards`` False: as ``AllowTcpForwarding
    no``. ``commands`` counts what was run.
    """

    environment: Mapping[str, str]
    shell: Sequence[str] = ("/bin/sh", "-s")
    before: bytes = b""
    after: bytes = b""
    forwards: bool = True
    commands: list[str] = field(default_factory=list)
    via: Via = Via.LOCAL
    via_reason: str = ""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Run the shell; it is killed when the time is over."""
        self.commands.append(command)
        process = await asyncio.create_subprocess_exec(
            *self.shell,
            env=dict(self.environment),
            cwd=self.environment["HOME"],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        take = on_output or (lambda _: None)
        take(self.before)
        try:
            async with asyncio.timeout(within):
                stdout, stderr = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            await process.communicate()
            return Unreached(HostState.ERROR, "it took too long")
        take(stdout + self.after)
        whole = self.before + stdout + self.after
        return Completed(process.returncode or 0, whole, stderr)

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> Stream | NotForwarded | Unreached:
        """Connect as a forwarded channel would."""
        if not self.forwards:
            return PROHIBITED
        try:
            async with asyncio.timeout(within):
                return SocketStream(*await asyncio.open_connection(address, port))
        except OSError as error:
            return NotForwarded(str(error))
