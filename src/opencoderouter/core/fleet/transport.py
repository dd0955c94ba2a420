"""What carries commands and connections to one host; ``fleet`` has three of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from opencoderouter.core.fleet.model import Unreached, Via


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that came to its end. ``code`` is its exit code, -N for signal N."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class NotForwarded:
    """The host is there, but does not connect us to that port: ``reason`` says why.

    ``prohibited``: it forwards nothing at all (``AllowTcpForwarding no``).
    """

    reason: str
    prohibited: bool = False


class Stream(Protocol):
    """An open byte stream to a TCP port of the host."""

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the stream has ended."""

    async def receive(self, most: int) -> bytes:
        """Return what has come, at most so many octets; nothing at the end. Raises OSError."""

    async def close(self) -> None:
        """End it, both ways."""


class Link(Protocol):
    """One host. Connections are made when needed, kept, shared, and made again when lost.

    Cancelling any call closes what it used.
    """

    @property
    def via(self) -> Via:
        """Tell what carries it now."""

    @property
    def via_reason(self) -> str:
        """Tell why that is not Fabric; nothing where it is."""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Run a command line of the user's login shell (POSIX), to its end.

        ``within`` (seconds) is for everything, connecting included; when it is over the result is
        Unreached (UNREACHABLE while connecting, else ERROR), and nothing is left behind.
        ``on_output`` gets each piece of stdout as it comes, on the event loop; the result has all
        of it as well.
        """

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> Stream | NotForwarded | Unreached:
        """Open a stream to a port that the host sees on its own loopback address."""


class Links(Protocol):
    """The links of a fleet."""

    def link(self, alias: str) -> Link:
        """Return the link of a host; the same one each time."""
