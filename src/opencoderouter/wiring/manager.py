"""What the service manager that has started this process is told (sd_notify(3)).

There are many of them (systemd, podman, s6), and only the protocol is known here: datagrams of
lines to the socket that the environment names.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, MutableMapping

_log = logging.getLogger(__name__)
_SOCKET, _USEC, _PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
_PER_SECOND = 1_000_000
_AGAIN = 1.0  # seconds until what could not be told is told
# Seconds that all may take to end, besides the time that requests have: servers that do not end by
# themselves, their tools, the guard.
_ENDING = 30.0


class Manager:
    """The manager at ``address``, a path or, with ``@``, an abstract name; "" is nobody.

    It wants to hear within each ``watchdog`` seconds that this process lives. A socket that is
    gone, or full, holds nothing up.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address, self._watchdog = address, watchdog

    def tell(self, *lines: str) -> bool:
        """Send these; return whether they are on their way."""
        where = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outgoing:
                outgoing.setblocking(False)  # noqa: FBT003 - the standard library's
                outgoing.sendto("\n".join(lines).encode(), where)
        except OSError as error:
            _log.debug("not told address=%s error=%s", self._address, error)
            return False
        return True

    async def stand(self, states: AsyncIterator[str]) -> None:
        """Service: say that all is ready, and each new state, until cancelled."""
        if not self._address:
            return
        told = ""
        async for state in states:
            while told != state:
                if self.tell("READY=1", f"STATUS={state}"):
                    told = state
                else:
                    await asyncio.sleep(_AGAIN)

    async def beat(self) -> None:
        """Service: say that the event loop runs, until cancelled.

        A worker that hangs is replaced by its owner: that is no reason to end the owner.
        """
        while self._address and self._watchdog:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)

    def stopping(self, grace: float = 0.0) -> None:
        """Say that it ends now, and how long that may take, where requests have ``grace``."""
        if self._address:
            within = round((grace + _ENDING) * _PER_SECOND)
            self.tell("STOPPING=1", "STATUS=stopping", f"EXTEND_TIMEOUT_USEC={within}")


def manager(environment: MutableMapping[str, str]) -> Manager:
    """Return who is named there, and take it out: what is started here is not to speak for us."""
    address, usec, pid = (environment.pop(name, "") for name in (_SOCKET, _USEC, _PID))
    if not address.startswith(("/", "@")):
        return Manager()
    is_meant = pid in {"", str(os.getpid())}
    watchdog = int(usec) / _PER_SECOND if usec.isdecimal() and is_meant else None
    return Manager(address, watchdog)
