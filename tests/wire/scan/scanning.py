"""A scanner at work on servers of the test, and on nothing else that this machine runs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from opencoderouter.core.model import Backend, Listener, Status
from opencoderouter.core.table import Table
from opencoderouter.kernel.sockets import Listeners, kernel_listeners
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.loop import Scanner, ScanPolicy

PATIENCE = 20.0  # seconds; nothing here takes so long unless it hangs
POLL = 0.01
PROC = Path("/proc")


def has_answered(backend: Backend) -> bool:
    """Tell whether a backend is more than a process that starts."""
    return backend.status is not Status.STARTING


@dataclass
class Watched:
    """The kernel's listeners on some ports. ``hidden`` and ``refusing`` make it worse."""

    ports: set[int]
    hidden: set[int] = field(default_factory=set)  # left out once
    refusing: int = 0  # calls that will fail
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    kernel: Listeners | None = field(default_factory=kernel_listeners)

    def __call__(self) -> frozenset[Listener]:
        """Return the listeners of now."""
        assert self.kernel is not None
        self.asked.set()
        if self.refusing:
            self.refusing -= 1
            raise PermissionError
        shown, self.hidden = self.ports - self.hidden, set()
        return frozenset(item for item in self.kernel() if item.port in shown)

    async def was_asked(self, times: int) -> None:
        """Return when the scanner has looked so many times more."""
        async with asyncio.timeout(PATIENCE):
            for _ in range(times):
                self.asked.clear()
                await self.asked.wait()


@dataclass
class Scanning:
    """What a test sees of a scanner."""

    registry: Registry
    scanner: Scanner

    @property
    def table(self) -> Table:
        """Return the newest table."""
        return self.registry.table

    async def until(self, test: Callable[[Table], object]) -> Table:
        """Return the first table that passes."""
        async with asyncio.timeout(PATIENCE):
            async for table in self.registry.follow():
                if test(table):
                    return table
        raise AssertionError

    async def backend(self, port: int, test: Callable[[Backend], object] = has_answered) -> Backend:
        """Return the backend on a port, once it is there and passes: by default, has answered."""

        def found(table: Table) -> Backend | None:
            there = (item for item in table.backends() if item.listener.port == port)
            return next((item for item in there if test(item)), None)

        backend = found(await self.until(found))
        assert backend is not None
        return backend

    async def gone(self, port: int) -> None:
        """Return when there is no backend on a port."""
        await self.until(lambda table: port not in {x.listener.port for x in table.backends()})


@contextmanager
def as_opencode() -> Iterator[Path]:
    """Make a ``/proc`` where this process is ``opencode serve``, and there is no other."""
    with TemporaryDirectory() as folder:
        real, base = PROC / str(os.getpid()), Path(folder) / str(os.getpid())
        base.mkdir()
        for name in ("fd", "stat", "status", "comm"):
            (base / name).symlink_to(real / name)
        (base / "cwd").symlink_to(Path.cwd())
        (base / "cmdline").write_text("opencode\0serve\0")
        yield Path(folder)


@asynccontextmanager
async def scanning(
    ports: range,
    *,
    listeners: Listeners | None = None,
    own_ports: frozenset[int] = frozenset(),
    interval: float = 0.1,
    patience: float = PATIENCE,
    proc: Path | None = None,
    used: Callable[[str], object] = bool,
) -> AsyncIterator[Scanning]:
    """Scan until the block ends, by the kernel's word; begins when all is found that is there.

    ``patience`` is what each question may take. Without a ``proc`` the test's servers are OpenCode.
    """
    policy = ScanPolicy(ports, interval, concurrency=20, stale_after=PATIENCE, poll=POLL)
    registry = Registry()
    with as_opencode() as own:
        async with Client(timeout=patience) as client, asyncio.TaskGroup() as group:
            scanner = Scanner(
                registry,
                client,
                policy,
                uid=os.getuid(),
                listeners=listeners or Watched(set(ports)),
                own_ports=own_ports,
                clock=time.monotonic,
                used=used,
                proc=proc or own,
            )
            service = group.create_task(scanner.run(), name="scan")
            async with asyncio.timeout(PATIENCE):
                await scanner.ready.wait()
            yield Scanning(registry, scanner)
            service.cancel()
