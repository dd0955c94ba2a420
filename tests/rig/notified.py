"""A service manager, as far as it is told how a service does: a datagram socket (sd_notify(3))."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LARGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class Notified:
    """What has come to ``address``, each datagram as its lines."""

    address: str
    socket: socket.socket
    heard: list[list[str]] = field(default_factory=list)

    def until(self, line: str, *, within: float = 60) -> list[str]:
        """Return the first datagram not returned before that has a line which begins so."""
        self.socket.settimeout(within)
        while True:
            try:
                said = self.socket.recv(_LARGEST).decode().split("\n")
            except TimeoutError:
                raise AssertionError(f"no {line!r} in {self.heard}") from None
            self.heard.append(said)
            if any(one.startswith(line) for one in said):
                return said

    def silent(self, line: str, seconds: float) -> bool:
        """Forget what has come; tell whether no such line comes for so long."""
        self.socket.settimeout(0)
        try:
            while True:
                self.socket.recv(_LARGEST)
        except BlockingIOError:
            pass
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                if line in self.socket.recv(_LARGEST).decode().split("\n"):
                    return False
            except TimeoutError:
                return True
        return True


@contextmanager
def notified(address: str) -> Iterator[Notified]:
    """Listen there: a path, or ``@`` and an abstract name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        yield Notified(address, listening)
