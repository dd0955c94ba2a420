"""A program in place of the router: ``python router.py FIRST_PORT HABITS DIRECTORY...``.

It has a child of its own, too, and says "ready" when its servers are.
"""
# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from tests.wire.launch.rig import launching, program

from opencoderouter.core.model import Status


async def main(port: int, habits: list[str], directories: list[Path]) -> None:
    """Run until somebody kills it."""
    ports = range(port, port + 20)
    async with launching(*directories, command=program(*habits), ports=ports) as launcher:
        async for managed in launcher.follow():
            ready = [server.status is Status.READY for server in managed.values()]
            print("ready" if ready and all(ready) else "waiting", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    habits = [habit for habit in sys.argv[2].split(",") if habit]
    asyncio.run(main(int(sys.argv[1]), habits, [Path(name) for name in sys.argv[3:]]))
