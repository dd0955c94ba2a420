"""What is heard by mDNS: nothing from the Internet, and nothing that zeroconf cannot say again.

The port is open to all; questions and answers from elsewhere are to be ignored (RFC 6762 sections
5.5 and 11). Octets of a name that are no UTF-8 are read as U+FFFD, which is longer: a label may be
too long then to be written, and whatever is sent with it in a list of what is known fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import cast

from zeroconf import Zeroconf
from zeroconf._dns import DNSPointer, DNSRecord, DNSService
from zeroconf._protocol.incoming import DNSIncoming

from opencoderouter.announce.near import PRIVATE, is_near
from opencoderouter.kernel.addresses import Interface

_SENDERS = 1024  # that are remembered
_LABEL = 63  # octets


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
        if self._is_near(addr[0]) and is_writable(data):
            self.inner.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Pass on what a socket says."""
        self.inner.error_received(exc)


def is_writable(data: bytes) -> bool:
    """Tell whether all names of a packet can be written, also in lower case."""
    message = DNSIncoming(data)
    names = [one.name for one in message.questions]
    for record in message.answers():
        names += _names(record)
    return all(map(_fits, names))


def _names(record: DNSRecord) -> list[str]:
    if isinstance(record, DNSPointer):
        return [record.name, record.alias]
    return [record.name, record.server] if isinstance(record, DNSService) else [record.name]


def _fits(name: str) -> bool:
    if name.isascii():
        return True
    return all(
        len(one.encode("utf-8", "replace")) <= _LABEL
        for label in name.split(".")
        for one in (label, label.lower())
    )


def guard(zeroconf: Zeroconf, interfaces: tuple[Interface, ...]) -> None:
    """Set a gate before each socket."""
    for reader in zeroconf.engine.readers:
        inner = cast("asyncio.DatagramProtocol", reader.transport.get_protocol())
        reader.transport.set_protocol(Gate(inner, interfaces))


def gates(zeroconf: Zeroconf) -> list[Gate]:
    """Return the gates that ``guard`` has set."""
    found = (reader.transport.get_protocol() for reader in zeroconf.engine.readers)
    return [one for one in found if isinstance(one, Gate)]
