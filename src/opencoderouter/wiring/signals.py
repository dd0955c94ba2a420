"""How a router is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

log = logging.getLogger(__name__)


def stop_on_signals() -> asyncio.Event:
    """Return an event that the first signal sets. The second ends the process at once."""
    stop = asyncio.Event()

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            log.warning("ending at once signal=%s", number.name)
            os._exit(128 + number)  # the guard sees it and takes the servers along
        stop.set()

    loop = asyncio.get_running_loop()
    # `nohup` means it. A shell ignores SIGINT for what it starts in the background, too: but who
    # sends that to the router means it as well.
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    for number in (signal.SIGINT, signal.SIGTERM, *hangup):
        loop.add_signal_handler(number, received, number)
    return stop


async def first_of(*events: asyncio.Event) -> None:
    """Return when one of these is set."""
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(event.wait(), name="wait") for event in events]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
