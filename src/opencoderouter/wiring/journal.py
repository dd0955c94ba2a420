"""What the launcher does, for the audit log."""

from __future__ import annotations

from opencoderouter.core.managed import Managed, Supervisor
from opencoderouter.core.printable import printable
from opencoderouter.proxy.context import Record


async def journal(supervisor: Supervisor, record: Record) -> None:
    """Service: note the servers that are started and that end, whatever the reason."""
    running: dict[str, Managed] = {}
    async for managed in supervisor.follow():
        now = {directory: one for directory, one in managed.items() if one.pid is not None}
        for directory, one in running.items():
            if directory not in now or now[directory].pid != one.pid:
                record("server_ended", directory=printable(directory), pid=one.pid)
        for directory, one in now.items():
            if directory not in running or running[directory].pid != one.pid:
                record("server_started", directory=printable(directory), pid=one.pid, port=one.port)
        running = now
