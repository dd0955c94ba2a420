"""Who is heard by mDNS: nobody from the Internet, though the port is open to all.

Questions and answers from elsewhere are to be ignored (RFC 6762 sections 5.5 and 11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import cast

from zeroconf import Zeroconf

from opencoderouter.announce.near import PRIVATE, is_near
from opencoderouter.kernel.addresses import Interface

_SENDERS = 1024  # that are remembered


class Gate(asyncio.DatagramProtocol):
    """Lets in what comes from private networks and from those of ``interfaces``.

    ``inner`` gets it. (A link can have several networks, so private ones are not told apart.)
    """

    def __init__(self, inner: asyncio.DatagramProtocol, interfaces: Iterable[Interface]) -> None:
        self.inner = inner
        networks = (*PRIVATE, *(network for one in interfaces for network in one.networks))
        self._is_near = lru_cache(_SENDERS)(partial(is_near, networks=networks))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass on a packet from nearby."""
        if self._is_near(addr[0]):
            self.inner.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Pass on what a socket says."""
        self.inner.error_received(exc)


def guard(zeroconf: Zeroconf, interfaces: tuple[Interface, ...]) -> None:
    """Set a gate before each socket."""
    for reader in zeroconf.engine.readers:
        inner = cast("asyncio.DatagramProtocol", reader.transport.get_protocol())
        reader.transport.set_protocol(Gate(inner, interfaces))


def gates(zeroconf: Zeroconf) -> list[Gate]:
    """Return the gates that ``guard`` has set."""
    found = (reader.transport.get_protocol() for reader in zeroconf.engine.readers)
    return [one for one in found if isinstance(one, Gate)]
